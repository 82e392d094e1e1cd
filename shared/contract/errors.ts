/**
 * Every expected way in which a request can fail, with its status and its text. To add one: an
 * entry of the table.
 */
import { describeClasses } from '../model/classes.ts';
import { capitalize, shorten } from '../text.ts';

interface ErrorEntry<F> {
  /** Default 400. */
  readonly status?: number;
  /** Default: the code in words. */
  readonly title?: string;
  /** Says what was expected, what came and what to do. */
  readonly detail: (fields: F) => string;
  /** An example, for the documentation. */
  readonly example: F;
  /** The parameters at fault, where no field names them. */
  readonly parameters?: readonly string[];
}

/** Declares an error with the fields `F`. */
function define<F extends object>(entry: ErrorEntry<Readonly<F>>): ErrorEntry<Readonly<F>> {
  return entry;
}

const ERRORS = {
  invalid_parameter: define<{ parameter: string; received: string; expected: string }>({
    detail: ({ parameter, received, expected }) =>
      `${parameter} is ${quote(received)}, expected ${expected}.`,
    example: { parameter: 'n', received: '1e9', expected: 'a whole number from 1 to 256' },
  }),
  repeated_parameter: define<{ parameter: string }>({
    detail: ({ parameter }) => `${quote(parameter)} is given more than once, expected once.`,
    example: { parameter: 'seed' },
  }),
  missing_parameter: define<{ parameter: string; expected: string }>({
    detail: ({ parameter, expected }) =>
      `${parameter} is missing in the query string, expected ${expected}.`,
    example: { parameter: 'seed', expected: '1 to 128 characters' },
  }),
  unknown_parameter: define<{ parameters: readonly string[]; known: readonly string[] }>({
    detail: ({ parameters, known }) =>
      `Unknown: ${parameters.map(quote).join(', ')}. Known: ${known.join(', ')}.`,
    example: { parameters: ['sede'], known: ['n', 'seed'] },
  }),
  parameter_without_effect: define<{
    parameters: readonly string[];
    /** The parameters with their reasons, such as "vary without hand". */
    listed: readonly string[];
    format: string;
  }>({
    detail: ({ listed, format }) =>
      `strict=1 refuses what has no effect in ${format}: ${listed.join(', ')}. Leave them out.`,
    example: { parameters: ['fg'], listed: ['fg'], format: 'npy' },
  }),
  picture_too_large: define<{
    width: number;
    height: number;
    /** Frames of an animation. Its `maxPixels` counts the pixels of all frames. */
    frames?: number;
    maxPixels: number;
    /** The parameters that can be lowered, at least two. */
    parameters: readonly string[];
  }>({
    detail: ({ width, height, frames, maxPixels, parameters }) => {
      const limit =
        frames === undefined
          ? `${width} x ${height} pixels, at most ${maxPixels} allowed`
          : `${frames} frames of ${width} x ${height} pixels, at most ${maxPixels} pixels in all allowed`;
      const lower = `${parameters.slice(0, -1).join(', ')} or ${parameters.at(-1)}`;
      return `The picture would have ${limit}: lower ${lower}.`;
    },
    example: {
      width: 7168,
      height: 7168,
      maxPixels: 4_000_000,
      parameters: ['n', 'scale', 'dpr'],
    },
  }),
  answer_too_large: define<{ values: number; maxValues: number }>({
    detail: ({ values, maxValues }) =>
      `The answer would have ${values} pixel values, at most ${maxValues} are allowed: lower n.`,
    example: { values: 16_777_216, maxValues: 1_000_000 },
    parameters: ['n'],
  }),
  too_expensive: define<{ ms: number; maxMs: number; fits: string }>({
    detail: ({ ms, maxMs, fits }) =>
      `The answer would take about ${ms} ms of processor time, this service allows ${maxMs} ms. ` +
      `What would fit: ${fits}.`,
    example: { ms: 21, maxMs: 10, fits: 'n=118' },
  }),
  label_not_supported: define<{ model: string; received: string; classes: readonly string[] }>({
    detail: ({ model, received, classes }) =>
      classes.length === 0
        ? `Model ${model} was trained without labels: leave label out.`
        : `Model ${model} has no label ${quote(received)}, expected one of ${describeClasses(classes)}.`,
    example: { model: 'pets', received: 'bird', classes: ['cat', 'dog'] },
    parameters: ['label'],
  }),
  parameter_not_supported: define<{
    parameter: string;
    received: string;
    model: string;
    reason: string;
  }>({
    detail: ({ parameter, received, model, reason }) =>
      `${parameter} is ${quote(received)}, which model ${model} does not support: ${reason}.`,
    example: {
      parameter: 'format',
      received: 'svg',
      model: 'flowers',
      reason: 'it draws in colour, and outlines are of ink',
    },
  }),
  hand_of_other_model: define<{ hand: string; model: string }>({
    title: 'Hand of another model',
    detail: ({ hand, model }) =>
      `The hand belongs to ${hand}, not to ${model}: leave model out, or make a hand of ${model} by POST /hand.`,
    example: { hand: 'digits@0123456789abcdef', model: 'digits@fedcba9876543210' },
    parameters: ['hand', 'to', 'model'],
  }),
  encoder_not_found: define<{ model: string }>({
    status: 404,
    detail: ({ model }) => `Model ${model} has no encoder, so it cannot read a hand.`,
    example: { model: 'seed@0123456789abcdef' },
    parameters: ['model'],
  }),
  body_too_large: define<{ maxBytes: number }>({
    status: 413,
    detail: ({ maxBytes }) => `The body has more than the ${maxBytes} bytes that are allowed.`,
    example: { maxBytes: 1_000_000 },
  }),
  unreadable_picture: define<{ reason: string }>({
    status: 422,
    detail: ({ reason }) =>
      `The body ${reason}; expected one digit as PNG or JPEG, or as JSON: a list of 784 numbers from 0 to 255, row by row. Several digits are fields of multipart/form-data.`,
    example: { reason: 'is neither PNG nor JPEG nor JSON' },
  }),
  no_digit: define<{ reason: string }>({
    status: 422,
    detail: ({ reason }) => `No digit was recognised: ${reason}.`,
    example: { reason: 'nearest is 7 with 31%; if it is one, say which, as label=7' },
  }),
  not_found: define<{ path: string; near?: string | undefined }>({
    status: 404,
    detail: ({ path, near = '/digit?n=16' }) => `Nothing is at ${quote(path)}. Try ${near}.`,
    example: { path: '/digits' },
  }),
  format_not_found: define<{ received: string; available: readonly string[] }>({
    status: 404,
    detail: ({ received, available }) =>
      `This path has no format ${quote(received)}. Available: ${available.join(', ')}.`,
    example: { received: 'webp', available: ['png', 'svg'] },
    parameters: ['format'],
  }),
  model_not_found: define<{ model: string; parameter?: string }>({
    status: 404,
    detail: ({ model, parameter }) =>
      parameter === undefined
        ? `No model ${quote(model)} is published. /models lists all.`
        : `No model ${quote(model)} is published, and ${parameter} belongs to it: make a new hand by POST /hand.`,
    example: { model: 'seed@0123456789abcdef' },
    parameters: ['model'],
  }),
  method_not_allowed: define<{ method: string; allow: readonly string[] }>({
    status: 405,
    detail: ({ method, allow }) =>
      `${quote(method)} is not supported here, use ${allow.join(', ')}.`,
    example: { method: 'POST', allow: ['GET', 'HEAD', 'OPTIONS'] },
  }),
  not_acceptable: define<{ accept: string; available: readonly string[] }>({
    status: 406,
    detail: ({ accept, available }) =>
      `Accept is ${quote(accept)}, available: ${available.join(', ')}.`,
    example: { accept: 'image/webp', available: ['image/png', 'application/json'] },
  }),
  precondition_failed: define<{ received: string; etag: string | null }>({
    status: 412,
    detail: ({ received, etag }) =>
      `If-Match is ${quote(received)}, expected ${etag ?? '*, since this answer has no strong ETag'}.`,
    example: { received: '"0123456789abcdef"', etag: '"fedcba9876543210"' },
  }),
  format_not_implemented: define<{ received: string; available: readonly string[] }>({
    status: 501,
    detail: ({ received, available }) =>
      `format is ${quote(received)}, available: ${available.join(', ')}.`,
    example: { received: 'xml', available: ['json'] },
    parameters: ['format'],
  }),
  url_too_long: define<{ length: number; maxLength: number }>({
    status: 414,
    title: 'URL too long',
    detail: ({ length, maxLength }) =>
      `The URL has ${length} characters, at most ${maxLength} allowed.`,
    example: { length: 9000, maxLength: 4096 },
  }),
  range_not_satisfiable: define<{ received: string; length: number }>({
    status: 416,
    detail: ({ received, length }) =>
      `Range is ${quote(`bytes=${received}`)}, expected bytes=FIRST-LAST with FIRST from 0 to ${length - 1} and not above LAST, bytes=FIRST- or bytes=-COUNT, and at most ${MAX_RANGES} of them: the answer has ${length} bytes.`,
    example: { received: '900-', length: 844 },
  }),
  model_unavailable: define<{ retryAfterSeconds: number }>({
    status: 503,
    detail: ({ retryAfterSeconds }) =>
      `No model could be loaded. Try again in ${retryAfterSeconds} s.`,
    example: { retryAfterSeconds: 10 },
  }),
  rate_limited: define<{
    /** Which rate limit was exceeded: that of all answers, or that of large ones. */
    kind: 'all' | 'heavy';
    requests: number;
    windowSeconds: number;
  }>({
    status: 429,
    title: 'Too many requests',
    detail: ({ kind, requests, windowSeconds }) =>
      `More than ${requests} ${kind === 'heavy' ? 'large answers' : 'answers'} in ${windowSeconds} s for your address. ` +
      `Try again in ${windowSeconds} s. Answers to URLs with seed and model can be cached permanently.`,
    example: { kind: 'all', requests: 600, windowSeconds: 60 },
  }),
  busy: define<{ retryAfterSeconds: number }>({
    status: 503,
    detail: ({ retryAfterSeconds }) =>
      `The service is busy with other large answers. Try again in ${retryAfterSeconds} s, or ask for less at once.`,
    example: { retryAfterSeconds: 1 },
  }),
  unauthorized: define<object>({
    status: 401,
    detail: () =>
      'Only the owner may use /jobs: the header Authorization must be "Bearer " and the secret, JOBS_SECRET of this service.',
    example: {},
  }),
  jobs_off: define<{ reason: string }>({
    status: 501,
    title: 'Jobs are off',
    detail: ({ reason }) => `This service runs no jobs: ${reason}. See /docs/jobs.`,
    example: { reason: 'no JOBS_SECRET is set' },
  }),
  job_not_found: define<{ job: string }>({
    status: 404,
    detail: ({ job }) =>
      `There is no job ${quote(job)}, expected an id from an answer to POST /jobs: 32 hex digits.`,
    example: { job: '0123456789abcdef0123456789abcdef' },
  }),
  job_too_large: define<{ shards: number; shardDigits: number; maxShards: number }>({
    detail: ({ shards, shardDigits, maxShards }) =>
      `The job would have ${shards} shards of ${shardDigits} samples, at most ${maxShards} allowed: lower n.`,
    example: { shards: 1_470_589, shardDigits: 680, maxShards: 100_000 },
    parameters: ['n'],
  }),
  internal: define<{ requestId: string }>({
    status: 500,
    title: 'Internal error',
    detail: ({ requestId }) => `Something failed in the service. Request id: ${requestId}.`,
    example: { requestId: '3f1c6d0e-8a53-4f6c-9a39-5f2f6e1c7a10' },
  }),
};

export type ApiErrorCode = keyof typeof ERRORS;

type FieldsOf<C extends ApiErrorCode> = (typeof ERRORS)[C]['example'];

/** A request that cannot be answered as asked. */
export type ApiError = { [C in ApiErrorCode]: { readonly code: C } & FieldsOf<C> }[ApiErrorCode];

export const ERROR_CODES = Object.keys(ERRORS) as ApiErrorCode[];

/** Describes an error as RFC 9457 defines it. Text from the caller is quoted as JSON and cut. */
export function describeError(error: ApiError) {
  const entry = ERRORS[error.code] as unknown as ErrorEntry<ApiError>;
  const { status = 400, title = capitalize(error.code.replaceAll('_', ' ')), detail } = entry;
  const waits = 'windowSeconds' in error ? error.windowSeconds : undefined;
  const named = 'parameter' in error ? [error.parameter] : (entry.parameters ?? []);
  return {
    status,
    title,
    detail: detail(error),
    parameters: 'parameters' in error ? error.parameters : named,
    /** Seconds after which the request may succeed; undefined where waiting does not help. */
    retryAfterSeconds: 'retryAfterSeconds' in error ? error.retryAfterSeconds : waits,
  };
}

/** Describes an example of an error, for the documentation. */
export function describeExample(code: ApiErrorCode) {
  return describeError({ code, ...ERRORS[code].example } as ApiError);
}

/** Ranges in one header. */
export const MAX_RANGES = 16;

/** Characters of a caller's own text that an error repeats. */
const MAX_QUOTED = 64;

function quote(text: string): string {
  return JSON.stringify(shorten(text, MAX_QUOTED));
}
