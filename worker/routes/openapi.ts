/** `GET /openapi.json`: the OpenAPI document. */
import type { App } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { createDocument } from '../http/constant-document.ts';
import { DOCUMENT_HEADERS } from '../http/headers.ts';
import type { OperationEntry } from '../http/operation.ts';
import { respondText } from '../http/range.ts';

export const OPENAPI_OPERATION: OperationEntry = {
  id: 'getOpenapi',
  path: '/openapi.json',
  tag: 'service',
  summary: 'This description, OpenAPI 3.1',
  answers: { 'application/json': 'jsonDocumentSchema' },
  examples: ['/openapi.json'],
};

/** Without a document the path is not found. */
export function addOpenapiRoute(app: App, { openapi }: Pick<AppDependencies, 'openapi'>): void {
  if (openapi === undefined) {
    return;
  }
  const write = createDocument(
    () => new TextDecoder().decode(openapi),
    (origin) => JSON.stringify(origin).slice(1, -1),
  );
  app.get('/openapi.json', (c) =>
    respondText(write(c.get('base')), 'application/json', DOCUMENT_HEADERS),
  );
}
