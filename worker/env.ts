/**
 * Everything that the worker is given from outside: see wrangler.toml.
 */
import type { Bucket } from './r2-reader.ts';

/** The bindings, as the runtime hands them over. */
export interface Env {
  /** The bucket that models are published to; only read. */
  readonly MODELS: Bucket;
  /** Seconds between two looks at the bucket's pointer: 0.1 to 3600. */
  readonly MODEL_REFRESH_SECONDS: string;
}

const MIN_REFRESH_SECONDS = 0.1;
const MAX_REFRESH_SECONDS = 3600;

/** The settings, parsed. */
export interface Settings {
  readonly modelRefreshMs: number;
}

/**
 * Parses the settings that are text.
 * @throws RangeError  When one is wrong; the message names it.
 */
export function parseSettings(env: Pick<Env, 'MODEL_REFRESH_SECONDS'>): Settings {
  const text = env.MODEL_REFRESH_SECONDS;
  const seconds = Number(text);
  if (!(seconds >= MIN_REFRESH_SECONDS && seconds <= MAX_REFRESH_SECONDS)) {
    throw new RangeError(
      `MODEL_REFRESH_SECONDS is ${JSON.stringify(text)}, expected seconds from ${MIN_REFRESH_SECONDS} to ${MAX_REFRESH_SECONDS}`,
    );
  }
  return { modelRefreshMs: seconds * 1000 };
}
