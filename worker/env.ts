/**
 * Everything that the worker is given from outside: see wrangler.toml.
 */
import { parsePublicKeys, type PublicKey } from '../shared/signature.ts';
import type { Bucket } from './r2-reader.ts';

/** The bindings, as the runtime hands them over. */
export interface Env {
  /** The bucket that models are published to; only read. */
  readonly MODELS: Bucket;
  /** Seconds between two looks at the bucket's pointer: 0.1 to 3600. */
  readonly MODEL_REFRESH_SECONDS: string;
  /** Base64 of Ed25519 public keys, with commas between them; none when absent or empty. */
  readonly MODEL_PUBLIC_KEYS?: string;
}

const MIN_REFRESH_SECONDS = 0.1;
const MAX_REFRESH_SECONDS = 3600;

/** The settings, parsed. */
export interface Settings {
  readonly modelRefreshMs: number;
  /** When there are any, only models from storage serve that one of them signed. */
  readonly publicKeys: readonly PublicKey[];
}

/**
 * Parses the settings that are text.
 * @throws RangeError  When one is wrong; the message names it.
 */
export function parseSettings(env: Pick<Env, 'MODEL_REFRESH_SECONDS' | 'MODEL_PUBLIC_KEYS'>): Settings {
  const text = env.MODEL_REFRESH_SECONDS;
  const seconds = Number(text);
  if (!(seconds >= MIN_REFRESH_SECONDS && seconds <= MAX_REFRESH_SECONDS)) {
    throw new RangeError(
      `MODEL_REFRESH_SECONDS is ${JSON.stringify(text)}, expected seconds from ${MIN_REFRESH_SECONDS} to ${MAX_REFRESH_SECONDS}`,
    );
  }
  return { modelRefreshMs: seconds * 1000, publicKeys: readPublicKeys(env.MODEL_PUBLIC_KEYS ?? '') };
}

function readPublicKeys(text: string): PublicKey[] {
  try {
    return parsePublicKeys(text);
  } catch (cause) {
    throw new RangeError(`MODEL_PUBLIC_KEYS: ${(cause as Error).message}`, { cause });
  }
}
