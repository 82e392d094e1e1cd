/**
 * A generator ready to draw digits: the same code and the same kernels offline, at the edge and in browsers, so that the same
 * seed gives the same bytes.
 */
import {
  ArtifactError,
  decodeWeights,
  findFile,
  verifyFile,
  verifyFileNatively,
  WEIGHTS_FILE,
  type Manifest,
  type ParsedManifest,
} from './artifact.ts';
import { createEngine, ENGINE_BATCH, type Engine, type Kernels } from './engine/engine.ts';
import type { GeneratorPlan } from './generator.ts';
import { deriveSeedKey, drawLabels, drawLatents, joinInput, type RandomKey } from './random.ts';
import { planMorph } from '../picture/morph.ts';
import { encodePixels } from '../picture/pixels.ts';

/** What to draw: samples `start` to `start + count - 1` of a seed. */
export interface SampleRequest {
  readonly seed: string;
  readonly start: number;
  readonly count: number;
  /** The class that every sample shall have; drawn from the seed when absent. Below the generator's `classes`. */
  readonly label?: number;
}

/** What to draw in one hand: sample `start` of a seed once for each label, its latent vector the same. */
export interface HandRequest {
  readonly seed: string;
  readonly start: number;
  /** At least one, each below the generator's `classes`. */
  readonly labels: Uint8Array;
}

/** What to draw on the way through samples, and from the last back to the first: those of `draw` or those of `drawHand`. */
export type MorphRequest = (SampleRequest | HandRequest) & {
  /** From one sample to the next, >= 1; the first of them is the sample itself. */
  readonly frames: number;
};

/** Drawn samples. */
export interface Samples {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Row-major [count, height, width, channels], 0 is paper, 255 full ink. */
  readonly pixels: Uint8Array;
  /** [count]; null for a generator without classes. */
  readonly labels: Uint8Array | null;
}

/** A loaded generator. Sample i of a seed is the same whatever else is drawn with it. */
export interface Sampler {
  readonly manifest: Manifest;
  readonly plan: GeneratorPlan;
  /** Draws synchronously; `count` >= 1. */
  draw(request: SampleRequest): Samples;
  /** Draws synchronously: each is the sample that `draw` gives for `start` and its label. For a generator with classes. */
  drawHand(request: HandRequest): Samples;
  /** Draws synchronously, without labels: see `planMorph` for what lies between samples. */
  drawMorph(request: MorphRequest): Samples;
  /**
   * Draws samples: one of each class, of the first 16, and four at least. Finite weights can still overflow on the way, and bytes
   * would not show it. That all of them are one flat colour is nothing that a model was ever trained for: a single picture may be,
   * whatever the data are.
   *
   * @throws ArtifactError  When a number is NaN or infinite, or every pixel of every sample is the same.
   */
  checkOutput(): void;
  /** Lets go of the weights, whoever still holds the sampler; it must not be used after. */
  dispose(): void;
}

/**
 * Makes a sampler out of an artifact's bytes. It lives in its kernels' memory, which goes when nothing refers to it any more.
 *
 * @param parsed       A checked manifest: see `parseManifest`.
 * @param weights      The content of WEIGHTS_FILE; verified here, before any memory is taken.
 * @param instantiate  Makes an instance of the kernels.
 * @throws ArtifactError  When the weights are not those that the manifest lists, or not finite.
 */
export function createSampler(
  parsed: ParsedManifest,
  weights: Uint8Array,
  instantiate: () => Kernels,
): Sampler {
  return createVerifiedSampler(VerifiedWeights.verify(parsed, weights), instantiate);
}

/** The content of WEIGHTS_FILE that was found to be what its manifest lists. */
export class VerifiedWeights {
  readonly parsed: ParsedManifest;
  readonly bytes: Uint8Array;

  private constructor(parsed: ParsedManifest, bytes: Uint8Array) {
    this.parsed = parsed;
    this.bytes = bytes;
  }

  /** @throws ArtifactError  When they are not those that the manifest lists. */
  static verify(parsed: ParsedManifest, bytes: Uint8Array): VerifiedWeights {
    verifyFile(findFile(parsed.manifest, WEIGHTS_FILE), bytes);
    return new VerifiedWeights(parsed, bytes);
  }

  /** The same on hosts with WebCrypto: see `verifyFileNatively`. */
  static async verifyNatively(parsed: ParsedManifest, bytes: Uint8Array): Promise<VerifiedWeights> {
    await verifyFileNatively(findFile(parsed.manifest, WEIGHTS_FILE), bytes);
    return new VerifiedWeights(parsed, bytes);
  }
}

/**
 * Makes a sampler, as `createSampler` does, of weights that were verified before.
 * @throws ArtifactError  When they are not finite.
 */
export function createVerifiedSampler(
  weights: VerifiedWeights,
  instantiate: () => Kernels,
): Sampler {
  const { manifest, plan } = weights.parsed;
  let loaded: LoadedNetwork | undefined = fillNetwork(weights, instantiate);
  function getNetwork(): LoadedNetwork {
    if (loaded === undefined) {
      throw new Error(`${manifest.name}@${manifest.version} was disposed of`);
    }
    return loaded;
  }
  return {
    manifest,
    plan,
    draw: (request) => drawSamples(getNetwork(), request),
    drawHand({ seed, start, labels }) {
      const latents = repeatLatent(plan, seed, start, labels.length);
      const { latentSize } = plan.config;
      const pictures = drawPictures(getNetwork(), labels.length, (first, n) =>
        joinInput(
          plan,
          latents.subarray(first * latentSize, (first + n) * latentSize),
          labels.subarray(first, first + n),
        ),
      );
      return { ...pictures, labels };
    },
    drawMorph: (request) => drawMorph(getNetwork(), request),
    checkOutput: () => checkOutput(getNetwork()),
    dispose() {
      loaded = undefined;
    },
  };
}

/** Samples that a model is judged by before it serves. */
const CHECKED = { least: 4, most: ENGINE_BATCH } as const;

function checkOutput({ plan, engine, range }: LoadedNetwork): void {
  const { latentSize, classes } = plan.config;
  const count = Math.min(CHECKED.most, Math.max(CHECKED.least, classes));
  const labels = classes === 0 ? null : Uint8Array.from({ length: count }, (_, i) => i % classes);
  const latents = drawLatents(deriveSeedKey('warm-up'), 0, count, latentSize);
  const values = engine.run(joinInput(plan, latents, labels));
  const what = `the output of ${WEIGHTS_FILE}`;
  if (!values.every(Number.isFinite)) {
    throw new ArtifactError({ reason: 'not_finite', what });
  }
  const pixels = encodePixels(values, range);
  if (pixels.every((pixel) => pixel === pixels[0])) {
    throw new ArtifactError({ reason: 'blank', what, samples: count });
  }
}

/** A generator with its weights in the engine. */
export interface LoadedNetwork {
  readonly plan: GeneratorPlan;
  readonly engine: Engine;
  /** Of the network's numbers. */
  readonly range: readonly [number, number];
}

/**
 * Puts a generator's weights into the engine.
 *
 * @param weights      The content of WEIGHTS_FILE; verified here, before any memory is taken.
 * @param instantiate  Makes an instance of the kernels.
 * @throws ArtifactError  When the weights are not those that the manifest lists, or not finite.
 */
export function loadNetwork(
  parsed: ParsedManifest,
  weights: Uint8Array,
  instantiate: () => Kernels,
): LoadedNetwork {
  return fillNetwork(VerifiedWeights.verify(parsed, weights), instantiate);
}

function fillNetwork(
  { parsed, bytes }: VerifiedWeights,
  instantiate: () => Kernels,
): LoadedNetwork {
  const { manifest, plan } = parsed;
  return {
    plan,
    engine: createEngine(instantiate(), plan, decodeWeights(parsed, bytes)),
    range: manifest.image.range,
  };
}

/**
 * Draws pictures, some of them at once.
 *
 * @param count  How many, >= 1.
 * @param build  Makes the network's input for `n` of them from the `first` on, [n, inputSize].
 */
export function drawPictures(
  network: LoadedNetwork,
  count: number,
  build: (first: number, n: number) => Float32Array,
): Omit<Samples, 'labels'> {
  const [height, width, channels] = network.plan.outputShape;
  const size = height * width * channels;
  const pixels = new Uint8Array(count * size);
  for (let done = 0; done < count; done += ENGINE_BATCH) {
    const n = Math.min(ENGINE_BATCH, count - done);
    const values = network.engine.run(build(done, n));
    pixels.set(encodePixels(values, network.range), done * size);
  }
  return { count, height, width, channels, pixels };
}

function drawSamples(
  network: LoadedNetwork,
  { seed, start, count, label }: SampleRequest,
): Samples {
  const { plan } = network;
  const key = deriveSeedKey(seed);
  const { latentSize, classes } = plan.config;
  const labels = chooseLabels(key, start, count, classes, label);
  const pictures = drawPictures(network, count, (first, n) => {
    const latents = drawLatents(key, start + first, n, latentSize);
    return joinInput(plan, latents, labels && labels.subarray(first, first + n));
  });
  return { ...pictures, labels };
}

function drawMorph(network: LoadedNetwork, request: MorphRequest): Samples {
  const { plan } = network;
  const { seed, start, frames } = request;
  const { latentSize, classes } = plan.config;
  const key = deriveSeedKey(seed);
  const ends =
    'labels' in request
      ? { latents: repeatLatent(plan, seed, start, request.labels.length), labels: request.labels }
      : {
          latents: drawLatents(key, start, request.count, latentSize),
          labels: chooseLabels(key, start, request.count, classes, request.label),
        };
  const inputs = planMorph({ seed, start, frames, latentSize, classes, ...ends });
  return {
    ...drawPictures(network, inputs.length / plan.inputSize, (first, n) =>
      sliceInput(plan, inputs, first, n),
    ),
    labels: null,
  };
}

/** Rows of inputs that are there already. @param inputs  Row-major [count, inputSize]. */
export function sliceInput(
  { inputSize }: GeneratorPlan,
  inputs: Float32Array,
  first: number,
  n: number,
): Float32Array {
  return inputs.subarray(first * inputSize, (first + n) * inputSize);
}

/** The label of each of `count` samples: the one that is asked for, or the seed's; null without classes. */
function chooseLabels(
  key: RandomKey,
  start: number,
  count: number,
  classes: number,
  label: number | undefined,
): Uint8Array | null {
  if (classes === 0) {
    return null;
  }
  return label === undefined
    ? drawLabels(key, start, count, classes)
    : new Uint8Array(count).fill(label);
}

/** One sample's latent `count` times. */
function repeatLatent(
  plan: GeneratorPlan,
  seed: string,
  start: number,
  count: number,
): Float32Array {
  const latent = drawLatents(deriveSeedKey(seed), start, 1, plan.config.latentSize);
  const latents = new Float32Array(count * latent.length);
  for (let i = 0; i < count; i++) {
    latents.set(latent, i * latent.length);
  }
  return latents;
}
