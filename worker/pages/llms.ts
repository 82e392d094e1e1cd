/** `GET /llms.txt`: the API for language models (llmstxt.org), from the routes' operations. */
import {
  describeDefault,
  describeExpected,
  type ParameterSet,
} from '../../shared/contract/query.ts';
import type { Manifest } from '../../shared/model/artifact.ts';
import { listClasses } from '../../shared/model/classes.ts';
import { HANDWRITTEN_DIGITS, hasDigits, nameOne } from '../../shared/model/subject.ts';
import { capitalize } from '../../shared/text.ts';
import type { App } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { createDocument } from '../http/constant-document.ts';
import { DOCUMENT_HEADERS } from '../http/headers.ts';
import type { Operation, OperationEntry } from '../http/operation.ts';
import { PLAIN_TEXT, respondText } from '../http/range.ts';
import { findManifest } from '../models/model-source.ts';

export const LLMS_OPERATION: OperationEntry = {
  id: 'getLlms',
  path: '/llms.txt',
  tag: 'service',
  summary: 'This API as plain text, for language models',
  answers: { 'text/plain': 'text' },
  examples: ['/llms.txt'],
};

export function addLlmsRoute(
  app: App,
  operations: readonly Operation[],
  { modelSource }: AppDependencies,
): void {
  const writeForDigits = createDocument((base) => describeForModels(operations, base));
  const general = generalize(operations);
  const writeForOthers = createDocument((base) => describeForModels(general, base));
  app.get('/llms.txt', async (c) => {
    const base = c.get('base');
    const manifest = await findManifest(modelSource, c.get('defer'));
    const write =
      manifest === undefined || hasDigits(manifest.classes) ? writeForDigits : writeForOthers;
    const text = describeModel(manifest, base) + write(base);
    return respondText(text, PLAIN_TEXT, DOCUMENT_HEADERS);
  });
}

/** Selects the operations and examples that work with every model's classes. */
function generalize(operations: readonly Operation[]): Operation[] {
  return operations
    .filter(({ path }) => !/^\/(?:digit|number)\b/.test(path))
    .map((operation) => ({
      ...operation,
      summary: operation.summary.replace('a digit', 'a sample'),
      examples: operation.examples.filter(
        (example) => !/digits=|labels?=|model|\/\d/.test(example),
      ),
    }));
}

/** Describes what the service draws. @param manifest  Absent if no model serves. */
function describeModel(manifest: Manifest | undefined, base: string): string {
  const { subject = HANDWRITTEN_DIGITS, classes = [] } = manifest ?? {};
  const { many } = subject;
  const labels = classes.length === 0 ? '' : `\n- label= is one of: ${listClasses(classes)}.`;
  const numbers =
    manifest === undefined || hasDigits(classes)
      ? ''
      : '\n- The model draws no digits: /number and digits= of /morph are refused.';
  return `# digitmint

> ${capitalize(many)} from a small neural network. Every request draws new ones; a seed always gives the same ones.
> No key, any origin. To embed one: <img src="${base}/sample.png?scale=4" alt="${nameOne(subject)}">

- /sample and /digit are names of the same pictures.${labels}${numbers}
`;
}

function describeForModels(operations: readonly Operation[], base: string): string {
  const sections = operations
    .filter(({ kind }) => kind === 'api')
    .map(({ method = 'GET', path, summary, pathParameters, query, body, examples }) =>
      [
        `## ${method} ${path}`,
        `${summary}.`,
        body === undefined ? '' : `Body: ${body.about} (${body.types.join(', ')}).`,
        describeParameters({ ...pathParameters, ...query }),
        ...examples.map((example) => `Example: ${base}${example}`),
      ]
        .filter((line) => line !== '')
        .join('\n'),
    );
  return `\
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
