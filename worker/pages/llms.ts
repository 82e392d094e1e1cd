/** `GET /llms.txt`: the API for language models (llmstxt.org), from the routes' operations. */
import {
  describeDefault,
  describeExpected,
  type ParameterSet,
} from '../../shared/contract/query.ts';
import type { App } from '../context.ts';
import { createDocument } from '../http/constant-document.ts';
import { DOCUMENT_HEADERS } from '../http/headers.ts';
import type { Operation, OperationEntry } from '../http/operation.ts';

export const LLMS_OPERATION: OperationEntry = {
  id: 'getLlms',
  path: '/llms.txt',
  tag: 'service',
  summary: 'This API as plain text, for language models',
  answers: { 'text/plain': 'text' },
  examples: ['/llms.txt'],
};

export function addLlmsRoute(app: App, operations: readonly Operation[]): void {
  const write = createDocument((base) => describeForModels(operations, base));
  app.get('/llms.txt', (c) => c.text(write(c.get('base')), 200, DOCUMENT_HEADERS));
}

function describeForModels(operations: readonly Operation[], base: string): string {
  const sections = operations
    .filter(({ kind }) => kind === 'api')
    .map(({ path, summary, pathParameters, query, examples }) =>
      [
        `## GET ${path}`,
        `${summary}.`,
        describeParameters({ ...pathParameters, ...query }),
        ...examples.map((example) => `Example: ${base}${example}`),
      ]
        .filter((line) => line !== '')
        .join('\n'),
    );
  return `# digitmint

> Handwritten digits from a small neural network. Every request draws new digits; a seed always gives the same ones.
> GET only, no key, any origin. To embed a digit: <img src="${base}/digit.png?scale=4" alt="A handwritten digit">

- Without seed= every answer is new (no-store). Its Link header is its permanent URL.
- Use only the parameters listed. Others have no effect: the header Digitmint-Warning names them, and strict=1 refuses them.
- A value beyond its limit is a 400 with problem details that name the allowed range.
- Complete description: ${base}/openapi.json

${sections.join('\n\n')}
`;
}

function describeParameters(parameters: ParameterSet): string {
  return Object.entries(parameters)
    .map(([name, parameter]) => {
      const without = describeDefault(parameter);
      const absent = without === '' ? '' : ` Without it: ${without}.`;
      return `- ${name} (${describeExpected(parameter)}): ${parameter.about}.${absent}`;
    })
    .join('\n');
}
