/**
 * The app: middleware, routes and what becomes of a request that none of them answers. All that is not pure is given.
 */
import { Hono } from 'hono';
import { LIMITS } from '../shared/contract/limits.ts';
import { HEAVY_WORK } from './http/admit.ts';
import type { App, AppDependencies, AppEnv } from './context.ts';
import { addCommonHeaders, PREFLIGHT_HEADERS } from './http/headers.ts';
import type { Operation } from './http/operation.ts';
import { findRoute, logRequests } from './http/request-log.ts';
import { respondError } from './http/respond-error.ts';
import { addDatasetRoutes, DATASET_OPERATION } from './routes/dataset.ts';
import { addDigitRoutes, DIGIT_OPERATIONS } from './routes/digit.ts';
import { addDocsRoute, DOCS_OPERATION } from './pages/docs.ts';
import { addErrorRoutes, ERROR_OPERATIONS } from './routes/errors.ts';
import { addHealthRoute, HEALTH_OPERATION } from './routes/health.ts';
import { addJobRoutes, JOB_OPERATIONS } from './routes/jobs.ts';
import { addHomeRoute, HOME_OPERATION } from './pages/home.ts';
import { addLimitsRoute, LIMITS_OPERATION } from './routes/limits.ts';
import { addLlmsRoute, LLMS_OPERATION } from './pages/llms.ts';
import { addModelRoutes, MODEL_OPERATIONS } from './routes/models.ts';
import { addMorphRoutes, MORPH_OPERATIONS } from './routes/morph.ts';
import { addNumberRoute, NUMBER_OPERATIONS } from './routes/number.ts';
import { addOembedRoute, OEMBED_OPERATION } from './routes/oembed.ts';
import { addOpenapiRoute, OPENAPI_OPERATION } from './routes/openapi.ts';
import { WorkGate } from './http/work-gate.ts';

/** All that the service answers, in the order of the documentation. */
export const OPERATIONS: readonly Operation[] = [
  ...DIGIT_OPERATIONS,
  ...NUMBER_OPERATIONS,
  ...MORPH_OPERATIONS,
  DATASET_OPERATION,
  ...JOB_OPERATIONS,
  ...MODEL_OPERATIONS,
  LIMITS_OPERATION,
  HOME_OPERATION,
  DOCS_OPERATION,
  OPENAPI_OPERATION,
  LLMS_OPERATION,
  OEMBED_OPERATION,
  HEALTH_OPERATION,
  ...ERROR_OPERATIONS,
];

export function createApp(given: Omit<AppDependencies, 'heavyWork'>): App {
  const dependencies: AppDependencies = {
    ...given,
    heavyWork: new WorkGate(HEAVY_WORK, given.clock),
  };
  const app = new Hono<AppEnv>();
  app.use(addCommonHeaders(dependencies));
  app.use(logRequests(dependencies));
  app.use(async (c, next) => {
    const { pathname, search } = new URL(c.req.url);
    const length = pathname.length + search.length;
    return length > LIMITS.maxUrlLength
      ? respondError(c, { code: 'url_too_long', length, maxLength: LIMITS.maxUrlLength })
      : next();
  });
  addHomeRoute(app, dependencies);
  addDigitRoutes(app, dependencies);
  addNumberRoute(app, dependencies);
  addMorphRoutes(app, dependencies);
  addDatasetRoutes(app, dependencies);
  addJobRoutes(app, dependencies);
  addHealthRoute(app, dependencies);
  addErrorRoutes(app);
  addModelRoutes(app, dependencies);
  addLimitsRoute(app, dependencies);
  addOembedRoute(app, dependencies);
  addLlmsRoute(app, OPERATIONS);
  addDocsRoute(app, OPERATIONS);
  addOpenapiRoute(app, OPERATIONS);
  addOtherMethods(app);
  app.notFound((c) => respondError(c, { code: 'not_found', path: c.req.path }));
  app.onError((cause, c) => {
    const requestId = c.get('requestId');
    dependencies.log({
      level: 'error',
      event: 'request_failed',
      requestId,
      method: c.req.method,
      route: findRoute(c),
      cause,
    });
    return respondError(c, { code: 'internal', requestId });
  });
  return app;
}

/** What a path says to methods that it does not have: last, for whatever the routes themselves left over. */
function addOtherMethods(app: App): void {
  const allowed = new Map<string, Set<string>>();
  for (const { routes, kind, method } of OPERATIONS) {
    for (const route of routes) {
      const methods = allowed.get(route) ?? new Set();
      for (const each of method === undefined ? ['GET', 'HEAD'] : [method]) {
        methods.add(each);
      }
      if (kind === 'api') {
        methods.add('OPTIONS');
      }
      allowed.set(route, methods);
    }
  }
  for (const [route, methods] of allowed) {
    if (methods.has('OPTIONS')) {
      app.options(route, (c) => c.body(null, 204, { ...PREFLIGHT_HEADERS }));
    }
    app.all(route, (c) =>
      respondError(c, { code: 'method_not_allowed', method: c.req.method, allow: [...methods] }),
    );
  }
}
