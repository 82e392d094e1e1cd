/** The description of a route. OpenAPI, `/docs`, `/llms.txt` and 405s are derived from it. */
import type * as schemas from '../../shared/contract/answers.ts';
import type { ApiErrorCode } from '../../shared/contract/errors.ts';
import type { ParameterSet } from '../../shared/contract/query.ts';

/**
 * An answer's body: JSON by the name of its schema in `answers.ts`, text, or bytes. Generated
 * clients decode by the media type, so only `text/…` is text: SVG and NDJSON are bytes to them.
 */
export type AnswerBody = Exclude<keyof typeof schemas, 'NAMED_SCHEMAS'> | 'text' | 'bytes';

/** Groups of operations, in the order of the documentation: generators make a class of each. */
export const TAGS = {
  digits: 'Samples: handwritten digits, or what the model draws, in several formats',
  numbers: 'Numbers in one handwriting',
  hands: 'Handwriting of your own',
  morphs: 'Loops in which samples turn into one another',
  datasets: 'Labelled sets to train and to test on',
  jobs: 'Sets too large for one answer, for the owner of the service',
  models: 'The models that draw, and their files',
  service: 'What the service says of itself',
  pages: 'Pages for people',
} as const;

/** The path parameter that decides the media type. */
export interface Variants {
  readonly parameter: string;
  /** The media type of each of its values. */
  readonly types: Readonly<Record<string, string>>;
  /** The operation of a value has this id and the value: `drawDigits` and `Png`. */
  readonly id: string;
  /** The summary of every value, without a full stop. */
  readonly summary: string;
  /** The values whose answers have no ranges, unlike those of the others. */
  readonly withoutRanges?: readonly string[];
}

export interface Operation {
  /** Unique, camelCase: generated clients name their functions by it. */
  readonly id: string;
  /** In OpenAPI's form: `/errors/{code}`. */
  readonly path: string;
  /** Hono's patterns; several where the extension decides the format. */
  readonly routes: readonly string[];
  /** `api`: any origin may fetch it. `page`: people visit it. `owner`: needs the owner's secret. */
  readonly kind: 'api' | 'page' | 'owner';
  readonly tag: keyof typeof TAGS;
  /** Default GET, which answers HEAD too. */
  readonly method?: 'POST' | 'DELETE';
  /** One line, without a full stop. */
  readonly summary: string;
  readonly pathParameters?: ParameterSet;
  readonly query?: ParameterSet;
  /** The body of a POST. `about` has no full stop. */
  readonly body?: { readonly about: string; readonly types: readonly string[] };
  /** The bodies of a success, by media type. */
  readonly answers: Readonly<Record<string, AnswerBody>>;
  /**
   * OpenAPI has an operation for each value, with one media type: a generated function has one
   * type.
   */
  readonly variants?: Variants;
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

/** The common properties of pages. */
export const OF_PAGE = { kind: 'page', tag: 'pages', answers: { 'text/html': 'text' } } as const;

/** The bodies of a route's formats, by their media types. */
export function listBodies(types: Readonly<Record<string, string>>): Record<string, AnswerBody> {
  const bodies = Object.values(types).map((type) => [
    type,
    type.startsWith('text/') ? 'text' : 'bytes',
  ]);
  return Object.fromEntries(bodies);
}

/** The errors of every route. */
export const COMMON_ERRORS: readonly ApiErrorCode[] = [
  'method_not_allowed',
  'precondition_failed',
  'url_too_long',
  'internal',
];

/** The further status of answers with ranges, beside the error `range_not_satisfiable`. */
export const PARTIAL = { 206: 'The bytes that Range asks for' } as const;

/** The errors of every route that draws or reads a model. */
export const WORK_ERRORS: readonly ApiErrorCode[] = ['model_unavailable', 'rate_limited', 'busy'];

/** The errors of every route that takes parameters. */
export const QUERY_ERRORS: readonly ApiErrorCode[] = [
  'invalid_parameter',
  'repeated_parameter',
  'unknown_parameter',
];

/** The further errors of routes that draw pictures in several formats. */
export const PICTURE_ERRORS = [
  'picture_too_large',
  'not_acceptable',
  'format_not_found',
  'range_not_satisfiable',
] as const satisfies readonly ApiErrorCode[];

/** The errors of every route that draws digits. */
export const DRAWING_ERRORS: readonly ApiErrorCode[] = [
  ...QUERY_ERRORS,
  'parameter_without_effect',
  'hand_of_other_model',
  'label_not_supported',
  'parameter_not_supported',
  'model_not_found',
  'too_expensive',
  ...WORK_ERRORS,
];
