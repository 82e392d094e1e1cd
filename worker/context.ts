/** The values that a request carries through the app: Hono's types, filled in. */
import type { Context, Hono } from 'hono';
import type { ApiError } from '../shared/contract/errors.ts';
import type { PngEncoder } from '../shared/picture/png.ts';

/** Keeps work alive after the answer was sent, as `ctx.waitUntil` does. */
export type Defer = (work: Promise<unknown>) => void;

/** The kinds of rate limit: of all answers, and of those that take much work. */
export type RateKind = 'all' | 'heavy';

export interface AppEnv {
  /** Given by the host with each request. The app does not see Cloudflare's own bindings. */
  Bindings: HostFacts;
  Variables: {
    requestId: string;
    /** The request's URL, parsed once. */
    url: URL;
    /** The path under which the service is public, without a slash at its end; '' for the root. */
    basePath: string;
    /** Origin and `basePath`: the start of every absolute URL in an answer. */
    base: string;
    defer: Defer;
    /** Logs what ended the request, under its id. */
    logFailure: (cause: unknown) => void;
    png: PngEncoder;
    /** The rate limits that this request was already counted for. */
    counted?: readonly RateKind[];
    /** Counts a request that only gets the picture of an error. */
    countPicture: () => Promise<ApiError | undefined> | undefined;
    /** Code of the error that the request is answered with. */
    errorCode?: string;
  };
}

/** Facts about a request that only the host knows. */
export interface HostFacts {
  /** The caller's network address. Never logged. */
  readonly address?: string | undefined;
  /** Already removed from the request's URL: see `basePath` of {@link AppEnv}. Default ''. */
  readonly basePath?: string | undefined;
  /** Reads the caller's Accept-Encoding, where the host has replaced the header. */
  readonly readAcceptEncoding?: () => string | undefined;
  /** Called if the answer is produced while the client reads it. */
  readonly noteStream?: () => void;
  /** Receives the facts for the host's own log line; the app then logs none. */
  readonly note?: (facts: RequestFacts) => void;
}

/** The content of a request's log line. None of it comes from the caller. */
export interface RequestFacts {
  readonly requestId: string;
  /** The route's pattern, such as `/number/:digits`; undefined when no route matched. */
  readonly route: string | undefined;
  /** Code of the error; undefined for a success. */
  readonly code: string | undefined;
  /** `name@version` of the model that drew. */
  readonly model: string | undefined;
  /** The source of the model: `bundled` is the fallback. */
  readonly source: string | undefined;
}

export type App = Hono<AppEnv>;
export type AppContext = Context<AppEnv>;
