/**
 * Changing one object that others change too: read, decide, write under the condition that nobody wrote meanwhile, and
 * again from the start when somebody did.
 */
import { computeBackoffMs, realWaiting, type Waiting } from '../../storage/backoff.ts';
import { PublishError } from './publish-error.ts';

const ATTEMPTS = 12;
/** R2 takes one write a second to one key. */
const WAIT_MS = { base: 250, max: 4000 };

/**
 * Runs an attempt until it is done.
 *
 * @param where    The store's description.
 * @param attempt  Undefined when another wrote first.
 * @throws PublishError  `contended`, when others wrote first in every attempt.
 */
export async function retryContended<T>(
  where: string,
  key: string,
  attempt: () => Promise<{ readonly done: T } | undefined>,
  waiting: Waiting = realWaiting,
): Promise<T> {
  for (let index = 0; index < ATTEMPTS; index += 1) {
    const outcome = await attempt();
    if (outcome !== undefined) {
      return outcome.done;
    }
    await waiting.sleep(computeBackoffMs(index, WAIT_MS.base, WAIT_MS.max, waiting.random));
  }
  throw new PublishError(where, { reason: 'contended', key, attempts: ATTEMPTS });
}
