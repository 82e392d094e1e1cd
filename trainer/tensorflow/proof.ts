/**
 * Small computations with known results, which tell a backend that works from one that only loads.
 */

const SIZE = 64; // Up to a smaller size WebGPU's backend quietly computes on the CPU.
const TOLERANCE = 1e-3;

/**
 * Multiplies two matrices on the current backend, takes a gradient through that and, if asked, one of a convolution.
 *
 * @returns  What went wrong; undefined when all is right. Leaves no tensor behind.
 */
export async function proveBackend(convolutions: boolean): Promise<string | undefined> {
  const tf = await import('@tensorflow/tfjs');
  const x = Float32Array.from({ length: SIZE * SIZE }, (_, i) => ((i * 7) % 13) / 13 - 0.5);
  const y = Float32Array.from({ length: SIZE * SIZE }, (_, i) => ((i * 5) % 11) / 11 - 0.5);
  const upload = (values: Float32Array) => tf.tensor2d(values, [SIZE, SIZE]);
  const cases: [name: string, compute: () => import('@tensorflow/tfjs').Tensor, Float32Array][] = [
    ['matMul', () => tf.matMul(upload(x), upload(y)), multiply(x, y)],
    [
      "matMul's gradient",
      () => {
        const right = upload(y);
        return tf.grad((left) => tf.sum(tf.matMul(left, right)))(upload(x));
      },
      // Each row of the gradient of sum(x · y) by x holds the sums of y's rows.
      multiply(new Float32Array(SIZE * SIZE).fill(1), transpose(y)),
    ],
    [
      "conv2d's gradient",
      () => {
        const image = tf.ones<import('@tensorflow/tfjs').Rank.R4>([1, 8, 8, 1]);
        return tf.grad((weights) => tf.sum(tf.conv2d(image, weights as typeof image, 1, 'valid')))(
          tf.ones([3, 3, 1, 2]),
        );
      },
      new Float32Array(18).fill(36),
    ],
  ];
  try {
    for (const [name, compute, expected] of convolutions ? cases : cases.slice(0, 2)) {
      const result = tf.tidy(compute);
      const actual = await result.data();
      result.dispose();
      const i = expected.findIndex(
        (value, at) => !(Math.abs(value - (actual[at] ?? NaN)) < TOLERANCE),
      );
      if (i !== -1) {
        return `${name} comes out wrong: element ${i} should be ${expected[i]} and is ${actual[i]}`;
      }
    }
    return undefined;
  } catch (error) {
    const { message } = error as Error;
    return /'Conv2DBackpropFilter' not registered/.test(message)
      ? 'it cannot train convolutions (it has no Conv2DBackpropFilter)'
      : `it fails: ${message}`;
  }
}

function multiply(x: Float32Array, y: Float32Array): Float32Array {
  return Float32Array.from({ length: SIZE * SIZE }, (_, i) => {
    const row = i - (i % SIZE);
    let sum = 0;
    for (let k = 0; k < SIZE; k++) {
      sum += (x[row + k] ?? 0) * (y[k * SIZE + (i % SIZE)] ?? 0);
    }
    return sum;
  });
}

function transpose(x: Float32Array): Float32Array {
  return x.map((_, i) => x[(i % SIZE) * SIZE + Math.floor(i / SIZE)] ?? 0);
}
