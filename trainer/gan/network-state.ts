/**
 * A network that is being trained: its weights, and Adam's two moments, each as one flat vector. One vector a network
 * makes an update a dozen operations however many layers there are, and a checkpoint three arrays.
 */
import * as tf from '@tensorflow/tfjs';
import { sizeOf, type WeightSpec } from '../../shared/model/generator.ts';
import { drawWords, fillUniform, type RandomKey } from '../../shared/model/random.ts';
import type { AdamConfig, InitialisationName } from './preset.ts';

/** Weights and moments, [parameters] each. Owns its variables. */
export interface NetworkState {
  readonly specs: readonly WeightSpec[];
  readonly weights: tf.Variable<tf.Rank.R1>;
  readonly firstMoment: tf.Variable<tf.Rank.R1>;
  readonly secondMoment: tf.Variable<tf.Rank.R1>;
}

/** A state's content, for checkpoints: three arrays of [parameters]. */
export interface NetworkArrays {
  readonly weights: Float32Array;
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
}

/** Puts arrays on the backend. The caller disposes the state: see {@link disposeState}. */
export function createState(specs: readonly WeightSpec[], arrays: NetworkArrays): NetworkState {
  // Within tidy, since a variable keeps its own copy; variables themselves outlive it.
  const create = (values: Float32Array, trainable: boolean): tf.Variable<tf.Rank.R1> =>
    tf.tidy(() => tf.variable(tf.tensor1d(values), trainable));
  return {
    specs,
    weights: create(arrays.weights, true),
    firstMoment: create(arrays.firstMoment, false),
    secondMoment: create(arrays.secondMoment, false),
  };
}

/** Reads a state back. */
export async function readState({
  weights,
  firstMoment,
  secondMoment,
}: NetworkState): Promise<NetworkArrays> {
  const [w, m, v] = await Promise.all(
    [weights, firstMoment, secondMoment].map((variable) => variable.data<'float32'>()),
  );
  return {
    weights: w as Float32Array,
    firstMoment: m as Float32Array,
    secondMoment: v as Float32Array,
  };
}

export function disposeState({ weights, firstMoment, secondMoment }: NetworkState): void {
  tf.dispose([weights, firstMoment, secondMoment]);
}

/**
 * Draws starting weights: kernels normal with standard deviation 1 / sqrt(inputs / 2), which the tutorial's model, the
 * post "GAN in TensorFlow" of wiseodd, calls Xavier's; biases and moments 0.
 *
 * @param purpose         The stream of `key` to draw from.
 * @param initialisation  Another law for the kernels.
 */
export function drawInitialArrays(
  specs: readonly WeightSpec[],
  key: RandomKey,
  purpose: number,
  initialisation?: InitialisationName,
): NetworkArrays {
  const parts = specs.map(({ shape }, i) => {
    const count = sizeOf(shape);
    if (shape.length === 1) {
      return new Float32Array(count);
    }
    if (initialisation === 'glorot-uniform') {
      return drawGlorotUniform(shape, drawWords(key, purpose, i, count));
    }
    const inputs = count / (shape.at(-1) as number);
    const deviation = 1 / Math.sqrt(inputs / 2);
    return drawNormal(key, purpose, i, count).map((value) => value * deviation);
  });
  const weights = joinArrays(parts);
  return {
    weights,
    firstMoment: new Float32Array(weights.length),
    secondMoment: new Float32Array(weights.length),
  };
}

/** Uniform within sqrt(6 / (inputs + outputs)), both counted as a number of weights that meet in one unit. */
function drawGlorotUniform(shape: readonly number[], words: Uint32Array): Float32Array {
  const [inputs, outputs] = shape.slice(-2) as [number, number];
  const limit = Math.sqrt(6 / ((inputs + outputs) * sizeOf(shape.slice(0, -2))));
  const values = new Float32Array(words.length);
  fillUniform(words, values);
  return values.map((value) => value * limit);
}

/** Standard normal numbers, by Box and Muller's transform of pairs of uniform ones. */
function drawNormal(key: RandomKey, purpose: number, index: number, count: number): Float32Array {
  const words = drawWords(key, purpose, index, 2 * count);
  return Float32Array.from({ length: count }, (_, i) => {
    const radius = Math.sqrt(-2 * Math.log(((words[2 * i] as number) + 1) / 2 ** 32)); // never the logarithm of 0
    return radius * Math.cos((2 * Math.PI * (words[2 * i + 1] as number)) / 2 ** 32);
  });
}

/** Lays arrays one after the other, as a network's flat vector has its weights: the reverse of {@link splitWeights}. */
export function joinArrays(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let next = 0;
  for (const part of parts) {
    joined.set(part, next);
    next += part.length;
  }
  return joined;
}

/**
 * Cuts a flat vector into a network's weights; gradients pass through.
 *
 * @param flat  [parameters]. Not disposed.
 * @returns     One tensor a spec. The caller disposes them.
 */
export function splitWeights(specs: readonly WeightSpec[], flat: tf.Tensor1D): tf.Tensor[] {
  const parts = tf.split(
    flat,
    specs.map(({ shape }) => sizeOf(shape)),
  );
  return parts.map((part, i) => tf.reshape(part, [...(specs[i] as WeightSpec).shape]));
}

/** A number, already on the backend where what is done with it is recorded: see `trainer/tensorflow/graph/graph.ts`. */
export type Amount = number | tf.Scalar;

/** How far an average moves: average = kept * average + taken * weights. */
export interface AverageAmounts<T extends Amount = Amount> {
  /** 0 (takes the weights) to 1 (stays). */
  readonly kept: T;
  /** 1 - kept. */
  readonly taken: T;
}

/**
 * Moves an average towards the weights, in place.
 *
 * @param average  [parameters].
 */
export function updateAverage(
  average: tf.Variable<tf.Rank.R1>,
  weights: tf.Tensor1D,
  { kept, taken }: AverageAmounts,
): void {
  tf.tidy(() => average.assign(tf.add(tf.mul(average, kept), tf.mul(weights, taken))));
}

/** What differs from one update of Adam to the next: the bias corrections, folded into two factors. */
export interface AdamAmounts<T extends Amount = Amount> {
  /** The learning rate over 1 - beta1^update: times the first moment. */
  readonly rate: T;
  /** 1 over the root of 1 - beta2^update: times the second moment's root. */
  readonly root: T;
}

/** @param update  Its number, from 1. */
export function computeAdamAmounts(
  { learningRate, beta1, beta2 }: AdamConfig,
  update: number,
): AdamAmounts<number> {
  return { rate: learningRate / (1 - beta1 ** update), root: 1 / Math.sqrt(1 - beta2 ** update) };
}

/**
 * One step of Adam (Kingma and Ba 2015, algorithm 1), in place.
 *
 * @param gradient  [parameters]. Not disposed.
 * @param config    Its learning rate is in the amounts.
 */
export function applyAdam(
  state: NetworkState,
  gradient: tf.Tensor1D,
  { beta1, beta2, epsilon }: AdamConfig,
  { rate, root }: AdamAmounts,
): void {
  tf.tidy(() => {
    const m = tf.add(tf.mul(state.firstMoment, beta1), tf.mul(gradient, 1 - beta1)) as tf.Tensor1D;
    const v = tf.add(
      tf.mul(state.secondMoment, beta2),
      tf.mul(tf.square(gradient), 1 - beta2),
    ) as tf.Tensor1D;
    const change = tf.div(tf.mul(m, rate), tf.add(tf.mul(tf.sqrt(v), root), epsilon));
    state.firstMoment.assign(m);
    state.secondMoment.assign(v);
    state.weights.assign(tf.sub(state.weights, change));
  });
}
