/**
 * A program that trains a few steps of the tutorial's GAN on a backend and prints the result as
 * JSON on the last line. It needs its own process, because a process can choose a backend only once
 * and WebGPU reads its environment at the start.
 *
 *     node test/support/training/train-on-backend.ts BACKEND STEPS
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PRESETS, type TrainingConfig } from '../../../trainer/gan/preset.ts';
import { loadMetrics } from '../../../trainer/run/run-folder.ts';
import { selectBackend, type BackendName } from '../../../trainer/tensorflow/backend.ts';
import { readSmallMnist } from './small-mnist.ts';
import { trainQuietly } from './train-quietly.ts';

/** The printed result. */
export interface BackendRun {
  readonly description: string;
  /** The losses of every step. */
  readonly losses: readonly (readonly [discriminator: number, generator: number])[];
  /** Hash of the trained generator's bytes. */
  readonly weightsSha256: string;
  readonly millisecondsPerStep: number;
}

if (process.argv[1] === import.meta.filename) {
  const [name = 'cpu', steps = '3'] = process.argv.slice(2);
  const backend = await selectBackend(name as BackendName);
  const dataset = await readSmallMnist(256);
  const config: TrainingConfig = {
    ...PRESETS.seed,
    augment: 0.5,
    seed: 'contract',
    steps: Number(steps),
    batchSize: 32, // Plain JavaScript takes a second for the preset's.
    imageEvery: 1,
    checkpointEvery: 1e9,
  };
  const parent = await mkdtemp(join(tmpdir(), 'digitmint-backend-'));
  const folder = join(parent, 'run');
  const startedAt = performance.now();
  const { weights } = await trainQuietly(folder, config, dataset);
  const lines = await loadMetrics(folder);
  const run: BackendRun = {
    description: backend.description,
    losses: lines.map(({ discriminatorLoss, generatorLoss }) => [discriminatorLoss, generatorLoss]),
    weightsSha256: createHash('sha256')
      .update(new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength))
      .digest('hex'),
    millisecondsPerStep: (performance.now() - startedAt) / config.steps,
  };
  console.log(JSON.stringify(run));
  await rm(parent, { recursive: true });
  await backend.release();
}
