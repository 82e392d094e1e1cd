/**
 * The app with all that is not pure but the storage, which differs from host to host: the engine, the bundled model, the
 * clock and randomness. Of the runtime it takes what Cloudflare's, Node's and browsers' have in common.
 */
import { createApp } from './app.ts';
import { BUNDLED_MODEL } from './bundled-model.ts';
import type { App } from './context.ts';
import { createGeneratorSource } from './generator-source.ts';
import type { Log } from './log.ts';
import { createModelFiles, type BundledFiles } from './model-files.ts';
import { createModelStore, type ObjectReader, type StoredModel } from './model-store.ts';
import { openModel } from './open-model.ts';

/** For one object, head and body. */
const READ_TIMEOUT_MS = 5_000;
const FIRST_WAIT_MS = 6_000;
const SILENCE_WAIT_MS = 2_000;
const LOAD_WAIT_MS = 10_000;

/** Bytes of a seed that is drawn for a request: 16 URL-safe characters. */
const SEED_BYTES = 12;

/** A model that needs no storage. */
export interface BundledModel extends BundledFiles {
  /** @throws ArtifactError  When it is broken. */
  read(): StoredModel;
}

export interface ServiceOptions {
  /** Where models are published; undefined when the bundled one alone shall serve. */
  readonly models: ObjectReader | undefined;
  /** What serves when nothing is published, or nothing that is good: absent, the model that ships. */
  readonly bundled?: BundledModel;
  /** Milliseconds between two looks at the pointer. */
  readonly modelRefreshMs: number;
  readonly log: Log;
}

/** Makes the app. Nothing is read or loaded before its first request. */
export function createService({ models, bundled = BUNDLED_MODEL, modelRefreshMs, log }: ServiceOptions): App {
  const store = createModelStore(models ?? NOTHING, READ_TIMEOUT_MS);
  return createApp({
    generators: createGeneratorSource({
      store,
      follows: models !== undefined,
      bundled,
      openModel,
      refreshMs: modelRefreshMs,
      firstWaitMs: FIRST_WAIT_MS,
      silenceWaitMs: SILENCE_WAIT_MS,
      loadWaitMs: LOAD_WAIT_MS,
      clock: () => Date.now(),
      log,
    }),
    modelFiles: createModelFiles(store, bundled, log),
    drawSeed,
    drawRequestId: () => crypto.randomUUID(),
    clock: () => performance.now(),
    log,
  });
}

const NOTHING: ObjectReader = { read: () => Promise.resolve('missing') };

function drawSeed(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SEED_BYTES));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_');
}
