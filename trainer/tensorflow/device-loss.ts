/**
 * A device that is lost while it computes: a GPU whose driver was reset, that was unplugged, or that ran out of memory.
 */
import { setImmediate } from 'node:timers/promises';
import { ExpectedError } from '../../shared/expected-error.ts';
import type { OpenBackend } from './open-backend.ts';

/** The device is gone. The message says why and what to do. */
export class DeviceLostError extends ExpectedError {
  override name = 'DeviceLostError' as const;
}

/**
 * Computes on a backend. When that fails and the device is lost, the error says so.
 *
 * @param advice  What to do then.
 * @throws DeviceLostError  Its cause is what `compute` threw.
 */
export async function nameDeviceLoss<T>(
  { description, findLoss }: Pick<OpenBackend, 'description' | 'findLoss'>,
  advice: string,
  compute: () => Promise<T>,
): Promise<T> {
  try {
    return await compute();
  } catch (cause) {
    // The failure may come before the news that the device is lost.
    await setImmediate();
    const loss = findLoss?.();
    if (loss === undefined) {
      throw cause;
    }
    throw new DeviceLostError(
      `the device was lost (${description}): ${loss} ` +
        `A reset of its driver, a suspended machine or too little memory does this. ${advice}`,
      { cause },
    );
  }
}
