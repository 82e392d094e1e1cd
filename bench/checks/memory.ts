/**
 * Whether training leaks: tensors and the resident memory of the process while a tiny GAN is
 * trained as `npm run train` does it, with its grids, logs and checkpoints. Fails when either grew.
 */
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import { ExpectedError } from '../../shared/expected-error.ts';
import { judgeMemory, type MemoryRow } from '../../test/soak/memory.ts';
import { makeTinyDataset, TINY_CONFIG } from '../../test/support/training/tensors.ts';
import { hashDataset } from '../../trainer/data/dataset.ts';
import { createRunFolder, hashRun } from '../../trainer/run/run-folder.ts';
import { runTraining } from '../../trainer/run/training-loop.ts';
import { selectBackend } from '../../trainer/tensorflow/backend.ts';
import { withFolder, type Suite } from '../harness.ts';

const ROWS = 20;
const ALLOWANCE_MIB = 16;

export const measure: Suite = async (quick) => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const steps = quick ? 2 * ROWS : 1000;
  const imageEvery = steps / ROWS;
  const config = { ...TINY_CONFIG, steps: steps + 1, imageEvery, checkpointEvery: 500 };
  const dataset = makeTinyDataset();
  await selectBackend('cpu');
  const facts = { name: dataset.name, images: dataset.count, sha256: hashDataset(dataset) };
  const options = { config, dataset: facts };
  const rows: MemoryRow[] = [];
  const log = ({ step }: { readonly step: number }): void => {
    if (step % imageEvery === 0) {
      collectGarbage();
      const residentMiB = process.memoryUsage().rss / 2 ** 20;
      // The judge's models are tensors here: not one more may be alive.
      rows.push({ requests: step, seconds: 0, residentMiB, models: tf.memory().numTensors });
    }
  };
  await withFolder(async (parent) => {
    const folder = join(parent, 'run');
    await createRunFolder(folder, options);
    await runTraining({
      config,
      dataset,
      runSha256: hashRun(options),
      folder,
      checkpoint: null,
      reporter: { log, show: () => {}, say: () => {}, end: () => {} },
      signal: new AbortController().signal,
    });
  });
  const { grew, text } = judgeMemory(rows, quick ? 1000 : ALLOWANCE_MIB);
  console.log(text.replace('models in memory', 'tensors alive'));
  if (grew) {
    throw new ExpectedError('memory grew.');
  }
  return { tables: [], versions: {} };
};
