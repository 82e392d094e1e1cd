/**
 * Trains classifiers with Adam and a cosine learning-rate schedule on softmax cross-entropy. The
 * result is a moving average (EMA) of the weights. All randomness comes from a key.
 */
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { sizeOf, type WeightSpec } from '../../../shared/model/generator.ts';
import { decodePixels } from '../../../shared/picture/pixels.ts';
import { drawWords, type RandomKey } from '../../../shared/model/random.ts';
import { createBatcher, gatherImages, type Dataset } from '../../data/dataset.ts';
import {
  createState,
  disposeState,
  drawInitialArrays,
  learnStep,
  splitWeights,
  type NetworkArrays,
} from '../../gan/network-state.ts';
import { countRight, planClassifier, runClassifier, type ClassifierConfig } from './network.ts';

/** Streams of the key. Never reuse a number. */
const PURPOSES = { shuffle: 1, augmentation: 2, weights: 3 } as const;

export interface ClassifierTraining {
  readonly epochs: number;
  readonly batchSize: number;
  /** After a warm-up of half an epoch the cosine falls from here to 0. */
  readonly learningRate: number;
  /** The part of the moving average that each step keeps, after the first steps. */
  readonly emaDecay: number;
  /** Whether `augmentImages` distorts the images, which must be grey. */
  readonly augment: boolean;
}

/**
 * @param dataset  Square images of `config.side`; labels below `config.classes`.
 * @yields         After each epoch, from 1: the loss of its last batch, and the averaged weights.
 */
export async function* trainClassifier(
  config: ClassifierConfig,
  dataset: Dataset,
  { epochs, batchSize, learningRate, emaDecay, augment }: ClassifierTraining,
  key: RandomKey,
): AsyncGenerator<{ epoch: number; loss: number; weights: Float32Array }> {
  const specs = planClassifier(config);
  const batcher = createBatcher(dataset.count, batchSize, key, PURPOSES.shuffle);
  const steps = epochs * batcher.batchesPerEpoch;
  const adam = { steps, warmUp: batcher.batchesPerEpoch / 2, learningRate, emaDecay };
  const initial = drawArrays(specs, key);
  const state = createState(specs, initial);
  const average = tf.tidy(() => tf.variable(tf.clone(state.weights), false));
  try {
    for (let step = 0; step < steps; step++) {
      const indices = batcher.drawIndices(step);
      const images = gatherImages(dataset, indices);
      const pixels = augment
        ? augmentImages(images, config.side, key, PURPOSES.augmentation, step)
        : decodePixels(images, [0, 1]);
      const labels = Int32Array.from(indices, (index) => dataset.labels[index] as number);
      const loss = tf.tidy(() => {
        const x = tf.tensor4d(pixels, [batchSize, config.side, config.side, config.channels ?? 1]);
        const y = tf.oneHot(tf.tensor1d(labels, 'int32'), config.classes);
        return learnStep(state, average, adam, step, () => {
          const { logits } = runClassifier(config, splitWeights(specs, state.weights), x);
          return tf.losses.softmaxCrossEntropy(y, logits) as tf.Scalar;
        });
      });
      const ends = (step + 1) % batcher.batchesPerEpoch === 0;
      // Disposed before the yield: a caller may stop there.
      const [value = NaN] = ends ? await loss.data() : [];
      loss.dispose();
      if (ends) {
        const weights = await average.data<'float32'>();
        yield { epoch: (step + 1) / batcher.batchesPerEpoch, loss: value, weights };
      }
      await setImmediate(); // Lets signals and timers run.
    }
  } finally {
    disposeState(state);
    average.dispose();
  }
}

function drawArrays(specs: readonly WeightSpec[], key: RandomKey): NetworkArrays {
  return centreKernels(specs, drawInitialArrays(specs, key, PURPOSES.weights));
}

/** Draws the weights of a classifier that has learned nothing, flat. */
export function drawClassifier(config: ClassifierConfig, key: RandomKey): Float32Array {
  return drawArrays(planClassifier(config), key).weights;
}

/**
 * Subtracts from each kernel after the first its mean for every output. Its inputs are positive,
 * after relu: with a mean of its own a unit starts as always on or always off, and a fifth of the
 * features would stay off.
 */
function centreKernels(specs: readonly WeightSpec[], arrays: NetworkArrays): NetworkArrays {
  const weights = arrays.weights.slice();
  let next = 0;
  for (const [i, { shape }] of specs.entries()) {
    const kernel = weights.subarray(next, (next += sizeOf(shape)));
    if (i === 0 || shape.length === 1) {
      continue;
    }
    const outputs = shape.at(-1) as number;
    const sums = new Float64Array(outputs);
    for (const [place, value] of kernel.entries()) {
      sums[place % outputs] = (sums[place % outputs] as number) + value;
    }
    for (const [place, value] of kernel.entries()) {
      kernel[place] = value - ((sums[place % outputs] as number) * outputs) / kernel.length;
    }
  }
  return { ...arrays, weights };
}

/** The largest distortions. Each amount is uniform between minus and plus the number here. */
const AUGMENTATION = { degrees: 12, scale: 0.12, slant: 0.12, shiftPixels: 2 } as const;

const WORDS_PER_IMAGE = 5;

/**
 * Rotates, scales, slants and shifts each image a little, with bilinear interpolation.
 * @param images  Row-major [count, side, side], 0..255.
 * @param index   The training step: the place in the key's stream `purpose`.
 * @param amounts  The largest distortions.
 * @returns       [count, side, side], 0..1.
 */
export function augmentImages(
  images: Uint8Array,
  side: number,
  key: RandomKey,
  purpose: number,
  index: number,
  amounts: Readonly<Record<keyof typeof AUGMENTATION, number>> = AUGMENTATION,
): Float32Array {
  const size = side * side;
  const count = images.length / size;
  const words = drawWords(key, purpose, index, count * WORDS_PER_IMAGE);
  const out = new Float32Array(images.length);
  for (let i = 0; i < count; i++) {
    const [turn, zoom, slant, right, down] = Array.from(
      words.subarray(i * WORDS_PER_IMAGE, (i + 1) * WORDS_PER_IMAGE),
      (word) => word / 2 ** 31 - 1,
    ) as [number, number, number, number, number];
    const angle = (turn * amounts.degrees * Math.PI) / 180;
    const scale = 1 + zoom * amounts.scale;
    const cos = Math.cos(angle) / scale;
    const sin = Math.sin(angle) / scale;
    const shear = slant * amounts.slant;
    const image = images.subarray(i * size, (i + 1) * size);
    warpImage(image, side, out.subarray(i * size, (i + 1) * size), {
      xx: cos,
      xy: shear * cos - sin,
      yx: sin,
      yy: shear * sin + cos,
      dx: right * amounts.shiftPixels,
      dy: down * amounts.shiftPixels,
    });
  }
  return out;
}

/**
 * Fills `out` with the mapped image, 0..1. The source of a pixel is (xx x + xy y + dx,
 * yx x + yy y + dy), in pixels from the centre. Sources outside of the image are paper.
 */
function warpImage(
  image: Uint8Array,
  side: number,
  out: Float32Array,
  { xx, xy, yx, yy, dx, dy }: Record<'xx' | 'xy' | 'yx' | 'yy' | 'dx' | 'dy', number>,
): void {
  const centre = (side - 1) / 2;
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const [x, y] = [column - centre, row - centre];
      const [fromX, fromY] = [xx * x + xy * y + dx + centre, yx * x + yy * y + dy + centre];
      const [left, top] = [Math.floor(fromX), Math.floor(fromY)];
      if (left < -1 || top < -1 || left >= side || top >= side) {
        continue;
      }
      const [a, b] = [fromX - left, fromY - top];
      const at = (r: number, c: number): number =>
        r < 0 || c < 0 || r >= side || c >= side ? 0 : (image[r * side + c] as number);
      const above = at(top, left) * (1 - a) + at(top, left + 1) * a;
      const below = at(top + 1, left) * (1 - a) + at(top + 1, left + 1) * a;
      out[row * side + column] = (above * (1 - b) + below * b) / 255;
    }
  }
}

/** The fresh network of published figures: 0.6 million multiply-accumulates an image. */
export const FRESH_NETWORK: { network: ClassifierConfig; training: ClassifierTraining } = {
  network: {
    side: 28,
    convolutions: [
      { filters: 16, size: 5, stride: 2, padding: 'same' }, // 14 x 14
      { filters: 32, size: 3, stride: 2, padding: 'same' }, // 7 x 7
      { filters: 32, size: 3, stride: 1, padding: 'valid' }, // 5 x 5
    ],
    features: 64,
    classes: 10,
  },
  training: {
    epochs: 12,
    batchSize: 100,
    learningRate: 2e-3,
    emaDecay: 0.99,
    augment: false, // Distortions would make up for a lack of variety.
  },
};

/**
 * Trains a network to its last epoch, so no checkpoint is chosen, and tests it. Tested on real
 * digits after it has learned samples alone, its accuracy is their classification accuracy score
 * (Ravuri and Vinyals 2019, arXiv 1905.10887): it cannot learn what they lack.
 * @param learned  At least a batch, none of them in `test`.
 * @param key      Determines the initial weights and the order of the batches.
 * @returns        The averaged weights, flat, and the accuracy on `test`, 0..1.
 */
export async function learnAndTest(
  { network, training }: { network: ClassifierConfig; training: ClassifierTraining },
  learned: Dataset,
  test: Dataset,
  key: RandomKey,
  onEpoch?: (epoch: number) => void,
) {
  let weights = new Float32Array(0);
  for await (const state of trainClassifier(network, learned, training, key)) {
    weights = new Float32Array(state.weights);
    onEpoch?.(state.epoch);
  }
  return { weights, accuracy: countRight(network, weights, test) / test.count };
}
