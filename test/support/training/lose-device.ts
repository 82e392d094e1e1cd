/**
 * A program that trains on a backend twice, makes the device fail during each run, and prints the
 * outcomes as JSON on the last line.
 *
 *     node test/support/training/lose-device.ts webgpu FOLDER
 */
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { ExpectedError } from '../../../shared/expected-error.ts';
import {
  assureDevice,
  nameDeviceFault,
  selectBackend,
  type BackendName,
} from '../../../trainer/tensorflow/backend.ts';
import { makeTinyDataset, TINY_CONFIG } from './tensors.ts';
import { trainQuietly } from './train-quietly.ts';

/** The printed outcome of two runs. */
export interface Faults {
  /** A buffer was asked for that no GPU holds. */
  readonly memory: Outcome;
  /** The device was destroyed. */
  readonly lost: Outcome;
}

interface Outcome {
  readonly isExpected: boolean;
  readonly message: string;
}

/**
 * Each run fails after step 4 was logged; checkpoints of steps 2 and 4 exist. The runs lie in the
 * folders `memory` and `lost`.
 */
export const LOSSY_CONFIG = { ...TINY_CONFIG, steps: 10, checkpointEvery: 2, imageEvery: 1 };

const STORAGE = 128; // GPUBufferUsage.STORAGE

if (process.argv[1] === import.meta.filename) {
  const [name = 'webgpu', parent = ''] = process.argv.slice(2);
  const backend = await selectBackend(name as BackendName);
  const { device } = tf.backend() as unknown as {
    device: { destroy(): void; createBuffer(facts: { size: number; usage: number }): void };
  };
  const advice = { advice: 'Go on with --resume.', batchSize: LOSSY_CONFIG.batchSize };
  const train = (folder: string, fail: () => void): Promise<Outcome> => {
    const log = ({ step }: { step: number }): void => (step === 4 ? fail() : undefined);
    const assure = (): Promise<void> => assureDevice(backend, advice);
    return nameDeviceFault(backend, advice, () =>
      trainQuietly(join(parent, folder), LOSSY_CONFIG, makeTinyDataset(), { log }, assure),
    ).then(
      () => ({ isExpected: false, message: 'the training went on' }),
      (error: Error) => ({ isExpected: error instanceof ExpectedError, message: error.message }),
    );
  };
  const faults: Faults = {
    memory: await train('memory', () => device.createBuffer({ size: 2 ** 45, usage: STORAGE })),
    lost: await train('lost', () => device.destroy()),
  };
  console.log(JSON.stringify(faults));
  await setImmediate();
  await backend.release();
}
