/**
 * `GET /digit`, `/digit.png`, `/digit/7.png` and so on: new digits, or the digits of a seed.
 */
import { DIGIT_FORMATS, type DigitFormat } from '../../shared/contract/formats.ts';
import { ROUTES, type Parameter } from '../../shared/contract/parameters.ts';
import { parseDigitQuery } from '../../shared/contract/query.ts';
import type { App } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import type { Operation } from '../http/operation.ts';
import {
  answerDigits,
  createDigitHandler,
  DIGITS_ANSWER,
  splitExtension,
} from './answer-digits.ts';

const FORMATS = Object.keys(DIGIT_FORMATS) as DigitFormat[];

const { label, ...BESIDE_LABEL } = ROUTES.digit;
const LABEL: Parameter = { ...label, without: '' };
const EXTENSION: Parameter = {
  ...ROUTES.digit.format,
  about: 'The answer’s format',
  without: '',
};

export const DIGIT_OPERATIONS: readonly Operation[] = [
  {
    ...DIGITS_ANSWER,
    id: 'drawDigits',
    path: '/digit',
    routes: ['/digit'],
    summary: 'New digits, or the digits of a seed, in the format of format= or Accept',
    query: ROUTES.digit,
    examples: ['/digit?n=16', '/digit?seed=Ada&format=json'],
  },
  {
    ...DIGITS_ANSWER,
    id: 'drawDigitsAs',
    path: '/digit.{extension}',
    routes: FORMATS.map((format) => `/digit.${format}`),
    summary: 'The same in the extension’s format',
    pathParameters: { extension: EXTENSION },
    query: ROUTES.digit,
    examples: [
      '/digit.png?n=16&scale=4',
      '/digit.svg?seed=Ada&scale=8',
      '/digit.json?n=16',
      '/digit.png?n=9&scale=3&smooth=1&gap=4&margin=8&fg=1d2430&bg=transparent',
      '/digit.txt',
      '/digit.npy?n=256',
    ],
  },
  {
    ...DIGITS_ANSWER,
    id: 'drawDigitsOfClass',
    path: '/digit/{label}',
    routes: ['/digit/:label'],
    summary: 'Digits of one class, in the format of format= or Accept',
    pathParameters: { label: LABEL },
    query: BESIDE_LABEL,
    examples: ['/digit/7'],
  },
  {
    ...DIGITS_ANSWER,
    id: 'drawDigitsOfClassAs',
    path: '/digit/{label}.{extension}',
    routes: ['/digit/:label'],
    summary: 'Digits of one class, in the extension’s format',
    pathParameters: { label: LABEL, extension: EXTENSION },
    query: BESIDE_LABEL,
    examples: ['/digit/7.png?scale=4', '/digit/7.json?n=16'],
  },
];

export function addDigitRoutes(app: App, dependencies: AppDependencies): void {
  app.get('/digit', createDigitHandler(dependencies));
  for (const extension of FORMATS) {
    app.get(`/digit.${extension}`, createDigitHandler(dependencies, extension));
  }
  app.get('/digit/:label', (c) => {
    const { text, extension } = splitExtension(c.req.param('label'));
    // The label counts as a parameter, so that one in the query as well is a repetition.
    const search = new URLSearchParams(c.get('url').searchParams);
    search.append('label', text);
    return answerDigits(c, dependencies, extension, parseDigitQuery(search));
  });
}
