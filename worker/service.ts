/**
 * Wires the app with the engine, the bundled model and the models in storage. Works on Cloudflare,
 * Node and in browsers; the host supplies the storage.
 */
import program from '../shared/kernels/png.wasm';
import type { PublicKey } from '../shared/model/signature.ts';
import { createPngEncoder, type PngKernels } from '../shared/picture/png.ts';
import { createApp } from './app.ts';
import type { App } from './context.ts';
import type { GivenDependencies } from './dependencies.ts';
import type { RateLimits } from './http/admission.ts';
import type { Log } from './http/log.ts';
import type { Jobs, NoJobs } from './jobs/job-store.ts';
import { BUNDLED_MODEL, type BundledModel } from './models/bundled-model.ts';
import { GeneratorSource, WAITS } from './models/generator-source.ts';
import { createModelFiles } from './models/model-files.ts';
import { createModelStore, type ObjectReader } from './models/model-store.ts';
import { openModel } from './models/open-model.ts';

interface ServiceOptions {
  /** Where models are published; undefined when only the bundled one shall serve. */
  readonly models: ObjectReader | undefined;
  /** The fall-back when no good model is published; default the model that ships. */
  readonly bundled?: BundledModel;
  /** Milliseconds between two reads of the pointer. */
  readonly modelRefreshMs: number;
  /** When there are any, one of them must have signed each published model. */
  readonly publicKeys?: readonly PublicKey[];
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

const NO_MODELS: ObjectReader = { read: () => Promise.resolve('missing') };

/** Makes the app's dependencies, for hosts that do other work with them too. */
export function createDependencies({
  models,
  bundled = BUNDLED_MODEL,
  modelRefreshMs,
  publicKeys = [],
  rateLimits,
  jobs,
  log,
}: ServiceOptions): GivenDependencies {
  const store = createModelStore(models ?? NO_MODELS, WAITS.readMs, publicKeys);
  return {
    generators: new GeneratorSource({
      store,
      follows: models !== undefined,
      bundled,
      openModel,
      refreshMs: modelRefreshMs,
      waits: WAITS,
      clock: Date.now,
      log,
    }),
    modelFiles: createModelFiles(store, bundled, log),
    // One instance for the isolate: its memory serves one picture after the other.
    png: createPngEncoder(() => new WebAssembly.Instance(program).exports as unknown as PngKernels),
    ...(rateLimits && { rateLimits }),
    ...(jobs && { jobs }),
    log,
  };
}
