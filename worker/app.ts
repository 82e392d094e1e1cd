/** The app: what happens to every request, the routes, and the answers where no route has one. */
import { HonoBase } from 'hono/hono-base';
import { matchedRoutes } from 'hono/route';
import { TrieRouter } from 'hono/router/trie-router';
import { encodeBase64Url } from 'hono/utils/encode';
import { FORMATS, type RouteName } from '../shared/contract/formats.ts';
import { LIMITS } from '../shared/contract/limits.ts';
import { Refusal } from '../shared/contract/refusal.ts';
import type { App, AppContext, AppEnv } from './context.ts';
import type { AppDependencies, GivenDependencies } from './dependencies.ts';
import { countRequest, describePolicy, HEAVY_WORK, STREAM_TURNS } from './http/admission.ts';
import { ConcurrencyLimit } from './http/concurrency-limit.ts';
import { checkIfMatch, describePreflight, DOCUMENT_HEADERS, HEADERS } from './http/headers.ts';
import { completeOperation, type Operation } from './http/operation.ts';
import { respondError } from './http/respond-error.ts';
import { createEncoderSource } from './models/encoder-source.ts';
import { openGuides } from './pages/docs/frame.ts';
import { addGuideRoutes, GUIDE_OPERATIONS } from './pages/docs/guides.ts';
import { addReferenceRoute, REFERENCE_OPERATION } from './pages/docs/reference.ts';
import { respondFault } from './pages/fault.ts';
import { addHandPageRoute, HAND_PAGE_OPERATION } from './pages/hand.ts';
import { addHomeRoute, HOME_OPERATION } from './pages/home.ts';
import { addLlmsRoute, LLMS_OPERATION } from './pages/llms.ts';
import { dropBody } from './request-body.ts';
import { addDatasetRoutes, DATASET_OPERATION } from './routes/dataset.ts';
import { addDigitRoutes, DIGIT_OPERATIONS } from './routes/digits.ts';
import { addErrorRoutes, ERROR_OPERATIONS } from './routes/errors.ts';
import { addHandRoute, HAND_OPERATION } from './routes/hand.ts';
import { addJobRoutes, JOB_OPERATIONS } from './routes/jobs.ts';
import { addModelRoutes, MODEL_OPERATIONS } from './routes/models.ts';
import { addMorphRoutes, MORPH_OPERATIONS } from './routes/morph.ts';
import { addOembedRoute, OEMBED_OPERATION } from './routes/oembed.ts';
import {
  addServiceRoutes,
  HEALTH_OPERATION,
  LIMITS_OPERATION,
  OPENAPI_OPERATION,
  SITE_OPERATIONS,
} from './routes/service.ts';

/** Everything that the service answers, in the order of the documentation. */
export const OPERATIONS: readonly Operation[] = [
  ...DIGIT_OPERATIONS,
  ...MORPH_OPERATIONS,
  DATASET_OPERATION,
  HAND_OPERATION,
  ...JOB_OPERATIONS,
  ...MODEL_OPERATIONS,
  LIMITS_OPERATION,
  HOME_OPERATION,
  REFERENCE_OPERATION,
  ...GUIDE_OPERATIONS,
  HAND_PAGE_OPERATION,
  OPENAPI_OPERATION,
  LLMS_OPERATION,
  OEMBED_OPERATION,
  HEALTH_OPERATION,
  ...SITE_OPERATIONS,
  ...ERROR_OPERATIONS,
].map(completeOperation);

/** Bytes of a drawn seed: 16 URL-safe characters. */
const SEED_BYTES = 12;

export function createApp(given: GivenDependencies): App {
  const clock = given.clock ?? (() => performance.now());
  const dependencies: AppDependencies = {
    drawSeed: () => encodeBase64Url(crypto.getRandomValues(new Uint8Array(SEED_BYTES)).buffer),
    drawRequestId: () => crypto.randomUUID(),
    ...given,
    clock,
    encoders: createEncoderSource(given.modelFiles, given.log),
    heavyWork: new ConcurrencyLimit(HEAVY_WORK, clock),
    streamTurns: new ConcurrencyLimit(STREAM_TURNS, clock),
  };
  // Hono itself would try RegExpRouter first, which cannot hold these routes.
  const app = new HonoBase<AppEnv>({ router: new TrieRouter() });
  addMiddleware(app, dependencies);
  addHomeRoute(app, dependencies);
  addHandPageRoute(app, dependencies);
  addDigitRoutes(app, dependencies);
  addMorphRoutes(app, dependencies);
  addDatasetRoutes(app, dependencies);
  addHandRoute(app, dependencies);
  addJobRoutes(app, dependencies);
  addErrorRoutes(app);
  addModelRoutes(app, dependencies);
  addOembedRoute(app, dependencies);
  addServiceRoutes(app, dependencies);
  addLlmsRoute(app, OPERATIONS, dependencies);
  const guides = openGuides(dependencies.guides);
  addReferenceRoute(app, OPERATIONS, guides, dependencies);
  addGuideRoutes(app, OPERATIONS, guides, dependencies);
  addOtherMethods(app);
  app.notFound((c) => {
    const { path } = c.req;
    const { pathname, search } = c.get('url'); // `path` is decoded.
    if (c.req.method === 'OPTIONS' && c.req.header('access-control-request-method') !== undefined) {
      // Otherwise a script of another origin could not read why its path is wrong.
      return c.body(null, 204, describePreflight(['GET', 'HEAD', 'OPTIONS']));
    }
    if (pathname.endsWith('/') && ['GET', 'HEAD'].includes(c.req.method)) {
      // An absolute URL, because a path may start with `//HOST`.
      const url = c.get('base') + pathname.slice(0, -1) + search;
      return c.body(null, 308, { ...DOCUMENT_HEADERS, 'Content-Length': '0', Location: url });
    }
    const [, route, received] =
      /^\/(digit|sample|morph|dataset)\.([A-Za-z0-9.]+)$/.exec(path) ?? [];
    return respondFault(
      c,
      route === undefined || received === undefined
        ? { code: 'not_found', path, near: findNear(path) }
        : {
            code: 'format_not_found',
            received,
            available: FORMATS[route === 'sample' ? 'digit' : (route as RouteName)],
          },
    );
  });
  app.onError((cause, c) => {
    // Models have pages, too.
    const route = findRoute(c) ?? '';
    const isPage = OPERATIONS.some(
      ({ routes, tag }) => /^(?:pages|models)$/.test(tag) && routes.includes(route),
    );
    const respond = isPage ? respondFault : respondError;
    if (cause instanceof Refusal) {
      return respond(c, cause.error);
    }
    c.get('logFailure')(cause);
    return respond(c, { code: 'internal', requestId: c.get('requestId') });
  });
  return app;
}

/** Finds an example of the route that was probably meant: `/openapi.json` for `/OpenAPI`. */
function findNear(path: string): string | undefined {
  const nameRoot = (each: string) => /^\/+([a-z]{3,})/i.exec(each)?.[1]?.toLowerCase() ?? '/';
  const root = nameRoot(path);
  return OPERATIONS.flatMap(({ examples }) => examples).find((example) => {
    const known = nameRoot(example);
    return known.startsWith(root) || root.startsWith(known);
  });
}

/**
 * Sets the request's values, adds the headers that all answers have, and logs the request.
 *
 * Hono's `requestId()` and `secureHeaders()` are not used. The first trusts an id that the caller
 * sends and makes every Response copy its headers. The second replaces a few lines by the
 * switching off of ten other headers.
 */
function addMiddleware(
  app: App,
  { clock, drawRequestId, hstsSeconds = 0, log, png, rateLimits }: AppDependencies,
): void {
  const policy = rateLimits && describePolicy(rateLimits);
  app.use(async (c, next) => {
    const began = clock();
    const requestId = drawRequestId();
    c.set('logFailure', (cause) => {
      const [event, method, route] = ['request_failed', c.req.method, findRoute(c)];
      log({ level: 'error', event, requestId, method, route, cause });
    });
    const url = new URL(c.req.url);
    c.set('requestId', requestId);
    c.set('url', url);
    const { note, basePath = '' }: AppEnv['Bindings'] = c.env ?? {}; // Tests may give no bindings.
    c.set('basePath', basePath);
    c.set('base', url.origin + basePath);
    c.set('defer', (work) => deferWork(c, work));
    c.set('png', png);
    c.set('countPicture', () => countRequest(c, rateLimits, false));
    const length = url.pathname.length + url.search.length;
    if (length > LIMITS.maxUrlLength) {
      c.res = await respondError(c, {
        code: 'url_too_long',
        length,
        maxLength: LIMITS.maxUrlLength,
      });
    } else {
      await next();
    }
    const isRead = c.req.method === 'GET' || c.req.method === 'HEAD';
    const refused = isRead ? checkIfMatch(c, c.res) : undefined;
    if (!isRead || refused !== undefined) {
      const given = c.res;
      c.res = undefined; // Otherwise Hono would copy all headers.
      c.res = refused ? await respondError(c, refused) : await dropBody(c.req.raw, given);
      void (refused && given.body?.cancel());
    }
    const { headers, status } = c.res; // c.header() would copy the Response each time.
    headers.set(HEADERS.requestId, requestId);
    headers.set('X-Content-Type-Options', 'nosniff');
    if (hstsSeconds > 0) {
      headers.set('Strict-Transport-Security', `max-age=${hstsSeconds}`);
    }
    if (policy !== undefined && c.get('counted') !== undefined) {
      headers.set('RateLimit-Policy', policy);
    }
    // Seeds and numbers may be personal, so the log holds no path, query, header or address.
    const facts = {
      requestId,
      route: findRoute(c),
      code: c.get('errorCode'),
      model: headers.get(HEADERS.model) ?? undefined,
      source: headers.get(HEADERS.modelSource) ?? undefined,
    };
    if (note === undefined) {
      const ms = Math.round(clock() - began);
      log({ level: 'info', event: 'request', method: c.req.method, status, ms, ...facts });
    } else {
      note(facts);
    }
  });
}

/** Finds the pattern of the route that a request took, such as `/number/:digits`. */
function findRoute(c: AppContext): string | undefined {
  return matchedRoutes(c).find(({ path }) => !path.includes('*'))?.path;
}

function deferWork(c: AppContext, work: Promise<unknown>): void {
  const settled = work.catch(() => undefined); // The caller that awaits the work sees its failure.
  try {
    c.executionCtx.waitUntil(settled);
  } catch {
    // Outside of the edge runtime Hono has no context: there nothing must keep the work alive.
  }
}

/** Answers preflights, and methods that a path does not have. Must come after all other routes. */
function addOtherMethods(app: App): void {
  const allowed = new Map<string, Set<string>>();
  for (const { routes, kind, method } of OPERATIONS) {
    for (const route of routes) {
      const methods = allowed.get(route) ?? new Set();
      allowed.set(route, methods);
      for (const each of method === undefined ? ['GET', 'HEAD'] : [method]) {
        methods.add(each);
      }
      if (kind !== 'owner') {
        methods.add('OPTIONS'); // Also for pages: HAProxy's health check is `OPTIONS /`.
      }
    }
  }
  for (const [route, methods] of allowed) {
    if (methods.has('OPTIONS')) {
      app.options(route, (c) => c.body(null, 204, describePreflight([...methods])));
    }
    app.all(route, (c) =>
      respondError(c, { code: 'method_not_allowed', method: c.req.method, allow: [...methods] }),
    );
  }
}
