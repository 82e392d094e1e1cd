/**
 * A network in training: its weights and Adam's two moments, each as one flat vector. So an update
 * takes a dozen operations for any number of layers, and a checkpoint holds three arrays a network.
 */
import * as tf from '@tensorflow/tfjs';
import type { WeightSpec } from '../../shared/model/generator.ts';
import type { RandomKey } from '../../shared/model/random.ts';
import { runFused } from './fused.ts';
import { hasFusedKernels } from './networks.ts';
import { drawUniform, drawWords } from './noise.ts';
import type { AdamConfig, TrainingConfig } from './preset.ts';

/** Weights and moments, [parameters] each. Owns its variables. */
export interface NetworkState {
  readonly specs: readonly WeightSpec[];
  readonly weights: tf.Variable<tf.Rank.R1>;
  readonly firstMoment: tf.Variable<tf.Rank.R1>;
  readonly secondMoment: tf.Variable<tf.Rank.R1>;
}

/** A state's content, for checkpoints: three arrays of [parameters]. */
export type NetworkArrays = Readonly<
  Record<'weights' | 'firstMoment' | 'secondMoment', Float32Array>
>;

/** Puts arrays on the backend. The caller disposes the state by {@link disposeState}. */
export function createState(specs: readonly WeightSpec[], arrays: NetworkArrays): NetworkState {
  return {
    specs,
    weights: createVariable(arrays.weights, true),
    firstMoment: createVariable(arrays.firstMoment),
    secondMoment: createVariable(arrays.secondMoment),
  };
}

/** Puts numbers on the backend, [values]. A variable copies its tensor and outlives `tf.tidy`. */
export function createVariable(values: Float32Array, trainable = false): tf.Variable<tf.Rank.R1> {
  return tf.tidy(() => tf.variable(tf.tensor1d(values), trainable));
}

export async function readState(state: NetworkState): Promise<NetworkArrays> {
  return {
    weights: await state.weights.data<'float32'>(),
    firstMoment: await state.firstMoment.data<'float32'>(),
    secondMoment: await state.secondMoment.data<'float32'>(),
  };
}

export function disposeState(state: NetworkState): void {
  const { weights, firstMoment, secondMoment } = state;
  tf.dispose([weights, firstMoment, secondMoment, ...(KEPT_PARTS.get(state)?.parts ?? [])]);
  KEPT_PARTS.delete(state);
}

/**
 * Draws starting weights from a stream of `key`; biases and moments are 0. Kernels are normal with
 * standard deviation 1 / sqrt(inputs / 2), unless `initialisation` says otherwise. The tutorial's
 * model, wiseodd's "GAN in TensorFlow", calls these weights Xavier's.
 */
export function drawInitialArrays(
  specs: readonly WeightSpec[],
  key: RandomKey,
  purpose: number,
  initialisation?: TrainingConfig['initialisation'],
): NetworkArrays {
  const parts = specs.map(({ shape }, i) => {
    const count = tf.util.sizeFromShape([...shape]);
    if (shape.length === 1) {
      return new Float32Array(count);
    }
    if (initialisation === 'glorot-uniform') {
      const [inputs, outputs] = shape.slice(-2) as [number, number];
      // A kernel's window multiplies both.
      const window = tf.util.sizeFromShape(shape.slice(0, -2));
      const limit = Math.sqrt(6 / ((inputs + outputs) * window));
      return drawUniform(key, purpose, i, count).map((value) => value * limit);
    }
    const inputs = count / (shape.at(-1) as number);
    const deviation = 1 / Math.sqrt(inputs / 2);
    return drawNormal(key, purpose, i, count).map((value) => value * deviation);
  });
  const weights = joinArrays(parts);
  const { length } = weights;
  return { weights, firstMoment: new Float32Array(length), secondMoment: new Float32Array(length) };
}

/** Draws standard normal numbers: the transform of Box and Muller of pairs of uniform numbers. */
function drawNormal(key: RandomKey, purpose: number, index: number, count: number): Float32Array {
  const words = drawWords(key, purpose, index, 2 * count);
  return Float32Array.from({ length: count }, (_, i) => {
    // + 1 avoids the logarithm of 0.
    const radius = Math.sqrt(-2 * Math.log(((words[2 * i] as number) + 1) / 2 ** 32));
    return radius * Math.cos((2 * Math.PI * (words[2 * i + 1] as number)) / 2 ** 32);
  });
}

/** Joins arrays to a network's flat vector: the reverse of {@link splitWeights}. */
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
 * A network's weights, one tensor a spec. On WebGPU they are split once for each update and belong
 * to the state; elsewhere they are split anew, and belong to the caller.
 */
export function takeParts(state: NetworkState): tf.Tensor[] {
  const { specs, weights } = state;
  if (!hasFusedKernels()) {
    return splitWeights(specs, weights);
  }
  const kept = KEPT_PARTS.get(state);
  if (kept?.dataId === weights.dataId) {
    return kept.parts;
  }
  tf.dispose(kept?.parts ?? []);
  const sizes = specs.map(({ shape }) => tf.util.sizeFromShape([...shape]));
  const parts = tf.tidy(() =>
    runFused<tf.Tensor[]>('split', { x: weights }, { sizes }).map((part, i) =>
      tf.keep(tf.reshape(part, [...(specs[i] as WeightSpec).shape])),
    ),
  );
  KEPT_PARTS.set(state, { dataId: weights.dataId, parts });
  return parts;
}

/** An update gives a variable another `dataId`. */
const KEPT_PARTS = new WeakMap<NetworkState, { dataId: object; parts: tf.Tensor[] }>();

/** Splits a network's flat vector into one tensor a spec. Gradients pass through. */
export function splitWeights(specs: readonly WeightSpec[], flat: tf.Tensor1D): tf.Tensor[] {
  const sizes = specs.map(({ shape }) => tf.util.sizeFromShape([...shape]));
  const parts = tf.split(flat, sizes);
  return parts.map((part, i) => tf.reshape(part, [...(specs[i] as WeightSpec).shape]));
}

/**
 * A number that changes from step to step. A recorded step gets it as a scalar, because a
 * JavaScript number would become a constant of the graph: see `trainer/tensorflow/graph/graph.ts`.
 */
export type Amount = number | tf.Scalar;

/**
 * Folds Adam's learning rate and bias corrections at an update (from 1) into two factors: `rate`
 * for the first moment, `root` for the second moment's root.
 */
export function computeAdamAmounts(
  { learningRate, beta1, beta2 }: Omit<AdamConfig, 'epsilon'>,
  update: number,
): { rate: number; root: number } {
  return { rate: learningRate / (1 - beta1 ** update), root: 1 / Math.sqrt(1 - beta2 ** update) };
}

/**
 * Does one step of Adam (Kingma and Ba 2015, algorithm 1), in place, with rate and root from
 * {@link computeAdamAmounts}. The gradient, [parameters], is not disposed.
 */
export function applyAdam(
  state: NetworkState,
  gradient: tf.Tensor1D,
  { beta1, beta2, epsilon }: Omit<AdamConfig, 'learningRate'>,
  { rate, root }: { readonly rate: Amount; readonly root: Amount },
): void {
  tf.tidy(() => {
    const { weights, firstMoment, secondMoment } = state;
    if (hasFusedKernels() && typeof rate === 'number' && typeof root === 'number') {
      const [w, m, v] = runFused<[tf.Tensor1D, tf.Tensor1D, tf.Tensor1D]>(
        'adam',
        { weights, m: firstMoment, v: secondMoment, gradient },
        { beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2, rate, root, epsilon },
      );
      firstMoment.assign(m);
      secondMoment.assign(v);
      weights.assign(w);
      return;
    }
    const squares = tf.square(gradient);
    const m: tf.Tensor1D = tf.add(tf.mul(firstMoment, beta1), tf.mul(gradient, 1 - beta1));
    const v: tf.Tensor1D = tf.add(tf.mul(secondMoment, beta2), tf.mul(squares, 1 - beta2));
    const change = tf.div(tf.mul(m, rate), tf.add(tf.mul(tf.sqrt(v), root), epsilon));
    firstMoment.assign(m);
    secondMoment.assign(v);
    weights.assign(tf.sub(weights, change));
  });
}

interface AveragedAdam {
  /** Steps of the whole training. */
  readonly steps: number;
  /** Steps in which the rate grows to its largest value. */
  readonly warmUp: number;
  /** After the warm-up the cosine falls from here to 0. */
  readonly learningRate: number;
  /** The part of the moving average that each step keeps, after the first steps. */
  readonly emaDecay: number;
}

/**
 * Does step `step`, from 0, in place: Adam with a warm-up and a cosine learning rate, and a moving
 * average (EMA) of the weights. Classifiers and encoders learn so. Call it within `tf.tidy`.
 * @param average  [parameters]
 * @returns        The loss before the step.
 */
export function learnStep(
  state: NetworkState,
  average: tf.Variable,
  { steps, warmUp, learningRate, emaDecay }: AveragedAdam,
  step: number,
  computeLoss: () => tf.Scalar,
): tf.Scalar {
  const { value, grads } = tf.variableGrads(computeLoss, [state.weights]);
  const gradient = grads[state.weights.name] as tf.Tensor1D;
  const rate =
    learningRate *
    Math.min(1, (step + 1) / warmUp) *
    (0.5 + 0.5 * Math.cos((Math.PI * step) / steps));
  const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, learningRate: rate };
  applyAdam(state, gradient, adam, computeAdamAmounts(adam, step + 1));
  // Early on the average keeps less, so that it forgets the initial weights.
  const decay = Math.min(emaDecay, (1 + step) / (10 + step));
  average.assign(tf.add(tf.mul(average, decay), tf.mul(state.weights, 1 - decay)));
  return value;
}
