/**
 * The app: middleware, routes and what becomes of a request that none of them answers. All that is not pure is given.
 */
import { Hono } from 'hono';
import { LIMITS } from '../shared/contract/limits.ts';
import type { App, AppDependencies, AppEnv } from './context.ts';
import { addCommonHeaders } from './headers.ts';
import { respondError } from './respond-error.ts';
import { addDigitRoutes } from './routes/digit.ts';
import { addErrorRoutes } from './routes/errors.ts';
import { addHealthRoute } from './routes/health.ts';
import { addHomeRoute } from './routes/home.ts';

/** Paths that only answer GET and HEAD. */
const PAGES = ['/', '/healthz', '/errors', '/errors/:code'];

export function createApp(dependencies: AppDependencies): App {
  const app = new Hono<AppEnv>();
  app.use(addCommonHeaders(dependencies.drawRequestId));
  app.use(async (c, next) => {
    const { pathname, search } = new URL(c.req.url);
    const length = pathname.length + search.length;
    return length > LIMITS.maxUrlLength
      ? respondError(c, { code: 'url_too_long', length, maxLength: LIMITS.maxUrlLength })
      : next();
  });
  addHomeRoute(app, dependencies);
  addDigitRoutes(app, dependencies);
  addHealthRoute(app, dependencies);
  addErrorRoutes(app);
  for (const path of PAGES) {
    app.all(path, (c) => respondError(c, { code: 'method_not_allowed', method: c.req.method, allow: ['GET', 'HEAD'] }));
  }
  app.notFound((c) => respondError(c, { code: 'not_found', path: c.req.path }));
  app.onError((cause, c) => {
    const requestId = c.get('requestId');
    dependencies.log({ level: 'error', event: 'request_failed', requestId, method: c.req.method, path: c.req.path, cause });
    return respondError(c, { code: 'internal', requestId });
  });
  return app;
}
