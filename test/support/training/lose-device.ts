/**
 * A program that trains on a backend, destroys the device during the run, and prints the outcome as
 * JSON on the last line.
 *
 *     node test/support/training/lose-device.ts webgpu FOLDER
 */
import * as tf from '@tensorflow/tfjs';
import { setImmediate } from 'node:timers/promises';
import { ExpectedError } from '../../../shared/expected-error.ts';
import {
  nameDeviceLoss,
  selectBackend,
  type BackendName,
} from '../../../trainer/tensorflow/backend.ts';
import { makeTinyDataset, TINY_CONFIG } from './tensors.ts';
import { trainQuietly } from './train-quietly.ts';

/** The printed outcome. */
export interface Loss {
  readonly isExpected: boolean;
  readonly message: string;
}

/**
 * The outcome when the device is lost after step 4 was logged; checkpoints of steps 2 and 4 exist.
 */
export const LOSSY_CONFIG = { ...TINY_CONFIG, steps: 10, checkpointEvery: 2, imageEvery: 1 };

if (process.argv[1] === import.meta.filename) {
  const [name = 'webgpu', folder = ''] = process.argv.slice(2);
  const backend = await selectBackend(name as BackendName);
  const { device } = tf.backend() as unknown as { device: { destroy(): void } };
  const log = ({ step }: { step: number }): void => {
    if (step === 4) {
      device.destroy();
    }
  };
  const told = await nameDeviceLoss(backend, 'Go on with --resume.', () =>
    trainQuietly(folder, LOSSY_CONFIG, makeTinyDataset(), backend.name, { log }),
  ).then(
    () => ({ isExpected: false, message: 'the training went on' }),
    (error: Error) => ({ isExpected: error instanceof ExpectedError, message: error.message }),
  );
  console.log(JSON.stringify(told satisfies Loss));
  await setImmediate();
  await backend.release();
}
