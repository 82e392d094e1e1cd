/**
 * `GET /number/2026.png`: a number in one handwriting.
 */
import { NUMBER, ROUTES } from '../../shared/contract/parameters.ts';
import { parseDigitQuery } from '../../shared/contract/query.ts';
import type { App } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import type { Operation } from '../http/operation.ts';
import { answerDigits, DIGITS_ANSWER, splitExtension } from './answer-digits.ts';

const SHARED = {
  ...DIGITS_ANSWER,
  routes: ['/number/:digits'],
  query: ROUTES.number,
} as const satisfies Partial<Operation>;

export const NUMBER_OPERATIONS: readonly Operation[] = [
  {
    ...SHARED,
    id: 'drawNumber',
    path: '/number/{digits}',
    summary:
      'A number in one handwriting, in the format of format= or Accept; /number/3.14 is the number 3.14, since 14 is no format',
    pathParameters: { digits: NUMBER },
    examples: ['/number/2026'],
  },
  {
    ...SHARED,
    id: 'drawNumberAs',
    path: '/number/{digits}.{extension}',
    summary: 'A number in one handwriting, in the extension’s format',
    pathParameters: {
      digits: NUMBER,
      extension: { ...ROUTES.number.format, about: 'The answer’s format', without: '' },
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
    const parsed = parseDigitQuery(c.get('url').searchParams, text);
    return answerDigits(c, dependencies, extension, parsed);
  });
}
