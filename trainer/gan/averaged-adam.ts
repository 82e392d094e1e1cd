/**
 * Adam with a warm-up and a cosine learning rate, and a moving average (EMA) of the weights: how
 * classifiers and encoders learn.
 */
import * as tf from '@tensorflow/tfjs';
import { applyAdam, computeAdamAmounts, type NetworkState } from './network-state.ts';

const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7 } as const;

interface AveragedAdam {
  /** Of the whole training. */
  readonly steps: number;
  /** Steps in which the rate grows to its largest value. */
  readonly warmUp: number;
  /** After the warm-up the cosine falls from here to 0. */
  readonly learningRate: number;
  /** The part of the moving average that each step keeps, after the first steps. */
  readonly emaDecay: number;
}

/**
 * Does step `step`, from 0, in place. Call it within `tf.tidy`.
 * @param average   [parameters]
 * @param gradient  [parameters]
 */
export function applyAveragedAdam(
  state: NetworkState,
  average: tf.Variable,
  gradient: tf.Tensor1D,
  { steps, warmUp, learningRate, emaDecay }: AveragedAdam,
  step: number,
): void {
  const rate =
    learningRate *
    Math.min(1, (step + 1) / warmUp) *
    (0.5 + 0.5 * Math.cos((Math.PI * step) / steps));
  const adam = { ...ADAM, learningRate: rate };
  applyAdam(state, gradient, adam, computeAdamAmounts(adam, step + 1));
  // Early on the average keeps less, so that it forgets the initial weights.
  const decay = Math.min(emaDecay, (1 + step) / (10 + step));
  average.assign(tf.add(tf.mul(average, decay), tf.mul(state.weights, 1 - decay)));
}
