/**
 * A generator's forward pass on TensorFlow.js, for training: differentiable on every backend, twice where a loss needs it. What is
 * trained here is drawn with by the engine of `shared/engine/`.
 */
import * as tf from '@tensorflow/tfjs';
import {
  LEAKY_SLOPE,
  type Activation,
  type GeneratorPlan,
  type LayerConfig,
} from '../../shared/model/generator.ts';
import { joinInput } from '../../shared/model/random.ts';

/**
 * {@link joinInput} as a tensor.
 * @returns  [count, inputSize]. The caller disposes it.
 */
export function buildInput(
  plan: GeneratorPlan,
  latents: Float32Array,
  labels: Uint8Array | null,
): tf.Tensor2D {
  return tf.tensor2d(joinInput(plan, latents, labels), [
    latents.length / plan.config.latentSize,
    plan.inputSize,
  ]);
}

/**
 * Runs a generator.
 *
 * @param plan     From {@link planGenerator}.
 * @param weights  In the order and shapes of `plan.weights`. Owned by the caller, not disposed.
 * @param input    [batch, inputSize]: see {@link buildInput}. Not disposed.
 * @returns        [batch, height, width, channels] in the range that the network was trained to. The caller disposes it.
 */
export function runGenerator(
  plan: GeneratorPlan,
  weights: readonly tf.Tensor[],
  input: tf.Tensor2D,
): tf.Tensor4D {
  return tf.tidy(() => {
    let x: tf.Tensor = input;
    let next = 0;
    for (const layer of plan.config.layers) {
      const taken = layer.type === 'dense' || layer.type === 'conv2d' ? 2 : 0;
      x = applyLayer(layer, x, weights.slice(next, next + taken));
      next += taken;
    }
    return x as tf.Tensor4D;
  });
}

function applyLayer(layer: LayerConfig, x: tf.Tensor, weights: readonly tf.Tensor[]): tf.Tensor {
  switch (layer.type) {
    case 'dense': {
      const [kernel, bias] = weights as [tf.Tensor2D, tf.Tensor1D];
      const y = tf.fused.matMul({
        a: x as tf.Tensor2D,
        b: kernel,
        bias,
        ...fuse(layer.activation),
      }); // [batch, units]
      return finish(layer.activation, y);
    }
    case 'conv2d': {
      const [filter, bias] = weights as [tf.Tensor4D, tf.Tensor1D];
      const y = tf.fused.conv2d({
        x: x as tf.Tensor4D,
        filter,
        strides: 1,
        pad: 'same',
        bias,
        ...fuse(layer.activation),
      });
      return finish(layer.activation, y); // [batch, height, width, filters]
    }
    case 'depthToSpace': {
      return depthToSpace(x as tf.Tensor4D, layer.blockSize); // [batch, block * height, block * width, channels]
    }
    case 'reshape': {
      return tf.reshape(x, [-1, ...layer.shape]); // [batch, height, width, channels]
    }
  }
}

/** How a fused kernel is told an activation: all but tanh, which the wasm kernels cannot fuse. */
function fuse(activation: Activation): {
  activation: 'linear' | 'relu' | 'sigmoid' | 'leakyrelu';
  leakyreluAlpha: number;
} {
  const names = {
    linear: 'linear',
    relu: 'relu',
    leakyRelu: 'leakyrelu',
    sigmoid: 'sigmoid',
    tanh: 'linear',
  } as const;
  return { activation: names[activation], leakyreluAlpha: LEAKY_SLOPE };
}

/** What is left of an activation after {@link fuse}. */
function finish(activation: Activation, y: tf.Tensor): tf.Tensor {
  return activation === 'tanh' ? tf.tanh(y) : y;
}

/** `tf.depthToSpace` with the gradient that it lacks: the inverse, by a transposition. */
function depthToSpace(input: tf.Tensor4D, block: number): tf.Tensor4D {
  const operation = tf.customGrad((x) => {
    const [batch, height, width, channels] = (x as tf.Tensor4D).shape;
    const depth = channels / (block * block);
    return {
      value: tf.depthToSpace(x as tf.Tensor4D, block),
      gradFunc: (dy: tf.Tensor) => {
        const blocks = tf.reshape(dy, [batch, height, block, width, block, depth]);
        return tf.reshape(tf.transpose(blocks, [0, 1, 3, 2, 4, 5]), [
          batch,
          height,
          width,
          channels,
        ]);
      },
    };
  });
  return operation(input) as tf.Tensor4D;
}
