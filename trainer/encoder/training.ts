/**
 * Trains an encoder with Adam and a cosine learning-rate schedule. A batch has written digits and
 * digits that the generator drew. Both must look the same after a pass through encoder and
 * generator; for drawn digits the latent vector is known too. The result is a moving average (EMA)
 * of the weights. All randomness comes from a key.
 */
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { LOGIT_RANGE, type EncoderPlan } from '../../shared/model/encoder.ts';
import type { GeneratorPlan } from '../../shared/model/generator.ts';
import { drawLabels, drawLatents, joinInput, type RandomKey } from '../../shared/model/random.ts';
import { decodePixels, type PixelRange } from '../../shared/picture/pixels.ts';
import { createBatcher, gatherImages, type Dataset } from '../data/dataset.ts';
import {
  CLASSIFIER_CONFIG,
  planClassifier,
  runClassifier,
} from '../evaluation/classifier/network.ts';
import { augmentImages } from '../evaluation/classifier/training.ts';
import {
  createState,
  createVariable,
  disposeState,
  drawInitialArrays,
  learnStep,
  readState,
  splitWeights,
  type NetworkArrays,
} from '../gan/network-state.ts';
import { createWeights, drawInk, runEncoder } from './network.ts';

/** Streams of the key. Never reuse a number in one command. */
export const PURPOSES = {
  shuffle: 1,
  augmentation: 2,
  weights: 3,
  others: 4,
  madeOthers: 5,
  rewritten: 6,
} as const;

/**
 * Distortions of half of the written digits. A shift is below a pixel, because every written digit
 * is centred before the encoder sees it.
 */
export const AUGMENTATION = { degrees: 8, scale: 0.06, slant: 0.15, shiftPixels: 0.5 } as const;

interface EncoderTraining {
  readonly steps: number;
  /** Written digits of a batch. */
  readonly written: number;
  /** Drawn digits of a batch. */
  readonly drawn: number;
  /** After a warm-up of 500 steps the cosine falls from here to 0. */
  readonly learningRate: number;
  /** The part of the moving average that each step keeps, after the first steps. */
  readonly emaDecay: number;
  /** Weights of the loss's parts beside the mean squared pixel error of ink 0 to 1. */
  readonly latentWeight: number;
  readonly classWeight: number;
  readonly featureWeight: number;
}

export const ENCODER_TRAINING: EncoderTraining = {
  steps: 24_000,
  written: 48,
  drawn: 16,
  learningRate: 4e-3,
  emaDecay: 0.999,
  latentWeight: 0.003,
  classWeight: 0.005,
  featureWeight: 0,
};

const WARM_UP_STEPS = 500;

/** The content of a checkpoint. */
export interface EncoderState extends NetworkArrays {
  /** Steps that were done. */
  readonly step: number;
  readonly average: Float32Array;
}

interface EncoderTeacher {
  readonly generator: GeneratorPlan;
  readonly range: PixelRange;
  /** In the plan's order. */
  readonly weights: readonly Float32Array[];
  /** The evaluation's classifier, whose features are compared; undefined for none. */
  readonly classifier?: Float32Array | undefined;
}

/**
 * @param dataset  Images of the generator's size; labels below its classes.
 * @param from     The state to continue from.
 * @yields         Every `every` steps: the parts of the last step's loss, and the state.
 */
export async function* trainEncoder(
  plan: EncoderPlan,
  teacher: EncoderTeacher,
  dataset: Dataset,
  training: EncoderTraining,
  key: RandomKey,
  every: number,
  from?: EncoderState,
): AsyncGenerator<{ losses: Readonly<Record<string, number>>; state: EncoderState }> {
  const { steps, written, drawn } = training;
  const adam = { ...training, warmUp: WARM_UP_STEPS };
  const { generator, range } = teacher;
  const { latentSize, classes } = plan;
  const batcher = createBatcher(dataset.count, written, key, PURPOSES.shuffle);
  const initial = from ?? { ...drawInitialArrays(plan.weights, key, PURPOSES.weights), step: 0 };
  const state = createState(plan.weights, initial);
  const average = createVariable(from?.average ?? initial.weights);
  const frozen = createWeights(generator, teacher.weights);
  const classifier = teacher.classifier;
  const judge =
    classifier === undefined
      ? undefined
      : tf.tidy(() => splitWeights(planClassifier(CLASSIFIER_CONFIG), tf.tensor1d(classifier)));
  const draw = (input: tf.Tensor): tf.Tensor4D => drawInk(generator, frozen, input, range);
  try {
    for (let step = initial.step; step < steps; step++) {
      const indices = batcher.drawIndices(step);
      const half = generator.outputShape[0] ** 2 * (written >> 1);
      const plain = gatherImages(dataset, indices);
      const ink = decodePixels(plain, [0, 1]);
      ink.set(
        augmentImages(
          plain.subarray(0, half),
          generator.outputShape[0],
          key,
          PURPOSES.augmentation,
          step,
          AUGMENTATION,
        ),
      );
      const latents = drawLatents(key, step * drawn, drawn, latentSize);
      const drawnLabels = drawLabels(key, step * drawn, drawn, classes);
      const labels = Uint8Array.from([
        ...Array.from(indices, (index) => dataset.labels[index] as number),
        ...drawnLabels,
      ]);
      const losses = tf.tidy(() => {
        const input = joinInput(generator, latents, drawnLabels);
        const drawnInk = draw(tf.tensor2d(input, [drawn, generator.inputSize]));
        const images = tf.concat([
          tf.tensor4d(ink, [written, ...generator.outputShape]),
          drawnInk,
        ]) as tf.Tensor4D;
        const known = tf.tensor2d(latents, [drawn, latentSize]);
        const oneHot = tf.cast(
          tf.oneHot(tf.tensor1d(labels, 'int32'), classes),
          'float32',
        ) as tf.Tensor2D;
        const target = judge && runClassifier(CLASSIFIER_CONFIG, judge, images).features;
        const parts: Record<string, tf.Tensor> = {};
        learnStep(state, average, adam, step, () => {
          const guess = runEncoder(plan, splitWeights(plan.weights, state.weights), images);
          // [batch, latents]
          const own = tf.sum(tf.mul(guess.latents, tf.expandDims(oneHot, 2)), 1);
          const redrawn = draw(tf.concat([own, oneHot], 1));
          const pixel = tf.mean(tf.squaredDifference(redrawn, images));
          const latent = tf.mean(
            tf.squaredDifference(tf.slice(own, [written, 0], [drawn, latentSize]), known),
          );
          const label = tf.losses.softmaxCrossEntropy(oneHot, tf.mul(guess.logits, LOGIT_RANGE));
          Object.assign(parts, {
            pixel: tf.keep(pixel),
            latent: tf.keep(latent),
            label: tf.keep(label),
          });
          let loss = tf.add(pixel, tf.mul(latent, training.latentWeight));
          loss = tf.add(loss, tf.mul(label, training.classWeight));
          if (judge !== undefined && target !== undefined) {
            const { features } = runClassifier(CLASSIFIER_CONFIG, judge, redrawn);
            const feature = tf.mean(tf.squaredDifference(features, target));
            parts['feature'] = tf.keep(feature);
            loss = tf.add(loss, tf.mul(feature, training.featureWeight));
          }
          return loss as tf.Scalar;
        });
        return parts;
      });
      const done = step + 1;
      if (done % every === 0 || done === steps) {
        const values: Record<string, number> = {};
        for (const [name, part] of Object.entries(losses)) {
          values[name] = (await part.data())[0] as number;
        }
        tf.dispose(losses);
        const arrays = await readState(state);
        const kept = await average.data<'float32'>();
        yield { losses: values, state: { ...arrays, average: kept, step: done } };
      } else {
        tf.dispose(losses);
      }
      await setImmediate(); // Lets signals and timers run.
    }
  } finally {
    disposeState(state);
    tf.dispose([average, ...frozen, ...(judge ?? [])]);
  }
}
