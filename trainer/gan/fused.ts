/**
 * Operations in one kernel each, which otherwise are composed of several of TensorFlow.js. Only
 * WebGPU has these kernels, because there a step's time is the number of its kernels.
 */
import * as tf from '@tensorflow/tfjs';

/** Kernels by their names in TensorFlow.js's registry. Their attributes are numbers. */
export const KERNELS = {
  /** x, y; a, b: a x + b y. */
  blend: 'DigitmintBlend',
  /** x, y; a, b: a x + b y². */
  blendSquare: 'DigitmintBlendSquare',
  /** weights, m, v; rate, root, epsilon: Adam's new weights. */
  descend: 'DigitmintDescend',
  /** x, bias; {@link Slope}: the slope of a leaky relu at x + bias. */
  biasSlope: 'DigitmintBiasSlope',
  /** x, bias; {@link Slope}: the leaky relu of x + bias. */
  biasLeaky: 'DigitmintBiasLeaky',
  /** x: the sum over all axes but the last. */
  sumRows: 'DigitmintSumRows',
} as const;

/** Runs a kernel. `hasFusedKernels` of `networks.ts` says whether the backend has it. */
export function runFused<T extends tf.Tensor>(
  name: keyof typeof KERNELS,
  inputs: Readonly<Record<string, tf.Tensor>>,
  attributes: Readonly<Record<string, number>> = {},
): T {
  return tf.engine().runKernel<T>(KERNELS[name], { ...inputs }, { ...attributes });
}

/** A leaky relu: its slope below 0, and at 0. It is 1 above. */
export interface Slope {
  readonly below: number;
  readonly atZero: number;
}

/**
 * The leaky relu of x + bias. It can be differentiated twice: its slope is a constant to every
 * gradient.
 */
export function biasLeaky<T extends tf.Tensor>(x: T, bias: tf.Tensor1D, slope: Slope): T {
  const attributes = { ...slope };
  if (!tf.engine().isTapeOn()) {
    return runFused('biasLeaky', { x, bias }, attributes);
  }
  const engine = tf.engine() as unknown as Differentiator;
  return engine.runKernelFunc({
    inputs: { x, bias },
    forwardFunc: (_, save) => {
      save?.([runFused('biasSlope', { x, bias }, attributes)]);
      return runFused<T>('biasLeaky', { x, bias }, attributes);
    },
    // `tf.customGrad` would compute both gradients, even where one is not asked for.
    backwardsFunc: (dy, [slopes]) => {
      let dx: tf.Tensor | undefined;
      const differentiate = () => (dx ??= tf.mul(dy, slopes as tf.Tensor));
      return { x: differentiate, bias: () => sumRows(differentiate()) };
    },
  });
}

/** What `tf.customGrad` calls; the types of TensorFlow.js leave it out. */
interface Differentiator {
  runKernelFunc<T extends tf.Tensor>(kernel: {
    readonly inputs: Readonly<Record<string, tf.Tensor>>;
    readonly forwardFunc: (backend: unknown, save?: (kept: tf.Tensor[]) => void) => T;
    readonly backwardsFunc: (dy: T, saved: tf.Tensor[]) => Record<string, () => tf.Tensor>;
  }): T;
}

/** The sum over all axes but the last, with its gradient. */
const sumRows = tf.customGrad((...args) => {
  const [x] = args as [tf.Tensor];
  const { shape } = x;
  return {
    value: runFused('sumRows', { x }),
    gradFunc: (dy: tf.Tensor) => tf.broadcastTo(dy, shape),
  };
}) as (x: tf.Tensor) => tf.Tensor;
