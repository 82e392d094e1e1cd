/** Wires the app with engine and models, on Cloudflare, Node and in browsers. Hosts add storage. */
import digitsEncoderWeights from '../models/digits/encoder.bin';
import digitsEncoder from '../models/digits/encoder.json';
import digits from '../models/digits/manifest.json';
import digitsTopology from '../models/digits/model.json';
import digitsWeights from '../models/digits/weights.bin';
import small from '../models/digits-small/manifest.json';
import smallTopology from '../models/digits-small/model.json';
import smallWeights from '../models/digits-small/weights.bin';
import program from '../shared/kernels/png.wasm';
import {
  encodeManifest,
  MANIFEST_FILE,
  parseManifest,
  TOPOLOGY_FILE,
  WEIGHTS_FILE,
} from '../shared/model/artifact.ts';
import { ENCODER_FILE, ENCODER_WEIGHTS_FILE } from '../shared/model/encoder.ts';
import type { PublicKey } from '../shared/model/signature.ts';
import { createPngEncoder, type PngKernels } from '../shared/picture/png.ts';
import { createApp } from './app.ts';
import { checkLoad } from './http/admission.ts';
import type { App } from './context.ts';
import type { GivenDependencies } from './dependencies.ts';
import { ModelSource, WAITS } from './models/model-source.ts';
import {
  createModelFiles,
  createModelStore,
  type BundledModel,
  type ObjectReader,
} from './models/model-store.ts';
import { openModel } from './models/open-model.ts';

const encodeJson = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** Wraps a model of `models/`, whose files the bundler puts into the script. */
function bundle(
  manifest: { readonly name: string; readonly version: string },
  topology: unknown,
  weights: ArrayBuffer,
  encoder?: { readonly description: unknown; readonly weights: ArrayBuffer },
): BundledModel {
  const read = () => ({
    parsed: parseManifest(encodeJson(manifest)),
    weights: new Uint8Array(weights),
  });
  return {
    name: manifest.name,
    version: manifest.version,
    read,
    readFile(path) {
      switch (path) {
        case MANIFEST_FILE:
          return encodeManifest(read().parsed.manifest);
        case TOPOLOGY_FILE:
          // The trainer writes it without spaces too; the caller checks its hash.
          return encodeJson(topology);
        case WEIGHTS_FILE:
          return new Uint8Array(weights);
        case ENCODER_FILE:
          return encoder && encodeJson(encoder.description);
        case ENCODER_WEIGHTS_FILE:
          return encoder && new Uint8Array(encoder.weights);
        default:
          return undefined;
      }
    },
  };
}

/** The models of this repository. The first one serves when no good model is published. */
const BUNDLED_MODELS = [
  bundle(digits, digitsTopology, digitsWeights, {
    description: digitsEncoder,
    weights: digitsEncoderWeights,
  }),
  bundle(small, smallTopology, smallWeights),
] as const;

interface ServiceOptions extends Omit<GivenDependencies, 'modelSource' | 'modelFiles' | 'png'> {
  /** The store of published models; undefined if only the bundled models serve. */
  readonly models: ObjectReader | undefined;
  /** The only model of the script's own; default: those that ship. */
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
  const { models, bundled: only, modelRefreshMs: refreshMs, publicKeys, ...given } = options;
  const { log, maxCpuMs } = given;
  const bundled = only === undefined ? BUNDLED_MODELS : ([only] as const);
  const objects: ObjectReader = models ?? { read: () => Promise.resolve('missing') };
  const store = createModelStore(objects, WAITS.readMs, publicKeys);
  return {
    ...given,
    modelSource: new ModelSource({
      store,
      follows: models !== undefined,
      bundled,
      openModel,
      refreshMs,
      waits: WAITS,
      checkLoad: (plan) => checkLoad(plan, maxCpuMs),
      clock: Date.now,
      log,
    }),
    modelFiles: createModelFiles(store, bundled, log),
    // The isolate has one instance: its memory serves one picture after the other.
    png: createPngEncoder(() => new WebAssembly.Instance(program).exports as unknown as PngKernels),
  };
}
