/**
 * What every route is given, and what a request carries with it.
 */
import type { Context, Hono } from 'hono';
import type { PngEncoder } from '../shared/picture/png.ts';
import type { GeneratorSource } from './models/generator-source.ts';
import type { Jobs, NoJobs } from './jobs/jobs.ts';
import type { Log } from './http/log.ts';
import type { ModelFiles } from './models/model-files.ts';
import type { RateLimits } from './http/rate-limit.ts';
import type { Defer } from './models/sampler-cache.ts';
import type { WorkGate } from './http/work-gate.ts';

/** The app's dependencies: all that is not pure. */
export interface AppDependencies {
  readonly generators: GeneratorSource;
  readonly modelFiles: ModelFiles;
  /** A seed that nobody can foresee, of URL-safe characters. */
  readonly drawSeed: () => string;
  readonly drawRequestId: () => string;
  readonly png: PngEncoder;
  /** Milliseconds, for durations. */
  readonly clock: () => number;
  readonly log: Log;
  /** Absent where callers are not limited. */
  readonly rateLimits?: RateLimits;
  /** Sets that are too large for one answer; absent where the host has no queue. */
  readonly jobs?: Jobs | NoJobs;
  /** Where what takes much work waits its turn. */
  readonly heavyWork: WorkGate;
}

export interface AppEnv {
  /** What the host hands over with a request; Cloudflare's runtime its bindings, which the app does not look at. */
  Bindings: HostFacts;
  Variables: {
    requestId: string;
    /** The isolate's. */
    png: PngEncoder;
    /** Which limits the request was counted for already. */
    counted?: readonly ('all' | 'heavy')[];
    /** Of the error that it is answered with. */
    errorCode?: string;
  };
}

/** What of a request only its host knows. */
export interface HostFacts {
  /** The caller's network address. Never logged. */
  readonly address?: string | undefined;
  /** Told about the answer; where the host takes it, the app logs no line of its own. */
  readonly note?: (facts: RequestFacts) => void;
}

/** What the log tells of a request: which route it took and what came of it, and nothing that the caller wrote. */
export interface RequestFacts {
  readonly requestId: string;
  /** The route's pattern; undefined where there is none. */
  readonly route: string | undefined;
  /** Of an error. */
  readonly code: string | undefined;
  /** `name@version` of the model that drew. */
  readonly model: string | undefined;
  /** Where that came from: `bundled` is the fallback. */
  readonly source: string | undefined;
}

export type App = Hono<AppEnv>;
export type AppContext = Context<AppEnv>;

/** Work that goes on after the answer; outside of the edge runtime (in unit tests) nothing has to keep it alive. */
export function getDefer(c: AppContext): Defer {
  let context: AppContext['executionCtx'] | undefined;
  try {
    context = c.executionCtx;
  } catch {
    context = undefined; // Hono throws where the runtime gave none.
  }
  return (work) => {
    const settled = work.catch(() => undefined); // Whoever awaits the work itself hears of its failure.
    context?.waitUntil(settled);
  };
}
