/**
 * A loaded generator that draws digits. Trainer, edge and browsers share this code and its kernels,
 * so the same seed gives the same bytes everywhere.
 */
import {
  ArtifactError,
  decodeWeights,
  findFile,
  verifyFile,
  WEIGHTS_FILE,
  type Manifest,
  type ParsedManifest,
} from './artifact.ts';
import { createEngine, ENGINE_BATCH, type Engine, type Kernels } from './engine/engine.ts';
import { sizeOf, type GeneratorPlan } from './generator.ts';
import { deriveSeedKey, drawLabels, drawLatents, joinInput, truncate } from './random.ts';
import { planMorph } from '../picture/morph.ts';
import { encodePixels, type PixelRange } from '../picture/pixels.ts';

interface Place {
  readonly seed: string;
  readonly start: number;
  /** Multiplies the latent vectors, 0..1. Default 1. */
  readonly truncation?: number;
  /** Replaces the seed's latent vectors. */
  readonly hand?: GivenHand | undefined;
}

/** A handwriting that a caller gives, in place of one that a seed decides. */
export interface GivenHand {
  /** [latentSize], each from -2 to 2; seeds draw from -1 to 1. */
  readonly latents: Float32Array;
  /** The share of each sample that its seed decides, 0..1. */
  readonly vary: number;
  /** The hand of the last sample of a walk, [latentSize]. Default: the walk stays in one hand. */
  readonly to?: Float32Array | undefined;
}

interface SampleRequest extends Place {
  readonly count: number;
  /** The class of every sample, below the generator's `classes`. By default the seed decides. */
  readonly label?: number | undefined;
}

/** One hand: draws sample `start` of a seed for each label, with the same latent vector. */
interface HandRequest extends Place {
  /** At least one, each below the generator's `classes`. */
  readonly labels: Uint8Array;
}

type DrawRequest = SampleRequest | HandRequest;

/** A closed walk through samples of either kind. */
type MorphRequest = DrawRequest & {
  /** Pictures from one sample to the next, >= 1. The first of them is the sample itself. */
  readonly frames: number;
};

/** The paper's byte for each channel; undefined for black. */
export type Paper = readonly number[] | undefined;

export interface Samples {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Row-major [count, height, width, channels]; on black paper 255 is full ink. */
  readonly pixels: Uint8Array;
  /** [count]; null for a generator without classes. */
  readonly labels: Uint8Array | null;
  readonly paper?: Paper;
}

/** Its methods are synchronous. A sample is the same in every batch. */
export interface Sampler {
  readonly manifest: Manifest;
  readonly plan: GeneratorPlan;
  draw(request: SampleRequest): Samples;
  /** Draws what `draw` gives for `start` and each label. The generator must have classes. */
  drawHand(request: HandRequest): Samples;
  /** Draws the frames of `planMorph`. They have no labels. */
  drawMorph(request: MorphRequest): Samples;
  /**
   * Draws one class with several latent vectors, row-major [count, latentSize].
   * @param isFine  All products have 16 bits, so that small steps of a latent vector show.
   * @returns       Ink from 0 to 1, not rounded to bytes: row-major [count, height, width,
   *                channels].
   */
  drawInk(label: number, latents: Float32Array, isFine?: boolean): Float32Array;
  /**
   * Draws at least 4 samples, one of each class, before the model may serve. Finite weights can
   * still overflow inside the network, and the bytes would hide that. No training data make all
   * samples one flat colour.
   * @throws ArtifactError  When a number is not finite, or all pixels are equal.
   */
  checkOutput(): void;
  /** Releases the weights. The sampler throws when it is used afterwards. */
  dispose(): void;
}

/**
 * Makes a sampler from an artifact's bytes. The sampler lives in the memory of its kernels.
 * @param bytes        The content of WEIGHTS_FILE. It is verified before any memory is taken.
 * @param instantiate  Makes an instance of the kernels.
 * @throws ArtifactError  When the weights are not those of the manifest, or not finite.
 */
export function createSampler(
  parsed: ParsedManifest,
  bytes: Uint8Array,
  instantiate: () => Kernels,
): Sampler {
  verifyFile(findFile(parsed.manifest, WEIGHTS_FILE), bytes);
  return createVerifiedSampler(parsed, decodeWeights(parsed, bytes), instantiate);
}

/** Makes a sampler from weights that were verified and decoded. */
export function createVerifiedSampler(
  parsed: ParsedManifest,
  weights: readonly Float32Array[],
  instantiate: () => Kernels,
): Sampler {
  const { manifest, plan } = parsed;
  const { paper } = manifest.image;
  let loaded: Network | undefined = loadNetwork(parsed, weights, instantiate());
  // Only hands need it, and only models with 8-bit products: it is loaded when it is first used.
  let fine: Network | undefined;
  let loadFine = manifest.bytes && (() => loadNetwork(parsed, weights, instantiate(), true));
  function draw(request: DrawRequest): Samples {
    const network = getNetwork();
    const { count, labels, readLatents } = resolveRequest(network, request);
    const pictures = drawPictures(network, count, (first, n) =>
      joinInput(
        plan,
        truncate(readLatents(first, n), request.truncation ?? 1),
        labels && labels.subarray(first, first + n),
      ),
    );
    return { ...pictures, labels, paper };
  }
  function getNetwork(): Network {
    if (loaded === undefined) {
      throw new Error(`${manifest.name}@${manifest.version} was disposed of`);
    }
    return loaded;
  }
  return {
    manifest,
    plan,
    draw,
    drawHand: draw,
    drawMorph(request) {
      const { seed, start, truncation, frames, hand } = request;
      const { count: samples, labels, readLatents } = resolveRequest(getNetwork(), request);
      const latents = readLatents(0, samples);
      if (hand?.to !== undefined) {
        walkHands(latents, hand.to);
      }
      const walk = {
        seed,
        start,
        frames,
        latents,
        labels,
        isDirect: hand !== undefined,
        ...(truncation !== undefined && { truncation }),
      };
      const inputs = planMorph({ ...walk, ...plan.config });
      const count = inputs.length / plan.inputSize;
      const pictures = drawPictures(getNetwork(), count, readRows(plan, inputs));
      return { ...pictures, labels: null, paper };
    },
    drawInk(label, latents, isFine = false) {
      const served = getNetwork();
      if (!isFine) {
        return drawInk(served, label, latents);
      }
      fine ??= loadFine?.() ?? served;
      return drawInk(fine, label, latents);
    },
    checkOutput: () => checkOutput(getNetwork()),
    dispose() {
      [loaded, fine, loadFine] = [undefined, undefined, undefined];
    },
  };
}

function drawInk({ plan, engine, range }: Network, label: number, latents: Float32Array) {
  const { latentSize } = plan.config;
  const [low, high] = range;
  const size = sizeOf(plan.outputShape);
  const count = latents.length / latentSize;
  const ink = new Float32Array(count * size);
  for (let first = 0; first < count; first += ENGINE_BATCH) {
    const part = latents.subarray(first * latentSize, (first + ENGINE_BATCH) * latentSize);
    const labels = new Uint8Array(part.length / latentSize).fill(label);
    const values = engine.run(joinInput(plan, part, labels));
    for (let i = 0; i < values.length; i++) {
      const value = ((values[i] as number) - low) / (high - low);
      ink[first * size + i] = Math.min(1, Math.max(0, value));
    }
  }
  return ink;
}

function checkOutput({ plan, engine, range }: Network): void {
  const { latentSize, classes } = plan.config;
  const what = `the output of ${WEIGHTS_FILE}`;
  const key = deriveSeedKey('warm-up');
  const samples = Math.max(4, classes);
  let first: number | undefined;
  let isBlank = true;
  for (let start = 0; start < samples; start += ENGINE_BATCH) {
    const count = Math.min(ENGINE_BATCH, samples - start);
    const labels = Uint8Array.from({ length: count }, (_, i) => (start + i) % classes);
    const latents = drawLatents(key, start, count, latentSize);
    const values = engine.run(joinInput(plan, latents, classes === 0 ? null : labels));
    if (!values.every(Number.isFinite)) {
      throw new ArtifactError({ reason: 'not_finite', what });
    }
    const pixels = encodePixels(values, range);
    first ??= pixels[0];
    isBlank &&= pixels.every((pixel) => pixel === first);
  }
  if (isBlank) {
    throw new ArtifactError({ reason: 'blank', what, samples });
  }
}

export interface Network {
  readonly plan: GeneratorPlan;
  readonly engine: Engine;
  /** The network's output for paper and for full ink. */
  readonly range: PixelRange;
}

/** @param isFine  Whether all products have 16 bits, whatever the manifest says. */
export function loadNetwork(
  { manifest, plan }: ParsedManifest,
  weights: readonly Float32Array[],
  kernels: Kernels,
  isFine = false,
): Network {
  const engine = createEngine(kernels, plan, weights, isFine ? undefined : manifest.bytes);
  return { plan, engine, range: manifest.image.range };
}

/**
 * Draws pictures, a few at a time, so that a large set needs little memory beside its pixels.
 * @param readInputs  Returns the inputs of pictures `first` to `first + n - 1`, [n, inputSize].
 */
export function drawPictures(
  { plan, engine, range }: Network,
  count: number,
  readInputs: (first: number, n: number) => Float32Array,
): Omit<Samples, 'labels'> {
  const [height, width, channels] = plan.outputShape;
  const size = height * width * channels;
  const pixels = new Uint8Array(count * size);
  for (let first = 0; first < count; first += ENGINE_BATCH) {
    const inputs = readInputs(first, Math.min(ENGINE_BATCH, count - first));
    pixels.set(engine.draw(inputs, range), first * size);
  }
  return { count, height, width, channels, pixels };
}

/** Reads inputs for `drawPictures` from row-major [count, inputSize]. */
export function readRows({ inputSize }: GeneratorPlan, inputs: Float32Array) {
  return (first: number, n: number): Float32Array =>
    inputs.subarray(first * inputSize, (first + n) * inputSize);
}

/** Finds the number of samples, their labels, and the latent vectors of a part of them. */
function resolveRequest({ plan, engine: { drawWords } }: Network, request: DrawRequest) {
  const { latentSize, classes } = plan.config;
  if ('labels' in request) {
    const { labels } = request;
    const latent = placeLatents(request, latentSize, 0, 1, drawWords);
    const readLatents = (_: number, n: number): Float32Array => repeatRow(latent, n);
    return { count: labels.length, labels, readLatents };
  }
  const { seed, start, count, label } = request;
  let labels: Uint8Array | null = null;
  if (classes > 0) {
    labels =
      label === undefined
        ? drawLabels(deriveSeedKey(seed), start, count, classes, drawWords)
        : new Uint8Array(count).fill(label);
  }
  return {
    count,
    labels,
    readLatents: (first: number, n: number) =>
      placeLatents(request, latentSize, first, n, drawWords),
  };
}

/**
 * Places the latent vectors of samples `start + first` and the next ones, before truncation.
 * @param draw  As for `drawLatents`.
 * @returns  Row-major [count, latentSize].
 */
export function placeLatents(
  { seed, start, hand }: Place,
  latentSize: number,
  first: number,
  count: number,
  draw?: Engine['drawWords'],
): Float32Array {
  if (hand?.vary === 0) {
    return repeatRow(hand.latents, count);
  }
  const latents = drawLatents(deriveSeedKey(seed), start + first, count, latentSize, draw);
  if (hand !== undefined) {
    for (let i = 0; i < latents.length; i++) {
      const own = hand.latents[i % latentSize] as number;
      latents[i] = own + ((latents[i] as number) - own) * hand.vary;
    }
  }
  return latents;
}

/** Moves each sample of a walk toward another hand, which the last one has. In place. */
function walkHands(latents: Float32Array, to: Float32Array): void {
  const last = latents.length / to.length - 1;
  for (let i = 0; i < latents.length; i++) {
    const share = Math.floor(i / to.length) / last;
    const from = latents[i] as number;
    latents[i] = from + ((to[i % to.length] as number) - from) * share;
  }
}

function repeatRow(row: Float32Array, count: number): Float32Array {
  const rows = new Float32Array(count * row.length);
  for (let i = 0; i < count; i++) {
    rows.set(row, i * row.length);
  }
  return rows;
}
