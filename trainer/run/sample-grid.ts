/** The pictures of a run: sample grids of the same latents, and the animation of its progress. */
import * as tf from '@tensorflow/tfjs';
import { decode } from 'fast-png';
import gifenc from 'gifenc/dist/gifenc.js';
import type { GeneratorPlan } from '../../shared/model/generator.ts';
import { deriveSeedKey, drawLabels, drawLatents } from '../../shared/model/random.ts';
import { addAlpha } from '../../shared/picture/colour.ts';
import { encodePixels } from '../../shared/picture/pixels.ts';
import type { Samples } from '../../shared/model/sampler.ts';
import { splitWeights } from '../gan/network-state.ts';
import { buildInput, runGenerator } from '../gan/networks.ts';
import { applyPrior } from '../gan/noise.ts';
import type { TrainingConfig } from '../gan/preset.ts';

/** A grid has 8 x 8 samples, each drawn at twice its size. */
export const GRID = { count: 64, layout: { cols: 8, scale: 2 } } as const;

const GREYS = Array.from({ length: 256 }, (_, grey) => [grey, grey, grey] as const);
/** Pixels to choose a palette from. Time grows with their colours' square: minutes for noise. */
const MAX_PALETTE_PIXELS = 4096;
const FRAME_MS = 500;
const LAST_FRAME_MS = 2500;

/**
 * Draws the first samples of a seed by the API's sampling law, with the given prior.
 * @param weights  The generator's, [parameters]. Not disposed.
 */
export async function drawSamples(
  plan: GeneratorPlan,
  weights: tf.Tensor1D,
  { seed, pixelRange, prior }: Pick<TrainingConfig, 'seed' | 'pixelRange' | 'prior'>,
  count: number,
): Promise<Samples> {
  const key = deriveSeedKey(seed);
  const { latentSize, classes } = plan.config;
  const latents = applyPrior(prior, drawLatents(key, 0, count, latentSize));
  const labels = classes === 0 ? null : drawLabels(key, 0, count, classes);
  const output = tf.tidy(() =>
    runGenerator(plan, splitWeights(plan.weights, weights), buildInput(plan, latents, labels)),
  );
  const values = await output.data<'float32'>();
  output.dispose();
  const [height, width, channels] = plan.outputShape;
  return { count, height, width, channels, pixels: encodePixels(values, pixelRange), labels };
}

/**
 * Measures diversity: the root mean square difference of pixels over all pairs of images, from 0
 * (all equal) to 255. Pixels are row-major [count, size].
 */
export function computeDiversity(pixels: Uint8Array, count: number): number {
  const size = pixels.length / count;
  let sum = 0;
  for (let x = 0; x < size; x++) {
    // The mean squared difference over pairs is twice the variance.
    let total = 0;
    let squares = 0;
    for (let i = 0; i < count; i++) {
      const value = pixels[i * size + x] as number;
      total += value;
      squares += value * value;
    }
    sum += (2 * (squares - (total * total) / count)) / (count - 1);
  }
  return Math.sqrt(Math.max(0, sum) / size);
}

/**
 * Encodes PNG files of one size as an endless GIF; the last is shown longer. Grey frames stay
 * exact, coloured ones get 256 colours each.
 */
export function encodeGif(frames: readonly Uint8Array[]): Uint8Array {
  const gif = gifenc.GIFEncoder();
  for (const [i, frame] of frames.entries()) {
    const { data, width, height, channels } = decode(frame);
    const options = {
      delay: i === frames.length - 1 ? LAST_FRAME_MS : FRAME_MS,
      ...(i === 0 && { repeat: 0 }),
    };
    if (channels === 1) {
      const palette = i === 0 ? { palette: GREYS } : {};
      gif.writeFrame(data as Uint8Array, width, height, { ...options, ...palette });
    } else {
      const rgba = addAlpha(data as Uint8Array);
      const palette = gifenc.quantize(thinPixels(rgba), GREYS.length);
      const indices = gifenc.applyPalette(rgba, palette);
      gif.writeFrame(indices, width, height, { ...options, palette });
    }
  }
  gif.finish();
  return gif.bytes();
}

/**
 * Takes some pixels of [pixels, 4]. An odd step visits every column of any width. Twice as many
 * pixels would take three times as long and bring each pixel 0.1 levels nearer.
 */
function thinPixels(rgba: Uint8Array): Uint8Array {
  const step = Math.ceil(rgba.length / 4 / MAX_PALETTE_PIXELS) | 1;
  const thinned = new Uint8Array(Math.ceil(rgba.length / 4 / step) * 4);
  for (let from = 0, to = 0; from < rgba.length; from += step * 4, to += 4) {
    thinned.set(rgba.subarray(from, from + 4), to);
  }
  return thinned;
}
