/**
 * The pictures of a run: a grid of the same latents at every schedule, and the animation of its progress.
 */
import * as tf from '@tensorflow/tfjs';
import { decode } from 'fast-png';
import gifenc from 'gifenc';
import { deriveSeedKey, drawLabels, drawLatents } from '../../shared/model/random.ts';
import { encodePixels } from '../../shared/picture/pixels.ts';
import type { Samples } from '../../shared/model/sampler.ts';
import { buildInput, runGenerator } from '../gan/generator-network.ts';
import { splitWeights } from '../gan/network-state.ts';
import type { TrainingConfig } from '../gan/preset.ts';
import { applyPrior } from '../gan/prior.ts';
import { pickShippedWeights, type Gan } from '../gan/steps.ts';

/** Samples on a grid, 8 x 8, and how large they are drawn. */
export const GRID = { count: 64, layout: { cols: 8, scale: 2 } } as const;

const GREYS = Array.from({ length: 256 }, (_, grey): [number, number, number] => [
  grey,
  grey,
  grey,
]);
/** Pixels that a palette is chosen from: the time grows with the square of their colours, minutes for a noisy grid. */
const MAX_PALETTE_PIXELS = 4096;
const FRAME_MS = 500;
const LAST_FRAME_MS = 2500;

/**
 * Draws a run's grid: samples 0 to 63 of its seed, by the sampling law that serves too (but for its prior, if it has one).
 */
export async function drawGrid(
  gan: Gan,
  config: Pick<TrainingConfig, 'seed' | 'pixelRange' | 'prior'>,
): Promise<Samples> {
  const { seed, pixelRange, prior } = config;
  const { plan } = gan;
  const key = deriveSeedKey(seed);
  const { latentSize, classes } = plan.config;
  const labels = classes === 0 ? null : drawLabels(key, 0, GRID.count, classes);
  const output = tf.tidy(() => {
    const input = buildInput(
      plan,
      applyPrior(prior, drawLatents(key, 0, GRID.count, latentSize)),
      labels,
    );
    return runGenerator(plan, splitWeights(plan.weights, pickShippedWeights(gan)), input);
  });
  const values = await output.data<'float32'>();
  output.dispose();
  const [height, width, channels] = plan.outputShape;
  return {
    count: GRID.count,
    height,
    width,
    channels,
    pixels: encodePixels(values, pixelRange),
    labels,
  };
}

/**
 * Measures how different images are from each other: the root mean square difference of pixels, over all pairs.
 *
 * @param pixels  Row-major [count, size].
 * @returns       0 (all the same) to 255.
 */
export function computeDiversity(pixels: Uint8Array, count: number): number {
  const size = pixels.length / count;
  let sum = 0;
  for (let x = 0; x < size; x++) {
    // For each pixel, the mean squared difference over pairs is twice the variance: no pair has to be visited.
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
 * Encodes PNG frames as an endless GIF: grey ones exactly, coloured ones in 256 colours chosen for each frame.
 *
 * @param frames  PNG files of one size, in order; the last stands longer.
 */
export function encodeGif(frames: readonly Uint8Array[]): Uint8Array {
  const gif = gifenc.GIFEncoder();
  for (const [i, frame] of frames.entries()) {
    const { data, width, height, channels } = decode(frame);
    const delay = i === frames.length - 1 ? LAST_FRAME_MS : FRAME_MS;
    const repeat = i === 0 ? { repeat: 0 } : {};
    if (channels === 1) {
      gif.writeFrame(data as Uint8Array, width, height, {
        delay,
        ...repeat,
        ...(i === 0 ? { palette: GREYS } : {}),
      });
    } else {
      const rgba = addAlpha(data as Uint8Array);
      const palette = gifenc.quantize(thin(rgba), GREYS.length);
      gif.writeFrame(gifenc.applyPalette(rgba, palette), width, height, {
        delay,
        ...repeat,
        palette,
      });
    }
  }
  gif.finish();
  return gif.bytes();
}

/**
 * Takes some pixels out of [pixels, 4]. An odd step visits every column, whatever the width; twice as many pixels
 * take three times as long and bring each pixel 0.1 levels nearer.
 */
function thin(rgba: Uint8Array): Uint8Array {
  const step = Math.ceil(rgba.length / 4 / MAX_PALETTE_PIXELS) | 1;
  const thinned = new Uint8Array(Math.ceil(rgba.length / 4 / step) * 4);
  for (let from = 0, to = 0; from < rgba.length; from += step * 4, to += 4) {
    thinned.set(rgba.subarray(from, from + 4), to);
  }
  return thinned;
}

/** Row-major [pixels, 3] to [pixels, 4], opaque: the form that the quantizer reads. */
function addAlpha(rgb: Uint8Array): Uint8Array {
  const rgba = new Uint8Array((rgb.length / 3) * 4).fill(255);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    rgba.set(rgb.subarray(from, from + 3), to);
  }
  return rgba;
}
