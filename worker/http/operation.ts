/**
 * What a route says about itself. Each route's file exports its operations; the OpenAPI document, `/docs`, `/llms.txt`,
 * the preflights and the 405s are all made from them.
 */
import type * as z from 'zod';
import type { ApiErrorCode } from '../../shared/contract/errors.ts';
import type { ParameterSet } from '../../shared/contract/query.ts';

/** What an answer's body is: JSON of a schema, or text or bytes of a media type. */
export type AnswerBody = z.ZodType | 'text' | 'bytes';

export interface Operation {
  /** Unique, camelCase: client generators name functions after it. */
  readonly id: string;
  /** As OpenAPI writes it: `/errors/{code}`. */
  readonly path: string;
  /** The same as Hono's patterns; several when an extension decides the format. */
  readonly routes: readonly string[];
  /** `api` for what other origins fetch or embed, `page` for what people visit, `owner` for what needs the owner's secret. */
  readonly kind: 'api' | 'page' | 'owner';
  /** GET where it is not said, which answers HEAD too. */
  readonly method?: 'POST' | 'DELETE';
  /** One line, without a full stop. */
  readonly summary: string;
  readonly pathParameters?: ParameterSet;
  readonly query?: ParameterSet;
  /** The bodies of a success, by media type. */
  readonly answers: Readonly<Record<string, AnswerBody>>;
  /** Other statuses with the same bodies, and what they mean. */
  readonly otherStatuses?: Readonly<Record<number, string>>;
  /** Whether If-None-Match can end in a 304. */
  readonly conditional?: boolean;
  /** What can go wrong beside what can everywhere: see `COMMON_ERRORS`. */
  readonly errors?: readonly ApiErrorCode[];
  /** Paths that work as they stand, for the documentation. */
  readonly examples: readonly string[];
}

/** The errors that every route can answer with. */
export const COMMON_ERRORS: readonly ApiErrorCode[] = [
  'method_not_allowed',
  'url_too_long',
  'internal',
];

/** The errors of every route that draws or reads a model. */
export const WORK_ERRORS: readonly ApiErrorCode[] = ['model_unavailable', 'rate_limited', 'busy'];

/** The errors of every route that takes parameters. */
export const QUERY_ERRORS: readonly ApiErrorCode[] = [
  'invalid_parameter',
  'repeated_parameter',
  'unknown_parameter',
];
