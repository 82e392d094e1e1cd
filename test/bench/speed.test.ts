/**
 * The output of `npm run bench`: the page and the pictures. The times are a benchmark's,
 * and not tested.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseXml } from '@rgrove/parse-xml';
import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import { renderPage, renderPlot } from '../../bench/page.ts';
import {
  formatFigure,
  recordSchema,
  takeSpread,
  type BenchRecord,
  type BenchTable,
} from '../../bench/record.ts';

const BENCH = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));

const TABLE: BenchTable = {
  id: 'drawing',
  title: 'Drawing, one thread',
  unit: 'ms',
  better: 'lower',
  notes: ['Measured for this test.'],
  cases: ['few <1>', 'many'],
  rows: [
    { subject: 'ours', isOurs: true, values: [takeSpread([1, 3, 2]), takeSpread([40])] },
    { subject: 'slow', isOurs: false, values: [takeSpread([8, 8]), null] },
    { subject: 'fast', isOurs: false, values: [takeSpread([4]), takeSpread([20])] },
  ],
  limit: { what: 'light', values: [0.5, null] },
  goals: [2, 30],
};

const RECORD: BenchRecord = {
  schema: 1,
  suite: 'drawing',
  measuredAt: '2026-01-02T03:04:05.678Z',
  machine: { system: 'S', processor: 'P', cores: 2, memoryGiB: 4, loadBefore: 0.25 },
  versions: { tool: '1.2' },
  tables: [TABLE],
};

it.each([
  ['engine egde', 'there is no suite egde'],
  ['engine png --json figures.json', '--json: holds the figures of one suite'],
])('`npm run bench -- %s` is refused before anything runs', (words, message) => {
  const { status, stderr } = spawnSync(process.execPath, [BENCH, ...words.split(' ')], {
    encoding: 'utf8',
  });
  expect(stderr).toContain(message);
  expect(status).toBe(1);
});

describe('figures', () => {
  it('are least, middle and largest', () => {
    expect(takeSpread([3, 1, 2])).toEqual({ runs: 3, min: 1, median: 2, max: 3 });
    expect(takeSpread([4, 1, 2, 3])).toMatchObject({ median: 2.5 });
  });

  it.each([
    [0, '0'],
    [0.0704, '0.070'],
    [1.044, '1.04'],
    [16.64, '16.6'],
    [452.4, '452'],
    [20_828, '20,828'],
  ])('%f is written %s', (value, text) => {
    expect(formatFigure(value)).toBe(text);
  });

  it('of another version are refused', () => {
    expect(v.is(recordSchema, { ...RECORD, schema: 2 })).toBe(false);
    expect(v.is(recordSchema, RECORD)).toBe(true);
  });
});

describe('the page', () => {
  const MARK = '<!-- Written by `npm run bench` from here on: change it there. -->';
  const page = renderPage(`# Title\n\nProse.\n\n${MARK}\n\nold`, [RECORD], 'plots');
  const lines = page.split('\n');

  it('keeps what people wrote above the mark, and nothing below it', () => {
    expect(page.startsWith(`# Title\n\nProse.\n\n${MARK}\n\n## In short\n`)).toBe(true);
    expect(page).not.toContain('old');
    expect(page).toContain('](plots/drawing.svg)');
  });

  it('says in short who is faster, by how much, and what was missed', () => {
    const [few, many] = lines.filter((line) => line.startsWith('| [Drawing'));
    expect(few).toBe(
      '| [Drawing, one thread](#drawing-one-thread): few <1> | **2.00 ms** | ≤ 2.00 ms | 4.00 ms, fast | 2.00 × faster | 4.00 × |',
    );
    expect(many).toBe(
      '| [Drawing, one thread](#drawing-one-thread): many | **40.0 ms** | ≤ 30.0 ms (missed) | 20.0 ms, fast | 2.00 × slower |  |',
    );
  });

  it('has each figure with its spread and its ratio, and the machine', () => {
    expect(lines).toContain('| **ours** | 2.00 (1.00–3.00) | 1 | 40.0 | 1 |');
    expect(lines).toContain('| slow | 8.00 (8.00–8.00) | 4.00 | – |  |');
    expect(lines).toContain('| _limit_ | 0.500 | 0.250 |  |  |');
    expect(lines).toContain('Limit: light.');
    expect(page.replaceAll('\n', ' ')).toContain(
      '2 cores of P, 4 GiB, S; load before 0.25. tool 1.2.',
    );
  });
});

describe('the picture', () => {
  let svg: string;
  beforeAll(async () => {
    svg = await renderPlot(TABLE);
  });
  /** Where the marks with a name stand from left to right, in the order of the rows. */
  const findPlaces = (name: string): number[] => {
    const [, marks = ''] = new RegExp(` ${name}_marks"[^>/]*>(.*?)</g>`).exec(svg) ?? [];
    return [...marks.matchAll(/translate\(([0-9.]+),/g)].map(([, x]) => Number(x));
  };

  it('has a dot for every figure, further right where it took longer', () => {
    const [ours = NaN, slow = NaN, fast = NaN] = findPlaces('median_0');
    const [oursOfMany = NaN, fastOfMany = NaN] = findPlaces('median_1');
    expect(ours).toBeLessThan(fast);
    expect(fast).toBeLessThan(slow);
    expect(fastOfMany).toBeLessThan(oursOfMany);
    const [limit = NaN] = findPlaces('limit_0');
    expect(limit).toBeLessThan(ours);
    expect(findPlaces('limit_1')).toEqual([]);
  });

  it('is well formed, and tells its values to those who do not see it', () => {
    expect(parseXml(svg).root?.name).toBe('svg');
    expect(svg).toContain('slow: few &lt;1&gt; 8.00 (8.00–8.00), many –');
    expect(svg).toContain('<title>2.00 (1.00–3.00)</title>');
  });

  it('is the same for the same figures', async () => {
    expect(await renderPlot(TABLE)).toBe(svg);
  });
});
