/** `GET /openapi.json`: the OpenAPI document. */
import type { App } from '../context.ts';
import { createDocument } from '../http/constant-document.ts';
import { DOCUMENT_HEADERS } from '../http/headers.ts';
import type { Operation, OperationEntry } from '../http/operation.ts';

export const OPENAPI_OPERATION: OperationEntry = {
  id: 'getOpenapi',
  path: '/openapi.json',
  tag: 'service',
  summary: 'This description, OpenAPI 3.1',
  answers: { 'application/json': 'jsonDocumentSchema' },
  examples: ['/openapi.json'],
};

export function addOpenapiRoute(app: App, operations: readonly Operation[]): void {
  let write: ReturnType<typeof createDocument> | undefined;
  app.get('/openapi.json', async (c) => {
    write ??= await loadDocument(operations);
    return c.body(write(c.get('base')), 200, {
      ...DOCUMENT_HEADERS,
      'Content-Type': 'application/json',
    });
  });
}

/** Makes the schemas of all answers now, because a fresh isolate would take long for them. */
async function loadDocument(operations: readonly Operation[]) {
  const { writeOpenapiDocument } = await import('../openapi/document.ts');
  return createDocument(
    (origin) => writeOpenapiDocument(operations, origin),
    (origin) => JSON.stringify(origin).slice(1, -1),
  );
}
