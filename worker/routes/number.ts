/**
 * `GET /number/2026.png`: a number in one writer's hand.
 */
import { digitSchema, digitsSchema } from '../../shared/contract/answers.ts';
import { DIGIT_FORMATS, NUMBER_PARAMETERS, NUMBER_PATH, parseNumberQuery } from '../../shared/contract/digit-query.ts';
import { answerDigits } from '../answer-digits.ts';
import { splitExtension } from '../digit-format.ts';
import type { App, AppDependencies } from '../context.ts';
import { QUERY_ERRORS, type Operation } from '../operation.ts';

const SHARED = {
  routes: ['/number/:digits'],
  kind: 'api',
  query: NUMBER_PARAMETERS,
  conditional: true,
  answers: {
    [DIGIT_FORMATS.png]: 'bytes',
    [DIGIT_FORMATS.json]: digitsSchema,
    [DIGIT_FORMATS.svg]: 'text',
    [DIGIT_FORMATS.txt]: 'text',
    [DIGIT_FORMATS.npy]: 'bytes',
    [DIGIT_FORMATS.ndjson]: digitSchema,
  },
  errors: [
    ...QUERY_ERRORS,
    'label_not_supported',
    'parameter_not_supported',
    'parameter_without_effect',
    'picture_too_large',
    'model_not_found',
    'not_acceptable',
    'model_unavailable',
  ],
} as const satisfies Partial<Operation>;

export const NUMBER_OPERATIONS: readonly Operation[] = [
  {
    ...SHARED,
    id: 'drawNumber',
    path: '/number/{digits}',
    summary: 'A number in one writer’s hand, in the format that format= or Accept asks for',
    pathParameters: { digits: NUMBER_PATH },
    examples: ['/number/2026'],
  },
  {
    ...SHARED,
    id: 'drawNumberAs',
    path: '/number/{digits}.{extension}',
    summary: 'A number in one writer’s hand, in the extension’s format',
    pathParameters: {
      digits: NUMBER_PATH,
      extension: { ...NUMBER_PARAMETERS.format, about: 'The answer’s format', without: '' },
    },
    examples: ['/number/2026.png?scale=4', '/number/31415.svg?seed=Ada&scale=4'],
  },
];

export function addNumberRoute(app: App, dependencies: AppDependencies): void {
  app.get('/number/:digits', (c) => {
    const { text, extension } = splitExtension(c.req.param('digits'));
    return answerDigits(c, dependencies, extension, parseNumberQuery(text, new URL(c.req.url).searchParams));
  });
}
