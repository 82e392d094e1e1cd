/**
 * The app with all that is not pure but the storage, which differs from host to host: the engine, the bundled model, the
 * clock and randomness. Of the runtime it takes what Cloudflare's, Node's and browsers' have in common.
 */
import type { PublicKey } from '../shared/model/signature.ts';
import { createApp } from './app.ts';
import { BUNDLED_MODEL } from './models/bundled-model.ts';
import type { App, AppDependencies } from './context.ts';
import { createGeneratorSource } from './models/generator-source.ts';
import type { Jobs, NoJobs } from './jobs/jobs.ts';
import type { Log } from './http/log.ts';
import { createModelFiles, type BundledFiles } from './models/model-files.ts';
import type { RateLimits } from './http/rate-limit.ts';
import { createModelStore, type ObjectReader, type StoredModel } from './models/model-store.ts';
import { openModel } from './models/open-model.ts';
import { pngEncoder } from './formats/png.ts';
import { WAITS } from './models/waits.ts';

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
  /** When there are any, only models from storage serve that one of them signed. The bundled one needs no signature. */
  readonly publicKeys?: readonly PublicKey[];
  /** Others than `WAITS`, where tests cannot wait so long. */
  readonly waits?: Readonly<Record<keyof typeof WAITS, number>>;
  /** Absent where callers are not limited. */
  readonly rateLimits?: RateLimits | undefined;
  /** Absent where the host has no queue. */
  readonly jobs?: Jobs | NoJobs;
  readonly log: Log;
}

/** Makes the app. Nothing is read or loaded before its first request. */
export function createService(options: ServiceOptions): App {
  return createApp(createDependencies(options));
}

/** Makes what the app is made of, for hosts that have other work for it beside requests. */
export function createDependencies({
  models,
  bundled = BUNDLED_MODEL,
  modelRefreshMs,
  publicKeys = [],
  waits = WAITS,
  rateLimits,
  jobs,
  log,
}: ServiceOptions): Omit<AppDependencies, 'heavyWork'> {
  const store = createModelStore(models ?? NOTHING, waits.readMs, publicKeys);
  return {
    generators: createGeneratorSource({
      store,
      follows: models !== undefined,
      bundled,
      openModel,
      refreshMs: modelRefreshMs,
      firstWaitMs: waits.firstMs,
      silenceWaitMs: waits.silenceMs,
      loadWaitMs: waits.loadMs,
      clock: () => Date.now(),
      log,
    }),
    modelFiles: createModelFiles(store, bundled, log),
    drawSeed,
    drawRequestId: () => crypto.randomUUID(),
    png: pngEncoder,
    clock: () => performance.now(),
    ...(rateLimits && { rateLimits }),
    ...(jobs && { jobs }),
    log,
  };
}

const NOTHING: ObjectReader = { read: () => Promise.resolve('missing') };

function drawSeed(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SEED_BYTES));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_');
}
