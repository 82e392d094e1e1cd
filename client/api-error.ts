/**
 * An answer that is not what was asked for, as an error: the API's problem details (RFC 9457), or what can be told of an
 * answer that has none, as when a proxy on the way gave it.
 */

/** What an answer says of itself. */
export interface Problem {
  /** Stable: what programs go by, such as `invalid_parameter`; `unexpected_answer` for one that is not the API's own. */
  readonly code: string;
  /** The HTTP status. */
  readonly status: number;
  readonly title: string;
  /** What was expected, what came, what to do. */
  readonly detail: string;
  /** Leads to the code's page. */
  readonly type: string | undefined;
  /** For whoever runs the service: it is in its log. */
  readonly requestId: string | undefined;
  /** Seconds until it is worth another try, from Retry-After. */
  readonly retryAfter: number | undefined;
  /** What was asked for. */
  readonly url: string;
}

/** Thrown for an answer that is an error, or that is not the API's. */
export class ApiError extends Error implements Problem {
  override readonly name = 'ApiError';
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly type: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfter: number | undefined;
  readonly url: string;

  constructor(
    { code, status, title, detail, type, requestId, retryAfter, url }: Problem,
    options?: ErrorOptions,
  ) {
    super(`${status} ${title}: ${detail}`, options);
    this.code = code;
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.type = type;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
    this.url = url;
  }
}

/** Reads an answer that is an error. Reads its body. */
export async function readProblem(answer: Response, url: string): Promise<ApiError> {
  const text = await answer.text().catch(() => '');
  const told = parseProblem(text);
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

/** An answer with a good status whose content is not the API's. */
export function refuseAnswer(
  answer: Response,
  url: string,
  detail: string,
  cause?: unknown,
): ApiError {
  return new ApiError(
    {
      code: 'unexpected_answer',
      status: answer.status,
      title: 'Unexpected answer',
      detail,
      type: undefined,
      requestId: answer.headers.get('request-id') ?? undefined,
      retryAfter: undefined,
      url,
    },
    { cause },
  );
}

function parseProblem(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {}; // No JSON: there is nothing to read.
  }
}

/** Seconds or a date (RFC 9110, section 10.2.3). @returns  Seconds from now, >= 0; undefined for neither. */
export function parseRetryAfter(text: string | null, now = Date.now()): number | undefined {
  if (text === null) {
    return undefined;
  }
  const seconds = /^\s*[0-9]+\s*$/.test(text) ? Number(text) : (Date.parse(text) - now) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, Math.ceil(seconds));
}
