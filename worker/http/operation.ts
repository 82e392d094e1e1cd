/** The description of a route. OpenAPI, `/docs`, `/llms.txt` and 405s are derived from it. */
import type * as z from 'zod';
import type { ApiErrorCode } from '../../shared/contract/errors.ts';
import type { ParameterSet } from '../../shared/contract/query.ts';

/** An answer's body: JSON with a schema, text, or bytes. */
export type AnswerBody = z.ZodType | 'text' | 'bytes';

export interface Operation {
  /** Unique, camelCase: generated clients name their functions by it. */
  readonly id: string;
  /** In OpenAPI's form: `/errors/{code}`. */
  readonly path: string;
  /** Hono's patterns; several where the extension decides the format. */
  readonly routes: readonly string[];
  /** `api`: any origin may fetch it. `page`: people visit it. `owner`: needs the owner's secret. */
  readonly kind: 'api' | 'page' | 'owner';
  /** Default GET, which answers HEAD too. */
  readonly method?: 'POST' | 'DELETE';
  /** One line, without a full stop. */
  readonly summary: string;
  readonly pathParameters?: ParameterSet;
  readonly query?: ParameterSet;
  /** The bodies of a success, by media type. */
  readonly answers: Readonly<Record<string, AnswerBody>>;
  /** Meanings of further statuses with the same bodies. */
  readonly otherStatuses?: Readonly<Record<number, string>>;
  /** Whether a matching If-None-Match gets a 304. */
  readonly conditional?: boolean;
  /** Errors beside `COMMON_ERRORS`. */
  readonly errors?: readonly ApiErrorCode[];
  /** Working paths for the documentation. */
  readonly examples: readonly string[];
}

/** An operation as its route's file declares it. */
export type OperationEntry = Omit<Operation, Usual> & Partial<Pick<Operation, Usual>>;
type Usual = 'routes' | 'kind' | 'examples';

/** Fills in what is usual: the path is the route, any origin may fetch it, and no examples. */
export function completeOperation(entry: OperationEntry): Operation {
  const route = entry.path.replaceAll(/\{(\w+)\}/g, ':$1');
  return { routes: [route], kind: 'api', examples: [], ...entry };
}

/** The errors of every route. */
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

/** The errors of every route that draws digits. */
export const DRAWING_ERRORS: readonly ApiErrorCode[] = [
  ...QUERY_ERRORS,
  'label_not_supported',
  'parameter_not_supported',
  'model_not_found',
  ...WORK_ERRORS,
];
