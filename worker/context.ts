/**
 * What every route is given, and what a request carries with it.
 */
import type { Context, Hono } from 'hono';
import type { GeneratorSource } from './generator-source.ts';
import type { Log } from './log.ts';
import type { ModelFiles } from './model-files.ts';
import type { Defer } from './sampler-cache.ts';

/** The app's dependencies: all that is not pure. */
export interface AppDependencies {
  readonly generators: GeneratorSource;
  readonly modelFiles: ModelFiles;
  /** A seed that nobody can foresee, of URL-safe characters. */
  readonly drawSeed: () => string;
  readonly drawRequestId: () => string;
  /** Milliseconds, for durations. */
  readonly clock: () => number;
  readonly log: Log;
}

export interface AppEnv {
  Variables: {
    requestId: string;
  };
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
