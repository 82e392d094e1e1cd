/** Wires the app with engine and models, on Cloudflare, Node and in browsers. Hosts add storage. */
import program from '../shared/kernels/png.wasm';
import type { PublicKey } from '../shared/model/signature.ts';
import { createPngEncoder, type PngKernels } from '../shared/picture/png.ts';
import { createApp } from './app.ts';
import type { App } from './context.ts';
import type { AppDependencies, GivenDependencies } from './dependencies.ts';
import { BUNDLED_MODEL } from './models/bundled-model.ts';
import { GeneratorSource, WAITS } from './models/generator-source.ts';
import {
  createModelFiles,
  createModelStore,
  type BundledModel,
  type ObjectReader,
} from './models/model-store.ts';
import { openModel } from './models/open-model.ts';

interface ServiceOptions extends Pick<AppDependencies, 'rateLimits' | 'jobs' | 'log'> {
  /** Where models are published; undefined when only the bundled one shall serve. */
  readonly models: ObjectReader | undefined;
  /** The fall-back when no good model is published; default the model that ships. */
  readonly bundled?: BundledModel;
  readonly modelRefreshMs: number;
  readonly publicKeys?: readonly PublicKey[];
}

/** Makes the app. Nothing is read or loaded before its first request. */
export function createService(options: ServiceOptions): App {
  return createApp(createDependencies(options));
}

/** Makes the app's dependencies, for hosts that do other work with them too. */
export function createDependencies(options: ServiceOptions): GivenDependencies {
  const { models, bundled = BUNDLED_MODEL, rateLimits, jobs, log } = options;
  const objects: ObjectReader = models ?? { read: () => Promise.resolve('missing') };
  const store = createModelStore(objects, WAITS.readMs, options.publicKeys);
  return {
    generators: new GeneratorSource({
      store,
      follows: models !== undefined,
      bundled,
      openModel,
      refreshMs: options.modelRefreshMs,
      waits: WAITS,
      clock: Date.now,
      log,
    }),
    modelFiles: createModelFiles(store, bundled, log),
    // One instance for the isolate: its memory serves one picture after the other.
    png: createPngEncoder(() => new WebAssembly.Instance(program).exports as unknown as PngKernels),
    rateLimits,
    jobs,
    log,
  };
}
