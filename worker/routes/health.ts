/** `GET /healthz`: which model serves, and why not another. It is a 200 while any model serves. */
import type { App } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { API_HEADERS } from '../http/headers.ts';
import type { OperationEntry } from '../http/operation.ts';
import { respondJson } from '../http/range.ts';

export const HEALTH_OPERATION: OperationEntry = {
  id: 'getHealth',
  path: '/healthz',
  tag: 'service',
  summary: 'Which model serves, its source, and the last error',
  answers: { 'application/json': 'healthSchema' },
  otherStatuses: { 503: 'No model serves' },
  examples: ['/healthz'],
};

export function addHealthRoute(app: App, { generators }: AppDependencies): void {
  app.get('/healthz', async (c) => {
    const { serving, failure } = await generators.getHealth(c.get('defer'));
    const headers = { ...API_HEADERS, 'Cache-Control': 'no-store' };
    const lastError = failure && { ...failure, at: new Date(failure.at).toISOString() };
    if (serving === undefined) {
      const body = { status: 'unavailable', model: null, lastError: lastError ?? null };
      return respondJson(body, headers, 503);
    }
    const { name, version, origin: source } = serving;
    const loadedAt = new Date(serving.loadedAt).toISOString();
    const status = failure === undefined ? 'ok' : 'degraded';
    const model = { name, version, source, loadedAt };
    return respondJson({ status, model, lastError: lastError ?? null }, headers);
  });
}
