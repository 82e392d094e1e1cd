/**
 * A program that tests start. It selects a backend and prints one line of JSON: the selection, a
 * hash over all bits of a small GAN-like computation, and facts about its own process.
 *
 *     node fingerprint.ts BACKEND [OPTIONS_AS_JSON]
 */
import { createHash } from 'node:crypto';
import * as tf from '@tensorflow/tfjs';
import { ExpectedError } from '../../../shared/expected-error.ts';
import {
  selectBackend,
  type BackendName,
  type SelectOptions,
} from '../../../trainer/tensorflow/backend.ts';

const [requested = 'auto', options = '{}'] = process.argv.slice(2);
try {
  const selectOptions = JSON.parse(options) as SelectOptions;
  const backend = await selectBackend(requested as BackendName, selectOptions);
  const tensorsBefore = tf.memory().numTensors;
  const hash = createHash('sha256');
  const results = tf.tidy(() => [
    ...computeDense(),
    ...(selectOptions.convolutions ? computeConvolutions() : []),
  ]);
  const values: number[] = [];
  for (const tensor of results) {
    const data = await tensor.data();
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    values.push(data[0] ?? Number.NaN);
  }
  tf.dispose(results);
  const leaked = tf.memory().numTensors - tensorsBefore;
  const { name, tfBackend, description, threads, considered } = backend;
  const current = tf.getBackend();
  await backend.release();
  console.log(
    JSON.stringify({
      name,
      tfBackend,
      description,
      threads,
      considered,
      current,
      hash: hash.digest('hex'),
      values,
      leaked,
    }),
  );
} catch (error) {
  if (!(error instanceof ExpectedError)) {
    throw error;
  }
  console.log(JSON.stringify({ refusal: error.message }));
}

/** Two dense layers, forward and backward. */
function computeDense(): tf.Tensor[] {
  const x = fill([256, 784], 1);
  const gradients = tf.grads((a, b) =>
    tf.mean(tf.tanh(tf.matMul(tf.leakyRelu(tf.matMul(x, a as tf.Tensor2D)), b as tf.Tensor2D))),
  )([fill([784, 128], 2), fill([128, 784], 3)]);
  return [...gradients, tf.sum(x)];
}

/** Two strided convolutions, forward and backward. */
function computeConvolutions(): tf.Tensor[] {
  const x = fill([16, 28, 28, 1], 4) as tf.Tensor4D;
  return tf.grads((a, b) => {
    const hidden = tf.leakyRelu(tf.conv2d(x, a as tf.Tensor4D, 2, 'same'));
    return tf.mean(tf.square(tf.conv2d(hidden, b as tf.Tensor4D, 2, 'same')));
  })([fill([4, 4, 1, 16], 5), fill([4, 4, 16, 32], 6)]);
}

/** Pseudorandom numbers in [-1, 1), the same everywhere. */
function fill(shape: number[], seed: number): tf.Tensor {
  let state = seed;
  const size = shape.reduce((product, side) => product * side, 1);
  const values = Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
  return tf.tensor(values, shape);
}
