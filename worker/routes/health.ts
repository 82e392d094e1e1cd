/**
 * `GET /healthz`: which model serves, and why not another. Always 200 while a model serves: the
 * service is up.
 */
import { healthSchema } from '../../shared/contract/answers.ts';
import { getDefer, type App, type AppDependencies } from '../context.ts';
import { API_HEADERS } from '../http/headers.ts';
import type { Operation } from '../http/operation.ts';

export const HEALTH_OPERATION: Operation = {
  id: 'getHealth',
  path: '/healthz',
  routes: ['/healthz'],
  kind: 'api',
  summary: 'Which model serves, its source, and the last error',
  answers: { 'application/json': healthSchema },
  otherStatuses: { 503: 'No model serves' },
  examples: ['/healthz'],
};

export function addHealthRoute(app: App, { generators }: AppDependencies): void {
  app.get('/healthz', async (c) => {
    const { serving, failure } = await generators.getHealth(getDefer(c));
    const body = {
      status: serving === undefined ? 'unavailable' : failure === undefined ? 'ok' : 'degraded',
      model:
        serving === undefined
          ? null
          : {
              name: serving.name,
              version: serving.version,
              source: serving.origin,
              loadedAt: new Date(serving.loadedAt).toISOString(),
            },
      lastError:
        failure === undefined ? null : { ...failure, at: new Date(failure.at).toISOString() },
    };
    return c.json(body, serving === undefined ? 503 : 200, {
      ...API_HEADERS,
      'Cache-Control': 'no-store',
    });
  });
}
