/**
 * `GET /openapi.json`: the interface as programs read it.
 */
import * as z from 'zod';
import type { App } from '../context.ts';
import { API_HEADERS } from '../http/headers.ts';
import { buildOpenapiDocument } from '../http/openapi.ts';
import type { Operation } from '../http/operation.ts';

export const OPENAPI_OPERATION: Operation = {
  id: 'getOpenapi',
  path: '/openapi.json',
  routes: ['/openapi.json'],
  kind: 'api',
  summary: 'This description, OpenAPI 3.1',
  answers: { 'application/json': z.looseObject({ openapi: z.string() }) },
  examples: ['/openapi.json'],
};

export function addOpenapiRoute(app: App, operations: readonly Operation[]): void {
  app.get('/openapi.json', (c) =>
    c.json(buildOpenapiDocument(operations, c.get('url').origin), 200, {
      ...API_HEADERS,
      'Cache-Control': 'public, max-age=300',
    }),
  );
}
