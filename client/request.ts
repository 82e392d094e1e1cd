/** Sends requests, with a few retries while the service is busy. */
import { readProblem } from './api-error.ts';
import { writeOption } from './option-text.ts';

export interface RequestOptions {
  /** Aborts the request, its waits and the reading of its answer. */
  readonly signal?: AbortSignal | undefined;
  /** Retries after a 429 or a 503, 0 to 10. Default 2. */
  readonly retries?: number | undefined;
  /**
   * The longest wait before a retry, in milliseconds; no retry if Retry-After is longer. Default
   * 60,000, the wait of a rate limit.
   */
  readonly maxRetryWaitMs?: number | undefined;
  /** Replaces the runtime's `fetch`, such as by a service binding. */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
}

/** Without Retry-After: half to all of this, and twice as long each further time. */
const FIRST_WAIT_MS = 500;

const BUSY = new Set([429, 503]);

/** Accepts any format, since the extension chooses it, and errors as problem details. */
const ACCEPT = 'application/json, application/problem+json, */*;q=0.5';

/**
 * Requests a URL.
 * @param sent  Method and body of a request other than GET.
 * @returns  An answer with a good status, with its body unread.
 * @throws ApiError    For an answer with another status.
 * @throws RangeError  When an option is out of its range.
 * @throws TypeError   Without a base where there is no page whose origin is the default.
 * @throws             What `fetch` rejects with, and the signal's reason once it is aborted.
 */
export async function request(
  url: string,
  options: RequestOptions,
  sent: Pick<RequestInit, 'method' | 'body'> = {},
): Promise<Response> {
  const { signal, retries = 2, maxRetryWaitMs = 60_000 } = options;
  writeOption('retries', retries, { kind: 'whole', min: 0, max: 10 });
  writeOption('maxRetryWaitMs', maxRetryWaitMs, { kind: 'whole', min: 0, max: 3_600_000 });
  if (options.fetch === undefined && url.startsWith('/') && globalThis.location === undefined) {
    throw new TypeError(
      'digitmint: base is missing, expected an address such as https://digits.example',
    );
  }
  const ask = options.fetch ?? ((...given) => fetch(...given));
  for (let tried = 0; ; tried++) {
    const answer = await ask(url, {
      ...sent,
      headers: { accept: ACCEPT },
      ...(signal && { signal }),
    });
    if (answer.ok) {
      return answer;
    }
    const problem = await readProblem(answer, url);
    const waitMs =
      (problem.retryAfter ?? (FIRST_WAIT_MS / 1000) * 2 ** tried * (0.5 + Math.random() / 2)) *
      1000;
    if (!BUSY.has(answer.status) || tried >= retries || waitMs > maxRetryWaitMs) {
      throw problem;
    }
    await wait(waitMs, signal);
  }
}

async function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(finish, ms);
    signal?.addEventListener('abort', finish);
    function finish(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
      } else {
        resolve();
      }
    }
  });
}

/** Separates the options of the request from those of the URL. */
export function splitOptions<T extends RequestOptions>(
  options: T,
): [RequestOptions, Omit<T, keyof RequestOptions>] {
  const { signal, retries, maxRetryWaitMs, fetch: ask, ...others } = options;
  return [{ signal, retries, maxRetryWaitMs, fetch: ask }, others];
}
