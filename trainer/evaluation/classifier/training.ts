/**
 * Trains a classifier with Adam and a cosine learning-rate schedule on softmax cross-entropy. The
 * result is a moving average (EMA) of the weights. All randomness comes from the key.
 */
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { sizeOf, type WeightSpec } from '../../../shared/model/generator.ts';
import { decodePixels } from '../../../shared/picture/pixels.ts';
import type { RandomKey } from '../../../shared/model/random.ts';
import { createBatcher, gatherImages, type Dataset } from '../../data/dataset.ts';
import {
  applyAdam,
  computeAdamAmounts,
  createState,
  disposeState,
  drawInitialArrays,
  splitWeights,
  type NetworkArrays,
} from '../../gan/network-state.ts';
import { augmentImages } from './augment.ts';
import { planClassifier, runClassifier, type ClassifierConfig } from './network.ts';

/** Streams of the key. Never reuse a number. */
const PURPOSES = { shuffle: 1, augmentation: 2, weights: 3 } as const;

const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7 } as const;

export interface ClassifierTraining {
  readonly epochs: number;
  readonly batchSize: number;
  /** After a warm-up of half an epoch the cosine falls from here to 0. */
  readonly learningRate: number;
  /** The part of the moving average that each step keeps, after the first steps. */
  readonly emaDecay: number;
  /** Whether `augmentImages` distorts the images. */
  readonly augment: boolean;
}

/** The state after an epoch. */
export interface ClassifierEpoch {
  /** From 1. */
  readonly epoch: number;
  /** Of the epoch's last batch. */
  readonly loss: number;
  /** The moving average, flat. */
  readonly weights: Float32Array;
}

/**
 * Trains a classifier from new weights.
 *
 * @param dataset  Square images of `config.side`; labels below `config.classes`.
 * @yields         The state after each epoch.
 */
export async function* trainClassifier(
  config: ClassifierConfig,
  dataset: Dataset,
  { epochs, batchSize, learningRate, emaDecay, augment }: ClassifierTraining,
  key: RandomKey,
): AsyncGenerator<ClassifierEpoch> {
  const specs = planClassifier(config);
  const batcher = createBatcher(dataset.count, batchSize, key, PURPOSES.shuffle);
  const steps = epochs * batcher.batchesPerEpoch;
  const warmUp = batcher.batchesPerEpoch / 2;
  const state = createState(
    specs,
    centreKernels(specs, drawInitialArrays(specs, key, PURPOSES.weights)),
  );
  const average = tf.tidy(() => tf.variable(tf.clone(state.weights), false));
  try {
    for (let step = 0; step < steps; step++) {
      const indices = batcher.drawIndices(step);
      const images = gatherImages(dataset, indices);
      const pixels = augment
        ? augmentImages(images, config.side, key, PURPOSES.augmentation, step)
        : decodePixels(images, [0, 1]);
      const labels = Int32Array.from(indices, (index) => dataset.labels[index] as number);
      const rate =
        learningRate *
        Math.min(1, (step + 1) / warmUp) *
        (0.5 + 0.5 * Math.cos((Math.PI * step) / steps));
      const loss = tf.tidy(() => {
        const x = tf.tensor4d(pixels, [batchSize, config.side, config.side, 1]);
        const y = tf.oneHot(tf.tensor1d(labels, 'int32'), config.classes);
        const { value, grads } = tf.variableGrads(() => {
          const { logits } = runClassifier(config, splitWeights(specs, state.weights), x);
          return tf.losses.softmaxCrossEntropy(y, logits) as tf.Scalar;
        }, [state.weights]);
        const adam = { ...ADAM, learningRate: rate };
        applyAdam(
          state,
          grads[state.weights.name] as tf.Tensor1D,
          adam,
          computeAdamAmounts(adam, step + 1),
        );
        // Early on the average keeps less, so that it forgets the initial weights.
        const decay = Math.min(emaDecay, (1 + step) / (10 + step));
        average.assign(
          tf.add(tf.mul(average, decay), tf.mul(state.weights, 1 - decay)) as tf.Tensor1D,
        );
        return value;
      });
      const ends = (step + 1) % batcher.batchesPerEpoch === 0;
      // Disposed before the yield: a caller may stop there.
      const [value = NaN] = ends ? await loss.data() : [];
      loss.dispose();
      if (ends) {
        yield {
          epoch: (step + 1) / batcher.batchesPerEpoch,
          loss: value,
          weights: await average.data<'float32'>(),
        };
      }
      // Lets signals and timers run.
      await setImmediate();
    }
  } finally {
    disposeState(state);
    average.dispose();
  }
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
    kernel.forEach(
      (value, place) => (sums[place % outputs] = (sums[place % outputs] as number) + value),
    );
    kernel.forEach(
      (value, place) =>
        (kernel[place] = value - ((sums[place % outputs] as number) * outputs) / kernel.length),
    );
  }
  return { ...arrays, weights };
}
