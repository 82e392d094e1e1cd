/**
 * A line in the log for each request: which route it took and what came of it. Nothing that the caller wrote stands in it, no
 * query, no path, no header, and no address: seeds and numbers may be somebody's own.
 */
import { createMiddleware } from 'hono/factory';
import { matchedRoutes } from 'hono/route';
import type { AppContext, AppDependencies, AppEnv } from '../context.ts';
import { HEADERS } from './headers.ts';

/** Logs each request when it is answered, or hands what is to be logged to the host that asked for it. */
export function logRequests({ log, clock }: Pick<AppDependencies, 'log' | 'clock'>) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const began = clock();
    await next();
    const { headers, status } = c.res;
    const facts = {
      requestId: c.get('requestId'),
      route: findRoute(c),
      code: c.get('errorCode'),
      model: headers.get(HEADERS.model) ?? undefined,
      source: headers.get(HEADERS.modelSource) ?? undefined,
    };
    const note = (c.env as AppEnv['Bindings'] | undefined)?.note; // `app.request()` of the tests and the command line gives none.
    if (note === undefined) {
      log({
        level: 'info',
        event: 'request',
        method: c.req.method,
        status,
        ...facts,
        ms: Math.round(clock() - began),
      });
    } else {
      note(facts);
    }
  });
}

/** The pattern of the route that a request took, as `/number/:digits`; undefined when none did. */
export function findRoute(c: AppContext): string | undefined {
  return matchedRoutes(c).find(({ path }) => !path.includes('*'))?.path;
}
