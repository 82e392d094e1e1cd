/** The operations as OpenAPI has them: one for each format that a path’s extension decides. */
import type { ApiErrorCode } from '../../shared/contract/errors.ts';
import type { FormatOf, RouteName } from '../../shared/contract/formats.ts';
import { capitalize } from '../../shared/text.ts';
import type { AnswerBody, Operation, Variants } from '../http/operation.ts';

/** The content of each extension's path. The paths of a model’s files need no description. */
const FORMAT_NAMES: Readonly<Record<string, string>> = {
  png: 'a PNG picture',
  gif: 'a GIF picture',
  svg: 'an SVG picture',
  txt: 'text for a terminal',
  json: 'JSON',
  ndjson: 'NDJSON, a JSON object for each digit on a line of its own',
  csv: 'CSV',
  npy: 'a NumPy array',
  npz: 'NumPy arrays of images and labels in one file',
  parquet: 'Parquet, with PNG pictures and labels as Hugging Face’s datasets have them',
  idx: 'an IDX file, as MNIST’s are',
  'idx.gz': 'a compressed IDX file, as MNIST’s downloads are',
} satisfies Record<FormatOf<RouteName>, string>;

/** An operation, and the format that its path fixes. */
export interface DescribedOperation extends Operation {
  readonly format?: string;
}

export function expandOperations(operations: readonly Operation[]): DescribedOperation[] {
  return operations.flatMap((operation) => {
    const { variants } = operation;
    return variants === undefined
      ? [operation]
      : Object.entries(variants.types).map(([value, type]) =>
          fixVariant(operation, variants, value, type),
        );
  });
}

function fixVariant(
  operation: Operation,
  { parameter, id, summary, withoutRanges = [] }: Variants,
  value: string,
  type: string,
): DescribedOperation {
  const { path, pathParameters = {}, query, errors = [], examples } = operation;
  const fixed = path.replace(`{${parameter}}`, value);
  const { [parameter]: _, ...otherParameters } = pathParameters;
  const isAsFixed = matchPath(fixed);
  const absent: readonly ApiErrorCode[] = withoutRanges.includes(value)
    ? ['not_acceptable', 'range_not_satisfiable']
    : ['not_acceptable'];
  return {
    ...operation,
    format: value,
    id: id + value.split(/\W/).map(capitalize).join(''),
    path: fixed,
    summary: `${summary}: ${FORMAT_NAMES[value] ?? value}`,
    pathParameters: otherParameters,
    // The path fixes the format. Parameters that change nothing in it would mislead.
    ...(query !== undefined && {
      query: Object.fromEntries(
        Object.entries(query).filter(
          ([name, { formats }]) => name !== 'format' && formats?.includes(value) !== false,
        ),
      ),
    }),
    errors: errors.filter((code) => !absent.includes(code)),
    ...(withoutRanges.includes(value) && { otherStatuses: {} }),
    answers: { [type]: operation.answers[type] as AnswerBody },
    examples: examples.filter((example) => isAsFixed.test(example)),
  };
}

/** Matches the paths, with or without a query, that OpenAPI's path stands for. */
function matchPath(path: string): RegExp {
  const parts = path.split(/\{\w+\}/).map((part) => part.replaceAll('.', '\\.'));
  return new RegExp(`^${parts.join('[^/?]+')}(?:\\?|$)`);
}
