/** The headers in the OpenAPI document, and the answers that have them. */
import { HEADERS } from '../http/headers.ts';
import type { DescribedOperation } from './operations.ts';
import type { Json } from './schemas.ts';

/** A header's description and an example; a number is a whole number of seconds. */
const DESCRIBED: Readonly<Record<string, readonly [about: string, example: string | number]>> = {
  [HEADERS.requestId]: [
    'Names this answer in the log of the service',
    '3f1c6d0e-8a53-4f6c-9a39-5f2f6e1c7a10',
  ],
  [HEADERS.seed]: ['The seed that was used, percent-encoded', 'Ada'],
  [HEADERS.model]: ['The model that drew, name@version', 'digits@3423e331368875c9'],
  [HEADERS.modelSource]: ['r2 for a published model, bundled for the service’s own', 'bundled'],
  [HEADERS.warning]: [
    'Names the parameters that were ignored, if any',
    'unknown parameters: sede (did you mean seed?); without effect in json: cols',
  ],
  'Accept-Ranges': ['bytes for an answer that has ranges, else none', 'bytes'],
  'Content-Range': [
    'With 206: the bytes that are sent, and the length of all; with 416: the length',
    'bytes 0-99/844',
  ],
  'Cache-Control': ['How long the answer may be kept', 'public, max-age=31536000, immutable'],
  'Content-Disposition': ['The name of the file', 'inline; filename="digitmint-Ada-0.png"'],
  'Content-Location': [
    'Path and query of the permanent URL',
    '/digit.png?seed=Ada&model=digits@3423e331368875c9',
  ],
  ETag: [
    'Names the bytes, if the URL has a seed: a request with it in If-None-Match gets a 304 without a body',
    '"0123456789abcdef0123456789abcdef"',
  ],
  Link: [
    'The permanent URL',
    '<https://YOUR-WORKER/digit.png?seed=Ada&model=digits@3423e331368875c9>; rel="canonical"',
  ],
  Location: [
    'The URL of the job’s progress',
    'https://YOUR-WORKER/jobs/0123456789abcdef0123456789abcdef',
  ],
  'RateLimit-Policy': [
    'Answers that an address has in so many seconds, if the service limits them',
    '"all";q=600;w=60, "heavy";q=60;w=60',
  ],
  'Retry-After': ['Seconds after which the request may succeed; with 429 and 503', 10],
  Allow: ['The methods that the path has; with 405', 'GET, HEAD, OPTIONS'],
  'WWW-Authenticate': ['Which secret is needed; with 401', 'Bearer realm="jobs"'],
};

const DRAWN = [HEADERS.seed, HEADERS.model, HEADERS.modelSource, 'Content-Location', 'Link'];

/** Names the headers of a success. */
export function listAnswerHeaders(operation: DescribedOperation): string[] {
  const { tag, conditional, query = {}, answers, otherStatuses = {}, errors = [] } = operation;
  const isDrawn = ['digits', 'numbers', 'morphs', 'datasets'].includes(tag);
  return [
    HEADERS.requestId,
    'Cache-Control',
    ...(conditional === true ? ['ETag'] : []),
    ...(errors.includes('range_not_satisfiable') ? ['Accept-Ranges', 'Content-Range'] : []),
    ...(isDrawn ? [...DRAWN, 'Content-Disposition'] : []),
    ...('strict' in query ? [HEADERS.warning] : []),
    ...(Object.values(answers).includes('jobSchema') ? [HEADERS.model] : []),
    ...(202 in otherStatuses ? ['Location'] : []),
    ...(errors.includes('rate_limited') ? ['RateLimit-Policy'] : []),
  ];
}

export const ERROR_HEADERS = [
  HEADERS.requestId,
  'Retry-After',
  'RateLimit-Policy',
  'Allow',
  'Content-Range',
  'WWW-Authenticate',
];

/** @throws Error  When the header is not described. */
export function describeHeader(name: string): Json {
  const described = DESCRIBED[name];
  if (described === undefined) {
    throw new Error(`expected a description of the header ${name}`);
  }
  const [about, example] = described;
  const schema = typeof example === 'number' ? { type: 'integer', minimum: 0 } : { type: 'string' };
  return { description: `${about}.`, schema, example };
}
