/**
 * Errors of the API: its problem details (RFC 9457), or a substitute for an answer without them,
 * such as a proxy's.
 */

/** Thrown for an error of the API, or an answer that is not the API's. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** Such as `invalid_parameter`; `unexpected_answer` where the API did not answer. */
  declare readonly code: string;
  /** The HTTP status. */
  declare readonly status: number;
  declare readonly title: string;
  /** Says what was expected, what came and what to do. */
  declare readonly detail: string;
  /** The URL of the code's page. */
  declare readonly type: string | undefined;
  /** Identifies the request in the service's log. */
  declare readonly requestId: string | undefined;
  /** Seconds until another try makes sense, from Retry-After. */
  declare readonly retryAfter: number | undefined;
  /** The URL of the request. */
  declare readonly url: string;

  constructor(problem: Problem) {
    super(`${problem.status} ${problem.title}: ${problem.detail}`);
    Object.assign(this, problem);
  }
}

/** The fields of an {@link ApiError}. */
export type Problem = Pick<
  ApiError,
  'code' | 'status' | 'title' | 'detail' | 'type' | 'requestId' | 'retryAfter' | 'url'
>;

/**
 * Reads a body of JSON. Rejects when the body is cut off, or its request is aborted.
 * @returns  undefined for other text.
 */
export async function readJson(answer: Response): Promise<unknown> {
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads the body of an error. Rejects as `readJson` does. */
export async function readProblem(answer: Response, url: string): Promise<ApiError> {
  const told = Object(await readJson(answer)) as Readonly<Record<string, unknown>>;
  const asText = (name: string) => (typeof told[name] === 'string' ? told[name] : undefined);
  return new ApiError({
    code: asText('code') ?? 'unexpected_answer',
    status: answer.status,
    title: asText('title') ?? (answer.statusText || 'Unexpected answer'),
    detail:
      asText('detail') ??
      'the answer has no problem details, expected those of a digitmint service',
    type: asText('type'),
    requestId: asText('requestId') ?? answer.headers.get('request-id') ?? undefined,
    retryAfter: parseRetryAfter(answer.headers.get('retry-after')),
    url,
  });
}

/** The error for an answer with a good status and the wrong content. */
export function refuseAnswer(answer: Response, url: string, detail: string): ApiError {
  return new ApiError({
    code: 'unexpected_answer',
    status: answer.status,
    title: 'Unexpected answer',
    detail,
    type: undefined,
    requestId: answer.headers.get('request-id') ?? undefined,
    retryAfter: undefined,
    url,
  });
}

/** Parses seconds or a date (RFC 9110, section 10.2.3). @returns  Seconds from now, >= 0. */
export function parseRetryAfter(text: string | null, now = Date.now()): number | undefined {
  if (text === null) {
    return undefined;
  }
  const seconds = /^\s*[0-9]+\s*$/.test(text) ? Number(text) : (Date.parse(text) - now) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, Math.ceil(seconds));
}
