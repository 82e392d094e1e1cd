/**
 * The recipe from a seed to pixels: the program in docs/recipe.md, which has only NumPy and the
 * model's files, draws what the API draws.
 */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as v from 'valibot';
import { digitsSchema, modelCardSchema } from '../../../shared/contract/answers.ts';
import { hasTools, runPython } from '../../support/data-tools/data-tools.ts';
import { startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

const PAGE = await readFile(new URL('../../../docs/recipe.md', import.meta.url), 'utf8');
const PROGRAM = /```py\n([^]*?)```/.exec(PAGE)?.[1] ?? '';

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker();
});
afterAll(() => worker.close());

test.skipIf(!hasTools('tables')).each([
  ['Ada', 0, 1],
  ['Å🦊', 4_294_967, 0.7],
])(
  'the program on the page draws the digits of %j from %i with truncation %d',
  async (seed, start, truncation) => {
    const n = 12;
    const args = [seed, String(start), String(n), String(truncation)];
    const own = JSON.parse(runPython('tables', PROGRAM, 'models/digits', ...args)) as {
      index: number;
      label: number;
      latent: number[];
      pixels: number[];
    }[];
    const query = new URLSearchParams({
      seed,
      start: String(start),
      truncation: String(truncation),
    });
    const path = `/digit.json?${query.toString()}&n=${n}&latent=1&model=digits`;
    const { digits } = v.parse(digitsSchema, await (await worker.fetch(path)).json());
    const facts = (all: typeof own) =>
      all.map(({ index, label, latent }) => [index, label, latent]);
    expect(facts(own)).toEqual(digits.map(({ index, label, latent }) => [index, label, latent]));
    const differences = digits.flatMap(({ pixels }, i) =>
      pixels.map((pixel, p) => Math.abs(pixel - (own[i]?.pixels[p] ?? Infinity))),
    );
    expect(differences).toHaveLength(n * 28 * 28);
    // Some numbers of the network are rounded up here and down there. Without 8-bit products the
    // root mean square is 3.7.
    const far = differences.filter((difference) => difference > 1);
    expect(far.length / differences.length).toBeLessThan(0.05);
    expect(Math.hypot(...differences) / Math.sqrt(differences.length)).toBeLessThan(1.5);
  },
);

test.skipIf(!hasTools('tables'))('the Python of the quick start reads a set', async () => {
  const page = await readFile(new URL('../../../docs/quick-start.md', import.meta.url), 'utf8');
  const [, program = ''] = /^```py\n(.*?)^```$/ms.exec(page) ?? [];
  const own = program.replace('https://YOUR-WORKER', worker.url.origin);
  const { digits } = v.parse(
    digitsSchema,
    await (await worker.fetch('/digit.json?seed=Ada&n=10')).json(),
  );
  const labels = digits.map(({ label }) => label).join(' ');
  expect(runPython('tables', own)).toBe(`(1000, 28, 28) [${labels}]\n`);
});

test('the card tells the recipe with the model’s own numbers, as the page does', async () => {
  const answer = await worker.fetch('/models/digits');
  const { recipe } = v.parse(modelCardSchema, await answer.json());
  expect(Object.keys(recipe)).toEqual([
    'law',
    'key',
    'words',
    'label',
    'latent',
    'input',
    'pixels',
  ]);
  expect(recipe['latent']).toMatch(/^64 words from block 1 on/);
  expect(recipe['input']).toContain('64 numbers of the latent vector, then 10 for the classes');
  expect(recipe['pixels']).toBe(
    'the output from -0.8 to 0.8 as 0 to 255: scaled, rounded, halves up, and clamped',
  );
  expect(PAGE).toContain('(word >> 8) / 2^23 - 1');
});
