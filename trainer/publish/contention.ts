/**
 * Changing one object that others change too: read, decide, write under the condition that nobody wrote meanwhile, and
 * again from the start when somebody did.
 */
import { repeat, type Waiting } from '../../storage/retry.ts';
import { PublishError } from './publish-error.ts';

const ATTEMPTS = 12;
/** R2 takes one write a second to one key. */
const BACKOFF = { baseMs: 250, maxMs: 4000 };

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
  waiting?: Waiting,
): Promise<T> {
  const outcome = await repeat(attempt, BACKOFF, { attempts: ATTEMPTS, waiting });
  if (outcome !== undefined) {
    return outcome.done;
  }
  throw new PublishError(where, { reason: 'contended', key, attempts: ATTEMPTS });
}
