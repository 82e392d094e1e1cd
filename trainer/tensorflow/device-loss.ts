/**
 * A device that is lost in the middle of its work: a GPU whose driver was reset, that was unplugged, or that ran out of memory.
 */
import { setImmediate } from 'node:timers/promises';
import { ExpectedError } from '../../shared/expected-error.ts';
import type { OpenBackend } from './open-backend.ts';

/** The device is gone. The message says why and what to do. */
export class DeviceLostError extends ExpectedError {
  override name = 'DeviceLostError' as const;
}

/**
 * Computes on a backend, and names the loss of its device where one explains why that failed.
 *
 * @param advice  What to do when it is lost.
 * @throws DeviceLostError  In place of what `compute` threw, which is its cause.
 */
export async function nameDeviceLoss<T>(
  { description, findLoss }: Pick<OpenBackend, 'description' | 'findLoss'>,
  advice: string,
  compute: () => Promise<T>,
): Promise<T> {
  try {
    return await compute();
  } catch (cause) {
    // What fails and the news of why come in any order.
    await setImmediate();
    const loss = findLoss?.();
    if (loss === undefined) {
      throw cause;
    }
    throw new DeviceLostError(
      `the device was lost (${description}): ${loss} A reset of its driver, a suspended machine or too little memory does this. ${advice}`,
      { cause },
    );
  }
}
