import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { renderPlot } from '../../bench/page.ts';
import { makeWorthTable, planCases, workOff } from '../../bench/suites/worth.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'digitmint-worth-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('goes on after the trainings that a killed run had finished, for the same model and data', async () => {
  const cases = planCases([100, 300], ['1', '2']);
  const seen: string[] = [];
  const learn = (stopAfter: number) => async (one: (typeof cases)[number]) => {
    if (seen.length >= stopAfter) {
      throw new Error('killed');
    }
    seen.push(`${one.count} ${one.source} ${one.seed}`);
    return one.count / 1000;
  };
  await expect(workOff(folder, 'model', cases, learn(5))).rejects.toThrow('killed');
  const runs = await workOff(folder, 'model', cases, learn(99));
  expect(seen).toHaveLength(cases.length);
  expect(new Set(seen).size).toBe(cases.length);
  expect(runs.map(({ accuracy, ...one }) => [one.count, accuracy])).toEqual(
    cases.map(({ count }) => [count, count / 1000]),
  );
  expect(await workOff(folder, 'model', cases, learn(0))).toEqual(runs);
  await expect(workOff(folder, 'another model', cases, learn(0))).rejects.toThrow('killed');
});

it('is shown as curves of errors over n, with the spread of the seeds', async () => {
  const errors = { real: 0.1, generated: 0.2, both: 0.05 };
  const runs = planCases([100, 1000], ['1', '2']).map((one) => ({
    ...one,
    accuracy: 1 - (errors[one.source] * Number(one.seed) * 100) / one.count,
  }));
  const table = makeWorthTable([100, 1000], runs);
  expect(table.rows.map(({ values }) => values[1]?.max)).toEqual(
    [2, 4, 1].map((value) => expect.closeTo(value, 9) as number),
  );
  const svg = await renderPlot(table);
  for (const text of ['n generated', '>100<', '>1k<', 'n, digits of each kind']) {
    expect(svg).toContain(text);
  }
});
