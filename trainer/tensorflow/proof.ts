/**
 * Small computations whose results are known, to tell a backend that works from one that only loads.
 */

const SIZE = 64; // 64 x 64 is beyond the size up to which WebGPU's backend quietly computes on the CPU.
const TOLERANCE = 1e-3;

/**
 * Multiplies two matrices on the current backend, takes a gradient through it and, if asked, a convolution's.
 *
 * @returns  What went wrong; undefined when all is right. Leaves no tensor behind.
 */
export async function proveBackend(convolutions: boolean): Promise<string | undefined> {
  const tf = await import('@tensorflow/tfjs');
  const x = Float32Array.from({ length: SIZE * SIZE }, (_, i) => ((i * 7) % 13) / 13 - 0.5);
  const y = Float32Array.from({ length: SIZE * SIZE }, (_, i) => ((i * 5) % 11) / 11 - 0.5);
  try {
    const product = tf.tidy(() =>
      tf.matMul(tf.tensor2d(x, [SIZE, SIZE]), tf.tensor2d(y, [SIZE, SIZE])),
    );
    // The gradient of sum(x · y) for x holds in each row the sums of y's rows.
    const gradient = tf.tidy(() => {
      const right = tf.tensor2d(y, [SIZE, SIZE]);
      return tf.grad((left) => tf.sum(tf.matMul(left, right)))(tf.tensor2d(x, [SIZE, SIZE]));
    });
    const faults = [
      compare('matMul', await product.data(), multiply(x, y)),
      compare(
        "matMul's gradient",
        await gradient.data(),
        multiply(new Float32Array(SIZE * SIZE).fill(1), transpose(y)),
      ),
    ];
    tf.dispose([product, gradient]);
    if (convolutions) {
      const filter = tf.tidy(() => {
        const image = tf.ones<import('@tensorflow/tfjs').Rank.R4>([1, 8, 8, 1]);
        return tf.grad((weights) => tf.sum(tf.conv2d(image, weights as typeof image, 1, 'valid')))(
          tf.ones([3, 3, 1, 2]),
        );
      });
      faults.push(compare("conv2d's gradient", await filter.data(), new Float32Array(18).fill(36)));
      filter.dispose();
    }
    return faults.find((fault) => fault !== undefined);
  } catch (error) {
    const { message } = error as Error;
    return /'Conv2DBackpropFilter' not registered/.test(message)
      ? 'it cannot train convolutions (it has no Conv2DBackpropFilter)'
      : `it fails: ${message}`;
  }
}

function compare(
  what: string,
  actual: ArrayLike<number>,
  expected: Float32Array,
): string | undefined {
  const wrong = expected.findIndex(
    (value, i) => !(Math.abs(value - (actual[i] ?? Number.NaN)) < TOLERANCE),
  );
  return wrong === -1
    ? undefined
    : `${what} comes out wrong: element ${wrong} should be ${expected[wrong]} and is ${actual[wrong]}`;
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
