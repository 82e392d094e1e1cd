/**
 * Every expected way that a request can fail, as data, and the one mapping of each to its status and public text.
 * To add one: a member of `ApiError` and a case in `describeError`; the compiler finds the rest.
 */
import { describeClasses } from '../model/classes.ts';

/** A request that cannot be answered as asked. */
export type ApiError =
  | {
      readonly code: 'invalid_parameter';
      readonly parameter: string;
      readonly received: string;
      readonly expected: string;
    }
  | { readonly code: 'repeated_parameter'; readonly parameter: string }
  | { readonly code: 'missing_parameter'; readonly parameter: string; readonly expected: string }
  | {
      readonly code: 'unknown_parameter';
      readonly parameters: readonly string[];
      readonly known: readonly string[];
    }
  | {
      readonly code: 'parameter_without_effect';
      readonly parameters: readonly string[];
      readonly format: string;
    }
  | {
      readonly code: 'picture_too_large';
      readonly width: number;
      readonly height: number;
      /** Of an animated picture: `maxPixels` counts those of all frames. */
      readonly frames?: number;
      readonly maxPixels: number;
    }
  | {
      readonly code: 'label_not_supported';
      readonly model: string;
      readonly received: string;
      readonly classes: readonly string[];
    }
  | {
      readonly code: 'parameter_not_supported';
      readonly parameter: string;
      readonly received: string;
      readonly model: string;
      readonly reason: string;
    }
  | { readonly code: 'not_found'; readonly path: string }
  | { readonly code: 'model_not_found'; readonly model: string }
  | {
      readonly code: 'method_not_allowed';
      readonly method: string;
      readonly allow: readonly string[];
    }
  | {
      readonly code: 'not_acceptable';
      readonly accept: string;
      readonly available: readonly string[];
    }
  | {
      readonly code: 'format_not_implemented';
      readonly received: string;
      readonly available: readonly string[];
    }
  | { readonly code: 'url_too_long'; readonly length: number; readonly maxLength: number }
  | { readonly code: 'model_unavailable'; readonly retryAfterSeconds: number }
  | {
      readonly code: 'rate_limited';
      /** Of which the caller had too many: of all answers, or of those that take much work. */
      readonly kind: 'all' | 'heavy';
      readonly requests: number;
      readonly windowSeconds: number;
    }
  | { readonly code: 'busy'; readonly retryAfterSeconds: number }
  | { readonly code: 'unauthorized' }
  | { readonly code: 'jobs_off'; readonly reason: string }
  | { readonly code: 'job_not_found'; readonly job: string }
  | {
      readonly code: 'job_too_large';
      readonly shards: number;
      readonly shardDigits: number;
      readonly maxShards: number;
    }
  | { readonly code: 'internal'; readonly requestId: string };

export type ApiErrorCode = ApiError['code'];

/** One of each, for the documentation. */
export const ERROR_EXAMPLES: {
  readonly [C in ApiErrorCode]: Extract<ApiError, { readonly code: C }>;
} = {
  invalid_parameter: {
    code: 'invalid_parameter',
    parameter: 'n',
    received: '1e9',
    expected: 'a whole number from 1 to 256',
  },
  repeated_parameter: { code: 'repeated_parameter', parameter: 'seed' },
  missing_parameter: {
    code: 'missing_parameter',
    parameter: 'seed',
    expected: '1 to 128 characters',
  },
  unknown_parameter: { code: 'unknown_parameter', parameters: ['sede'], known: ['n', 'seed'] },
  parameter_without_effect: { code: 'parameter_without_effect', parameters: ['fg'], format: 'npy' },
  picture_too_large: { code: 'picture_too_large', width: 7168, height: 7168, maxPixels: 4_000_000 },
  label_not_supported: {
    code: 'label_not_supported',
    model: 'pets',
    received: 'bird',
    classes: ['cat', 'dog'],
  },
  parameter_not_supported: {
    code: 'parameter_not_supported',
    parameter: 'format',
    received: 'svg',
    model: 'flowers',
    reason: 'it draws in colour, and outlines are of ink',
  },
  not_found: { code: 'not_found', path: '/digits' },
  model_not_found: { code: 'model_not_found', model: 'seed@0123456789abcdef' },
  method_not_allowed: {
    code: 'method_not_allowed',
    method: 'POST',
    allow: ['GET', 'HEAD', 'OPTIONS'],
  },
  not_acceptable: {
    code: 'not_acceptable',
    accept: 'image/webp',
    available: ['image/png', 'application/json'],
  },
  format_not_implemented: { code: 'format_not_implemented', received: 'xml', available: ['json'] },
  url_too_long: { code: 'url_too_long', length: 9000, maxLength: 4096 },
  model_unavailable: { code: 'model_unavailable', retryAfterSeconds: 10 },
  rate_limited: { code: 'rate_limited', kind: 'all', requests: 600, windowSeconds: 60 },
  busy: { code: 'busy', retryAfterSeconds: 1 },
  unauthorized: { code: 'unauthorized' },
  jobs_off: { code: 'jobs_off', reason: 'no JOBS_SECRET is set' },
  job_not_found: { code: 'job_not_found', job: '0123456789abcdef0123456789abcdef' },
  job_too_large: { code: 'job_too_large', shards: 1_470_589, shardDigits: 680, maxShards: 100_000 },
  internal: { code: 'internal', requestId: '3f1c6d0e-8a53-4f6c-9a39-5f2f6e1c7a10' },
};

/** What a caller is told, as RFC 9457 puts it. */
export interface ErrorDescription {
  readonly status: 400 | 401 | 404 | 405 | 406 | 414 | 429 | 500 | 501 | 503;
  readonly title: string;
  /** What was expected, what came, what to do. */
  readonly detail: string;
}

/** Names the parameters that an error is about, for forms that tell it beside them; none where no parameter is at fault. */
export function listFaultyParameters(error: ApiError): readonly string[] {
  switch (error.code) {
    case 'invalid_parameter':
    case 'repeated_parameter':
    case 'missing_parameter':
    case 'parameter_not_supported':
      return [error.parameter];
    case 'unknown_parameter':
    case 'parameter_without_effect':
      return error.parameters;
    case 'picture_too_large':
      return ['n', 'scale', 'dpr'];
    case 'job_too_large':
      return ['n'];
    case 'label_not_supported':
      return ['label'];
    case 'model_not_found':
      return ['model'];
    case 'format_not_implemented':
      return ['format'];
    default:
      return [];
  }
}

/** After how many seconds a request that failed so may succeed; undefined where waiting does not help. */
export function findRetryAfter(error: ApiError): number | undefined {
  switch (error.code) {
    case 'model_unavailable':
    case 'busy':
      return error.retryAfterSeconds;
    case 'rate_limited':
      return error.windowSeconds;
    default:
      return undefined;
  }
}

/** Characters of a caller's own text that an error repeats. */
const MAX_QUOTED = 64;

/** Maps an error to its status and text. Text from the caller is quoted as JSON and cut. */
export function describeError(error: ApiError): ErrorDescription {
  switch (error.code) {
    case 'invalid_parameter':
      return {
        status: 400,
        title: 'Invalid parameter',
        detail: `${error.parameter} is ${quote(error.received)}, expected ${error.expected}.`,
      };
    case 'repeated_parameter':
      return {
        status: 400,
        title: 'Repeated parameter',
        detail: `${quote(error.parameter)} is given more than once, expected once.`,
      };
    case 'missing_parameter':
      return {
        status: 400,
        title: 'Missing parameter',
        detail: `${error.parameter} is missing in the query string, expected ${error.expected}.`,
      };
    case 'unknown_parameter':
      return {
        status: 400,
        title: 'Unknown parameter',
        detail: `Unknown: ${error.parameters.map(quote).join(', ')}. Known: ${error.known.join(', ')}.`,
      };
    case 'parameter_without_effect':
      return {
        status: 400,
        title: 'Parameter without effect',
        detail: `strict=1 and without effect in ${error.format}: ${error.parameters.join(', ')}. Leave them out.`,
      };
    case 'picture_too_large':
      return {
        status: 400,
        title: 'Picture too large',
        detail:
          error.frames === undefined
            ? `The picture would have ${error.width} x ${error.height} pixels, at most ${error.maxPixels} allowed: lower n, scale or dpr.`
            : `The picture would have ${error.frames} frames of ${error.width} x ${error.height} pixels, at most ${error.maxPixels} pixels in all allowed: lower n, frames, scale or dpr.`,
      };
    case 'label_not_supported':
      return {
        status: 400,
        title: 'Label not supported',
        detail:
          error.classes.length === 0
            ? `Model ${error.model} was trained without labels: leave label out.`
            : `Model ${error.model} has no label ${quote(error.received)}, expected one of ${describeClasses(error.classes)}.`,
      };
    case 'parameter_not_supported':
      return {
        status: 400,
        title: 'Parameter not supported',
        detail: `${error.parameter} is ${quote(error.received)}, which model ${error.model} does not support: ${error.reason}.`,
      };
    case 'not_found':
      return {
        status: 404,
        title: 'Not found',
        detail: `Nothing is at ${quote(error.path)}. Try /digit?n=16.`,
      };
    case 'model_not_found':
      return {
        status: 404,
        title: 'Model not found',
        detail: `No model ${quote(error.model)} is published.`,
      };
    case 'method_not_allowed':
      return {
        status: 405,
        title: 'Method not allowed',
        detail: `${quote(error.method)} is not supported here, use ${error.allow.join(', ')}.`,
      };
    case 'not_acceptable':
      return {
        status: 406,
        title: 'Not acceptable',
        detail: `Accept is ${quote(error.accept)}, available: ${error.available.join(', ')}.`,
      };
    case 'format_not_implemented':
      return {
        status: 501,
        title: 'Format not implemented',
        detail: `format is ${quote(error.received)}, available: ${error.available.join(', ')}.`,
      };
    case 'url_too_long':
      return {
        status: 414,
        title: 'URL too long',
        detail: `The URL has ${error.length} characters, at most ${error.maxLength} allowed.`,
      };
    case 'model_unavailable':
      return {
        status: 503,
        title: 'Model unavailable',
        detail: `No model could be loaded. Try again in ${error.retryAfterSeconds} s.`,
      };
    case 'rate_limited':
      return {
        status: 429,
        title: 'Too many requests',
        detail:
          `More than ${error.requests} ${error.kind === 'heavy' ? 'large answers' : 'answers'} in ${error.windowSeconds} s for your address. ` +
          `Try again in ${error.windowSeconds} s. URLs with seed and model can be kept for good.`,
      };
    case 'busy':
      return {
        status: 503,
        title: 'Busy',
        detail: `Too much large work is under way here. Try again in ${error.retryAfterSeconds} s, or ask for less at once.`,
      };
    case 'unauthorized':
      return {
        status: 401,
        title: 'Unauthorized',
        detail:
          'Jobs are their owner’s: the header Authorization must be "Bearer " and the secret, JOBS_SECRET of this service.',
      };
    case 'jobs_off':
      return {
        status: 501,
        title: 'Jobs are off',
        detail: `This service draws no jobs: ${error.reason}. See docs/jobs.md.`,
      };
    case 'job_not_found':
      return {
        status: 404,
        title: 'Job not found',
        detail: `No job ${quote(error.job)} is known, expected an id that POST /jobs answered with: 32 hex digits.`,
      };
    case 'job_too_large':
      return {
        status: 400,
        title: 'Job too large',
        detail: `The job would have ${error.shards} shards of ${error.shardDigits} digits, at most ${error.maxShards} allowed: lower n.`,
      };
    case 'internal':
      return {
        status: 500,
        title: 'Internal error',
        detail: `Something failed here. Request id: ${error.requestId}.`,
      };
  }
}

function quote(text: string): string {
  return JSON.stringify(text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text);
}
