/**
 * `GET /llms.txt`: the interface for language models, as llmstxt.org proposes, made from what the routes say of themselves.
 */
import { describeDefault, describeExpected } from '../../shared/contract/parameter-text.ts';
import type { ParameterSet } from '../../shared/contract/query.ts';
import type { App } from '../context.ts';
import { API_HEADERS } from '../http/headers.ts';
import type { Operation } from '../http/operation.ts';

export const LLMS_OPERATION: Operation = {
  id: 'getLlms',
  path: '/llms.txt',
  routes: ['/llms.txt'],
  kind: 'api',
  summary: 'This interface as plain text, for language models',
  answers: { 'text/plain': 'text' },
  examples: ['/llms.txt'],
};

export function addLlmsRoute(app: App, operations: readonly Operation[]): void {
  app.get('/llms.txt', (c) =>
    c.text(describeForModels(operations, new URL(c.req.url).origin), 200, {
      ...API_HEADERS,
      'Cache-Control': 'public, max-age=300',
    }),
  );
}

function describeForModels(operations: readonly Operation[], origin: string): string {
  const sections = operations
    .filter(({ kind }) => kind === 'api')
    .map(({ path, summary, pathParameters, query, examples }) =>
      [
        `## GET ${path}`,
        `${summary}.`,
        describeParameters({ ...pathParameters, ...query }),
        ...examples.map((example) => `Example: ${origin}${example}`),
      ]
        .filter((line) => line !== '')
        .join('\n'),
    );
  return `# digitmint

> Handwritten digits that nobody wrote, drawn by a small neural network: fresh at every request, or always the same for a
> seed. GET only, no key, any origin. To embed a digit: <img src="${origin}/digit.png?scale=4" alt="A handwritten digit">

- Without seed= the answer is new each time (no-store); its Link header is its permanent URL.
- Use only the parameters listed: others have no effect and are named in the header Digitmint-Warning; strict=1 refuses them.
- A value beyond its limit is a 400 problem details document that tells the allowed range.
- Complete description: ${origin}/openapi.json

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
