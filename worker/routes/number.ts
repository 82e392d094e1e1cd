/**
 * `GET /number/2026.png`: a number in one writer's hand.
 */
import {
  NUMBER_PARAMETERS,
  NUMBER_PATH,
  parseNumberQuery,
} from '../../shared/contract/digit-query.ts';
import type { App } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import type { Operation } from '../http/operation.ts';
import { answerDigits, DIGITS_ANSWER, splitExtension } from './answer-digits.ts';

const SHARED = {
  ...DIGITS_ANSWER,
  routes: ['/number/:digits'],
  query: NUMBER_PARAMETERS,
} as const satisfies Partial<Operation>;

export const NUMBER_OPERATIONS: readonly Operation[] = [
  {
    ...SHARED,
    id: 'drawNumber',
    path: '/number/{digits}',
    summary:
      'A number in one writer’s hand, in the format that format= or Accept asks for; 3.14 is a number, since 14 is no format',
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
    examples: [
      '/number/2026.png?scale=4',
      '/number/-3.14.png?seed=ink&scale=4&smooth=1',
      '/number/31415.svg?seed=Ada&scale=4',
    ],
  },
];

export function addNumberRoute(app: App, dependencies: AppDependencies): void {
  app.get('/number/:digits', (c) => {
    const { text, extension } = splitExtension(c.req.param('digits'));
    const parsed = parseNumberQuery(text, c.get('url').searchParams);
    return answerDigits(c, dependencies, extension, parsed);
  });
}
