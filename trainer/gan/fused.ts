/**
 * Operations in one kernel each, which otherwise are composed of several of TensorFlow.js. Only
 * WebGPU has these kernels, because there a step's time is the number of its kernels.
 */
import * as tf from '@tensorflow/tfjs';

/** Kernels by their names in TensorFlow.js's registry. Their attributes are numbers. */
export const KERNELS = {
  /** x, y; a, b: a x + b y. */
  blend: 'DigitmintBlend',
  /** weights, m, v, gradient; see `applyAdam`: the new weights, m and v. */
  adam: 'DigitmintAdam',
  /** x, bias: an activation of x + bias. */
  biasLeaky: 'DigitmintBiasLeaky',
  biasSigmoid: 'DigitmintBiasSigmoid',
  biasTanh: 'DigitmintBiasTanh',
  /** dy, y: dy times the slope of the activation whose result is y. */
  leakySlope: 'DigitmintLeakySlope',
  sigmoidSlope: 'DigitmintSigmoidSlope',
  tanhSlope: 'DigitmintTanhSlope',
  /** x: the sum over all axes but the last. */
  sumRows: 'DigitmintSumRows',
  /** x: the sum of squares over all axes but the first. */
  squareRows: 'DigitmintSquareRows',
  /** x, dy, a number; factor: factor dy x. */
  scale: 'DigitmintScale',
  /** x; factor: the factor times the sum of x. */
  sumAll: 'DigitmintSumAll',
  /** features, kernel, and as far as there are any bias, projection and labels: a row's logit. */
  logits: 'DigitmintLogits',
  /** dy, kernel, projection and labels: the logits' gradient by the features. */
  logitsGradient: 'DigitmintLogitsGradient',
  /** logits: a {@link Contest}'s loss. */
  contest: 'DigitmintContest',
  /** logits, dy: its gradient. */
  contestGradient: 'DigitmintContestGradient',
  /** x; sizes: copies of x's parts, one after the other. */
  split: 'DigitmintSplit',
  /** Any inputs, by place: one flat copy. */
  join: 'DigitmintJoin',
  /** images, four bytes a number; indices; table, of 256 numbers: the images' numbers. */
  pickImages: 'DigitmintPickImages',
} as const;

type KernelName = keyof typeof KERNELS;
type Inputs = Readonly<Record<string, tf.Tensor>>;

/** Runs a kernel, which has no gradient. `hasFusedKernels` of `networks.ts` says who has them. */
export function runFused<T extends tf.Tensor | tf.Tensor[]>(
  name: KernelName,
  inputs: Inputs,
  attributes: Readonly<Record<string, number | readonly number[]>> = {},
): T {
  return tf.engine().runKernel<T>(KERNELS[name], { ...inputs }, { ...attributes });
}

/** An operation with its gradient. */
interface Operation<T extends tf.Tensor> {
  readonly inputs: Inputs;
  /** Kept for the gradient: it may be computed when its scope is gone. */
  readonly keeps: Inputs;
  readonly compute: () => T;
  /**
   * Gradients of inputs, which are called only where one is asked for. They can be differentiated
   * as far as their operations can.
   * @param kept  `keeps`, and the result as `y`.
   */
  readonly differentiate: (
    dy: T,
    kept: Readonly<Record<string, tf.Tensor>>,
  ) => Record<string, () => tf.Tensor>;
}

function operate<T extends tf.Tensor>(operation: Operation<T>): T {
  const { inputs, keeps, compute, differentiate } = operation;
  // `tf.customGrad` would compute all gradients, even where one is not asked for.
  const engine = tf.engine() as unknown as Differentiator;
  const names = [...Object.keys(keeps), 'y'];
  return engine.runKernelFunc({
    inputs,
    forwardFunc: (_, save) => {
      const y = compute();
      save?.([...Object.values(keeps), y]);
      return y;
    },
    backwardsFunc: (dy, saved) =>
      differentiate(dy, Object.fromEntries(names.map((name, i) => [name, saved[i] as tf.Tensor]))),
  });
}

/** The function that `tf.customGrad` calls; the types of TensorFlow.js omit it. */
interface Differentiator {
  runKernelFunc<T extends tf.Tensor>(kernel: {
    readonly inputs: Inputs;
    readonly forwardFunc: (backend: unknown, save?: (kept: tf.Tensor[]) => void) => T;
    readonly backwardsFunc: (dy: T, saved: tf.Tensor[]) => Record<string, () => tf.Tensor>;
  }): T;
}

/** An activation. A leaky relu has these slopes below 0 and at 0, and 1 above. */
export type FusedActivation =
  | { readonly type: 'leaky'; readonly below: number; readonly atZero: number }
  | { readonly type: 'sigmoid' | 'tanh' };

const ACTIVATION_KERNELS = {
  leaky: ['biasLeaky', 'leakySlope'],
  sigmoid: ['biasSigmoid', 'sigmoidSlope'],
  tanh: ['biasTanh', 'tanhSlope'],
} as const;

/** An activation of x + bias. Only a leaky relu can be differentiated twice. */
export function activate<T extends tf.Tensor>(
  x: T,
  bias: tf.Tensor1D,
  { type, ...attributes }: FusedActivation,
): T {
  const [kernel] = ACTIVATION_KERNELS[type];
  return operate<T>({
    inputs: { x, bias },
    keeps: {},
    compute: () => runFused(kernel, { x, bias }, attributes),
    differentiate(dy, { y }) {
      const dx = multiplySlope(dy, y as tf.Tensor, { type, ...attributes } as FusedActivation);
      return { x: () => dx, bias: () => sumRows(dx) };
    },
  });
}

/** dy times the slope at the activation's result y. The slope is a constant to every gradient. */
function multiplySlope(dy: tf.Tensor, y: tf.Tensor, activation: FusedActivation): tf.Tensor {
  const { type, ...attributes } = activation;
  const [, kernel] = ACTIVATION_KERNELS[type];
  if (type !== 'leaky') {
    return runFused(kernel, { dy, y }, attributes);
  }
  return operate({
    inputs: { dy },
    keeps: { place: y },
    compute: () => runFused(kernel, { dy, y }, attributes),
    differentiate: (ddy, { place }) => ({
      dy: () => multiplySlope(ddy, place as tf.Tensor, activation),
    }),
  });
}

function sumRows(x: tf.Tensor): tf.Tensor {
  return runFused('sumRows', { x });
}

/** A convolution with padding `same`, a bias and a leaky relu. It can be differentiated twice. */
export function convolve(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  bias: tf.Tensor1D,
  stride: number,
  activation: Extract<FusedActivation, { type: 'leaky' }>,
): tf.Tensor4D {
  const geometry = { strides: [stride, stride], pad: 'same', dataFormat: 'NHWC' };
  const attributes = {
    ...geometry,
    dilations: [1, 1],
    activation: 'leakyrelu',
    leakyreluAlpha: activation.below,
  };
  return operate<tf.Tensor4D>({
    inputs: { x, filter, bias },
    keeps: { x, filter },
    compute: () => tf.engine().runKernel('FusedConv2D', { x, filter, bias }, attributes),
    differentiate(dy, kept) {
      const { x: images, filter: weights, y } = kept as Record<string, tf.Tensor4D>;
      const { shape } = images as tf.Tensor4D;
      const filterShape = filter.shape;
      const dz = multiplySlope(dy, y as tf.Tensor, activation) as tf.Tensor4D;
      return {
        x: () => tf.conv2dTranspose(dz, weights as tf.Tensor4D, shape, stride, 'same'),
        filter: () =>
          tf
            .engine()
            .runKernel(
              'Conv2DBackpropFilter',
              { x: images as tf.Tensor4D, dy: dz },
              { ...geometry, filterShape },
            ),
        bias: () => sumRows(dz),
      };
    },
  });
}

/** The weights that turn features, [batch, units], into a logit. */
interface LogitWeights {
  /** [units, 1] */
  readonly kernel: tf.Tensor2D;
  /** [1]; absent in gradients. */
  readonly bias?: tf.Tensor1D;
  /** [units, classes], and one-hot labels [batch, classes]; both or neither. */
  readonly projection?: tf.Tensor2D;
  readonly labels?: tf.Tensor2D;
}

/** The last layer of a discriminator, [batch, 1]. It can be differentiated twice. */
export function computeLogits(features: tf.Tensor2D, weights: LogitWeights): tf.Tensor2D {
  return operate<tf.Tensor2D>({
    inputs: { features, ...pick(weights, ['kernel', 'bias', 'projection']) },
    keeps: { features, ...weights },
    compute: () => runFused('logits', { features, ...weights }),
    differentiate: (dy, kept) => ({
      features: () => spreadLogits(dy, pickWeights(kept)),
      bias: () => sumRows(dy),
      ...differentiateWeights(kept['features'] as tf.Tensor2D, dy, kept),
    }),
  });
}

/** The gradient of {@link computeLogits} by the features, [batch, units]. */
function spreadLogits(dy: tf.Tensor2D, weights: LogitWeights): tf.Tensor2D {
  return operate<tf.Tensor2D>({
    inputs: { dy, ...pick(weights, ['kernel', 'projection']) },
    keeps: { dy, ...weights },
    compute: () => runFused('logitsGradient', { dy, ...weights }),
    differentiate: (ddy, kept) => ({
      dy: () => computeLogits(ddy, pickWeights(kept)),
      ...differentiateWeights(ddy, kept['dy'] as tf.Tensor2D, kept),
    }),
  });
}

/** Without the bias, which has no part in gradients. */
function pickWeights(kept: Inputs): LogitWeights {
  return pick(kept, ['kernel', 'projection', 'labels']) as unknown as LogitWeights;
}

function pick(tensors: object, names: readonly string[]): Inputs {
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => names.includes(name)));
}

/** Gradients by the weights, of a product of features, weights and dy. */
function differentiateWeights(features: tf.Tensor2D, dy: tf.Tensor2D, { labels }: Inputs) {
  return {
    kernel: () => tf.matMul(features, dy, true),
    projection: () => tf.matMul(features, tf.mul(dy, labels as tf.Tensor2D), true),
  };
}

/**
 * A loss of logits, [count, 1]. `fakes`: mean softplus(-x) of generated images, the generator's
 * loss. `apart`: mean softplus(-real) + mean softplus(fake). `pairs`: mean softplus(fake - real).
 * In the last two the real images come first, then as many generated ones.
 */
type Contest = 'fakes' | 'apart' | 'pairs';

/** Numbers, because they are attributes of a kernel. */
export const CONTESTS: Readonly<Record<Contest, number>> = { fakes: 0, apart: 1, pairs: 2 };

/** A contest's loss, a scalar. */
export function computeContest(contest: Contest, logits: tf.Tensor): tf.Scalar {
  const attributes = { contest: CONTESTS[contest] };
  return operate<tf.Scalar>({
    inputs: { logits },
    keeps: { logits },
    compute: () => runFused('contest', { logits }, attributes),
    differentiate: (dy, kept) => ({
      logits: () =>
        runFused('contestGradient', { logits: kept['logits'] as tf.Tensor, dy }, attributes),
    }),
  });
}

/** A factor times the sum of squares, a scalar. */
export function sumSquares(x: tf.Tensor, factor: number): tf.Scalar {
  return operate<tf.Scalar>({
    inputs: { x },
    keeps: { x },
    compute: () => runFused('sumAll', { x: runFused('squareRows', { x }) }, { factor }),
    differentiate: (dy, kept) => ({
      x: () => runFused('scale', { x: kept['x'] as tf.Tensor, dy }, { factor: 2 * factor }),
    }),
  });
}

/** Joins tensors to one, [...shape], in one copy each and without a kernel. */
export function joinCopies<T extends tf.Tensor>(parts: readonly tf.Tensor[], shape: number[]): T {
  return tf.reshape(runFused<T>('join', Object.fromEntries(parts.entries())), shape) as T;
}
