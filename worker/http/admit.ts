/**
 * Lets a request have its work done: counted for its caller, and what takes much one after the other, so that neither memory
 * nor the wait of others grows with the number of those who ask.
 */
import { LIMITS } from '../../shared/contract/limits.ts';
import { getDefer, type AppContext, type AppDependencies } from '../context.ts';
import { countRequest } from './rate-limit.ts';
import { respondError } from './respond-error.ts';
import { BusyError, type GateLimits } from './work-gate.ts';

/** The thread does one thing at a time: more at once would only take more memory. */
export const HEAVY_WORK: GateLimits = {
  concurrent: 1,
  waiting: 8,
  waitMs: 5_000,
  expiresMs: 30_000,
};

/** When to come back: by then one of those that waited is done. */
export const BUSY_RETRY_SECONDS = 1;

/** What an answer takes, before it is made. */
export interface Work {
  /** Digits or frames that are drawn. */
  readonly digits: number;
  /** Of the final picture; 0 where there is none. */
  readonly pixels: number;
}

/** What is read from storage, or drawn in a moment. */
export const LIGHT_WORK: Work = { digits: 1, pixels: 0 };

/** What takes much for another reason than its digits. */
export const HEAVIEST_WORK: Work = { digits: Infinity, pixels: 0 };

/** Whether an answer takes so much work that it waits its turn: see `LIMITS`. */
export function isHeavy({ digits, pixels }: Work): boolean {
  return digits > LIMITS.maxLightDigits || pixels > LIMITS.maxLightPixels;
}

/**
 * Answers with work, or with why it is not done.
 * @param answer  Does the work, at once or when its turn has come.
 */
export async function admit(
  c: AppContext,
  { rateLimits, heavyWork }: Pick<AppDependencies, 'rateLimits' | 'heavyWork'>,
  work: Work,
  answer: () => Response | Promise<Response>,
): Promise<Response> {
  const heavy = isHeavy(work);
  const refused = await countRequest(c, rateLimits, heavy);
  if (refused !== undefined) {
    return respondError(c, refused);
  }
  if (!heavy) {
    return answer();
  }
  try {
    return await heavyWork.run(async () => {
      await giveTurn();
      return answer();
    }, getDefer(c));
  } catch (cause) {
    if (cause instanceof BusyError) {
      return respondError(c, { code: 'busy', retryAfterSeconds: BUSY_RETRY_SECONDS });
    }
    throw cause;
  }
}

/** The thread does not look at other requests while it draws: so those that came meanwhile are taken in, or refused, first. */
export function giveTurn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
