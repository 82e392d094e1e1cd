/** The pictures of a run: sample grids of the same latents, and the animation of its progress. */
import * as tf from '@tensorflow/tfjs';
import { decode } from 'fast-png';
import { encodeGif } from '../../shared/animation/gif.ts';
import type { GeneratorPlan } from '../../shared/model/generator.ts';
import { deriveSeedKey, drawLabels, drawLatents } from '../../shared/model/random.ts';
import { BLACK, WHITE } from '../../shared/picture/colour.ts';
import { encodePixels } from '../../shared/picture/pixels.ts';
import type { Samples } from '../../shared/model/sampler.ts';
import { splitWeights } from '../gan/network-state.ts';
import { buildInput, runGenerator } from '../gan/networks.ts';
import { applyPrior } from '../gan/noise.ts';
import type { TrainingConfig } from '../gan/preset.ts';

/** A grid has 8 x 8 samples, each drawn at twice its size. */
export const GRID = { count: 64, layout: { cols: 8, scale: 2 } } as const;

/** Hundredths of a second. */
const FRAME_CS = 50;
const LAST_FRAME_CS = 250;

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

/** Encodes PNG files of one size as an endless GIF; the last is shown longer. */
export function encodeProgress(grids: readonly Uint8Array[]): Uint8Array {
  const pictures = grids.map((png) => {
    const { data, width, height, channels } = decode(png);
    return { width, height, channels, pixels: data as Uint8Array };
  });
  const delays = grids.map((_, i) => (i === grids.length - 1 ? LAST_FRAME_CS : FRAME_CS));
  return encodeGif(pictures, { bg: BLACK, fg: WHITE }, delays);
}
