/**
 * Whether training keeps memory: tensors and the process's resident set while a tiny GAN is trained, in plain JavaScript
 * or on another backend.
 *
 *   npm run bench:memory [-- STEPS [BACKEND]]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import { makeTinyDataset, TINY_CONFIG } from '../test/support/tensors.ts';
import { hashDataset } from '../trainer/dataset/dataset.ts';
import type { Progress } from '../trainer/reporter.ts';
import { createRunFolder, hashRun } from '../trainer/run-folder.ts';
import { selectBackend, type BackendName } from '../trainer/tensorflow/backend.ts';
import { runTraining } from '../trainer/training-loop.ts';

const ROWS = 10;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const [steps = '1000', name = 'cpu'] = process.argv.slice(2);
const backend = await selectBackend(name as BackendName);
const dataset = makeTinyDataset();
const config = { ...TINY_CONFIG, steps: Number(steps) + 1, imageEvery: Math.ceil(Number(steps) / ROWS), checkpointEvery: 500 };
const options = {
  config,
  dataset: { name: dataset.name, images: dataset.count, sha256: hashDataset(dataset) },
  backend: { name: backend.name, threads: backend.threads ?? null },
};
const parent = await mkdtemp(join(tmpdir(), 'digitmint-memory-'));
const folder = join(parent, 'run');
await createRunFolder(folder, options);

console.log(`${backend.name}, Node ${process.versions.node}\n\n  step   tensors   tensor bytes   resident MiB   heap MiB`);
const log = ({ step }: Progress): void => {
  if (step % config.imageEvery !== 0) {
    return;
  }
  collectGarbage();
  const { rss, heapUsed } = process.memoryUsage();
  const { numTensors, numBytes } = tf.memory();
  const cells = [step, numTensors, numBytes, (rss / 2 ** 20).toFixed(1), (heapUsed / 2 ** 20).toFixed(1)];
  console.log(cells.map((cell, i) => String(cell).padStart([6, 10, 15, 15, 11][i] ?? 0)).join(''));
};
await runTraining({
  config,
  dataset,
  runSha256: hashRun(options),
  folder,
  checkpoint: null,
  reporter: { log, show: () => {}, say: () => {}, end: () => {} },
  signal: new AbortController().signal,
  now: () => performance.now(),
});
console.log(`\nafter the run: ${tf.memory().numTensors} tensors`);
await rm(parent, { recursive: true });
await backend.release();
process.exit(0);
