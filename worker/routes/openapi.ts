/** `GET /openapi.json`: the OpenAPI document. */
import { jsonDocumentSchema } from '../../shared/contract/answers.ts';
import type { App } from '../context.ts';
import { DOCUMENT_HEADERS } from '../http/headers.ts';
import type { Operation, OperationEntry } from '../http/operation.ts';
import { createOpenapiWriter } from '../openapi/document.ts';

export const OPENAPI_OPERATION: OperationEntry = {
  id: 'getOpenapi',
  path: '/openapi.json',
  tag: 'service',
  summary: 'This description, OpenAPI 3.1',
  answers: { 'application/json': jsonDocumentSchema },
  examples: ['/openapi.json'],
};

export function addOpenapiRoute(app: App, operations: readonly Operation[]): void {
  const write = createOpenapiWriter(operations);
  app.get('/openapi.json', (c) =>
    c.body(write(c.get('base')), 200, {
      ...DOCUMENT_HEADERS,
      'Content-Type': 'application/json',
    }),
  );
}
