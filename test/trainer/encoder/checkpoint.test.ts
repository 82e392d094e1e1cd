/** Tests the checkpoint of an encoder's training. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadCheckpoint, saveCheckpoint } from '../../../trainer/encoder/checkpoint.ts';

const SETTINGS = { model: { name: 'digits' }, seed: '1', training: { steps: 24 } };
const state = {
  step: 3,
  weights: Float32Array.of(1, 2),
  firstMoment: Float32Array.of(3, 4),
  secondMoment: Float32Array.of(5, 6),
  average: Float32Array.of(7, 8),
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'digitmint-encoder-run-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const load = (settings: object) => loadCheckpoint(folder, JSON.stringify(settings), 2);

test('a training goes on from the checkpoint of its settings, and a new folder has none', async () => {
  expect(await load(SETTINGS)).toBeUndefined();
  await saveCheckpoint(folder, JSON.stringify(SETTINGS), state);
  expect(await load(SETTINGS)).toEqual(state);
});

test('a checkpoint of other settings is refused by name, and kept', async () => {
  await saveCheckpoint(folder, JSON.stringify(SETTINGS), state);
  await expect(load({ ...SETTINGS, seed: '2', training: { steps: 48 } })).rejects.toThrow(
    `--run ${folder}: its checkpoint has other settings (seed: "1", not "2"; training: {"steps":24}, not {"steps":48}). Give those to go on, or name another folder by --run`,
  );
  expect(await load(SETTINGS)).toEqual(state);
});

test('a damaged checkpoint is refused, and kept', async () => {
  await saveCheckpoint(folder, JSON.stringify(SETTINGS), state);
  const file = join(folder, 'encoder.safetensors');
  const half = (await readFile(file)).subarray(0, 100);
  await writeFile(file, half);
  await expect(load(SETTINGS)).rejects.toThrow(`${file} is damaged. Remove it to begin anew`);
  expect(await readFile(file)).toEqual(half);
});
