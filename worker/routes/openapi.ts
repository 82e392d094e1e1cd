/** `GET /openapi.json`: the OpenAPI document. */
import { jsonDocumentSchema } from '../../shared/contract/answers.ts';
import type { App } from '../context.ts';
import { createDocument } from '../http/constant-document.ts';
import { DOCUMENT_HEADERS } from '../http/headers.ts';
import type { Operation, OperationEntry } from '../http/operation.ts';
import { buildOpenapiDocument } from '../openapi/document.ts';
import { ORIGIN } from '../openapi/examples.ts';

export const OPENAPI_OPERATION: OperationEntry = {
  id: 'getOpenapi',
  path: '/openapi.json',
  tag: 'service',
  summary: 'This description, OpenAPI 3.1',
  answers: { 'application/json': jsonDocumentSchema },
  examples: ['/openapi.json'],
};

export function addOpenapiRoute(app: App, operations: readonly Operation[]): void {
  const write = createDocument(
    (origin) => JSON.stringify(buildOpenapiDocument(operations)).replaceAll(ORIGIN, origin),
    (origin) => JSON.stringify(origin).slice(1, -1),
  );
  app.get('/openapi.json', (c) =>
    c.body(write(c.get('base')), 200, {
      ...DOCUMENT_HEADERS,
      'Content-Type': 'application/json',
    }),
  );
}
