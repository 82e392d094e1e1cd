/**
 * A program that runs each WebGPU kernel of our own on odd shapes, beside plain loops in float64,
 * and prints the differences as JSON on the last line.
 *
 *     node test/support/gpu/run-kernels.ts
 */
import * as tf from '@tensorflow/tfjs';
import { CONTESTS, runFused, type KERNELS } from '../../../trainer/gan/fused.ts';
import { selectBackend } from '../../../trainer/tensorflow/backend.ts';

/** The printed result of one case. */
export interface KernelRun {
  /** The kernel and the shapes of its inputs. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly expectedShape: readonly number[];
  /** The largest one, relative to numbers above 1. Null: a result was not a number. */
  readonly difference: number | null;
}

type Shape = readonly number[];
type Numbers = ArrayLike<number>;

/** More workgroups than a dimension may have, of 64 threads. */
const MANY = 65_536;

let seed = 1;
/** Numbers from -2 to 2, some of which are 0. */
const fill = (shape: Shape): Float32Array =>
  Float32Array.from({ length: count(shape) }, () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed % 13 === 0 ? 0 : (seed % 4001) / 1000 - 2;
  });
const count = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);
const times = <T>(length: number, map: (i: number) => T): T[] =>
  Array.from({ length }, (_, i) => map(i));
const sum = (length: number, term: (i: number) => number): number => {
  let total = 0;
  for (let i = 0; i < length; i++) {
    total += term(i);
  }
  return total;
};

const runs: KernelRun[] = [];

/** Runs a kernel on random inputs of these shapes, and compares each of its results. */
async function compare(
  kernel: keyof typeof KERNELS,
  shapes: Readonly<Record<string, Shape | tf.Tensor>>,
  attributes: Readonly<Record<string, number | Shape>>,
  expect: (values: Record<string, Numbers>) => { shape: Shape; values: Numbers }[],
): Promise<void> {
  const values: Record<string, Numbers> = {};
  const inputs: Record<string, tf.Tensor> = {};
  for (const [name, given] of Object.entries(shapes)) {
    inputs[name] = given instanceof tf.Tensor ? given : tf.tensor(fill(given), [...given]);
    values[name] = await inputs[name].data();
  }
  const results = [runFused<tf.Tensor | tf.Tensor[]>(kernel, inputs, attributes)].flat();
  const expected = expect(values);
  for (const [i, wanted] of expected.entries()) {
    const result = results[i] as tf.Tensor;
    const actual = await result.data();
    let difference = 0;
    for (let k = 0; k < wanted.values.length; k++) {
      const value = wanted.values[k] as number;
      const each = Math.abs((actual[k] ?? NaN) - value) / Math.max(1, Math.abs(value));
      difference = each <= difference ? difference : each;
    }
    runs.push({
      name: `${kernel}: ${Object.values(inputs)
        .map((input) => `[${input.shape.join(', ')}]`)
        .join(' ')}`,
      shape: result.shape,
      expectedShape: wanted.shape,
      difference: Number.isNaN(difference) ? null : difference,
    });
  }
  tf.dispose([inputs, results]);
}

async function compareElementwise(): Promise<void> {
  for (const n of [0, 1, 63, 64, 65, MANY * 64 + 1]) {
    await compare('blend', { x: [n], y: [n] }, { a: 0.75, b: -2 }, ({ x = [], y = [] }) => [
      { shape: [n], values: Float64Array.from({ length: n }, (_, i) => 0.75 * x[i]! - 2 * y[i]!) },
    ]);
  }
  for (const shape of [
    [0, 3],
    [1, 1],
    [13, 5],
    [3, 2, 2, 33],
  ]) {
    const columns = shape.at(-1) as number;
    const activations = {
      biasLeaky: (t: number) => (t > 0 ? t : 0.2 * t),
      biasSigmoid: (t: number) => 1 / (1 + Math.exp(-t)),
      biasTanh: Math.tanh,
    };
    for (const [name, apply] of Object.entries(activations)) {
      const slopes = { below: 0.2, atZero: 0.6 };
      const attributes = name === 'biasLeaky' ? slopes : {};
      await compare(
        name as 'biasLeaky',
        { x: shape, bias: [columns] },
        attributes,
        ({ x = [], bias = [] }) => [
          { shape, values: times(count(shape), (i) => apply(x[i]! + bias[i % columns]!)) },
        ],
      );
    }
    const slopes = {
      leakySlope: (y: number) => (y > 0 ? 1 : y === 0 ? 0.6 : 0.2),
      sigmoidSlope: (y: number) => y * (1 - y),
      tanhSlope: (y: number) => 1 - y * y,
    };
    for (const [name, slope] of Object.entries(slopes)) {
      const attributes = name === 'leakySlope' ? { below: 0.2, atZero: 0.6 } : {};
      await compare(
        name as 'leakySlope',
        { dy: shape, y: shape },
        attributes,
        ({ dy = [], y = [] }) => [
          { shape, values: times(count(shape), (i) => dy[i]! * slope(y[i]!)) },
        ],
      );
    }
    await compare('scale', { x: shape, dy: [] }, { factor: 3 }, ({ x = [], dy = [] }) => [
      { shape, values: times(count(shape), (i) => 3 * dy[0]! * x[i]!) },
    ]);
  }
}

async function compareAdam(): Promise<void> {
  const adam = {
    beta1: 0.9,
    rest1: 0.1,
    beta2: 0.99,
    rest2: 0.01,
    rate: 0.5,
    root: 2,
    epsilon: 1e-3,
  };
  for (const n of [1, 65, Math.ceil((MANY * 64) / 3) + 1]) {
    const v = tf.tensor1d(fill([n]).map(Math.abs));
    const shapes = { weights: [n], m: [n], v, gradient: [n] };
    await compare(
      'adam',
      shapes,
      adam,
      ({ weights = [], m = [], v: second = [], gradient = [] }) => {
        const nextM = Float64Array.from({ length: n }, (_, i) => 0.9 * m[i]! + 0.1 * gradient[i]!);
        const nextV = Float64Array.from(
          { length: n },
          (_, i) => 0.99 * second[i]! + 0.01 * gradient[i]! ** 2,
        );
        const next = nextM.map(
          (each, i) => weights[i]! - (0.5 * each) / (2 * Math.sqrt(nextV[i]!) + 1e-3),
        );
        return [next, nextM, nextV].map((values) => ({ shape: [n], values }));
      },
    );
  }
}

async function compareSums(): Promise<void> {
  for (const shape of [
    [0, 3],
    [1, 1],
    [65, 3],
    [5, 7, 2, 9],
    [2, MANY + 1],
  ]) {
    const columns = shape.at(-1) as number;
    const rows = count(shape.slice(0, -1));
    await compare('sumRows', { x: shape }, {}, ({ x = [] }) => [
      { shape: [columns], values: times(columns, (c) => sum(rows, (r) => x[r * columns + c]!)) },
    ]);
  }
  for (const shape of [
    [1, 1],
    [3, 65],
    [4, 3, 3, 7],
  ]) {
    const size = count(shape.slice(1));
    await compare('squareRows', { x: shape }, {}, ({ x = [] }) => [
      {
        shape: [shape[0]!],
        values: times(shape[0]!, (r) => sum(size, (i) => x[r * size + i]! ** 2)),
      },
    ]);
  }
  for (const n of [0, 1, 65, 1000]) {
    await compare('sumAll', { x: [n] }, { factor: 0.25 }, ({ x = [] }) => [
      { shape: [], values: [0.25 * sum(n, (i) => x[i]!)] },
    ]);
  }
}

async function compareLogits(): Promise<void> {
  for (const [rows, units, classes, hasBias] of [
    [0, 3, 0, true],
    [1, 1, 0, false],
    [65, 130, 0, true],
    [3, 63, 10, true],
    [66, 5, 3, false],
  ] as const) {
    const gradientWeights = {
      kernel: [units, 1],
      ...(classes > 0 && { projection: [units, classes], labels: [rows, classes] }),
    };
    const weights = { ...gradientWeights, ...(hasBias && { bias: [1] }) };
    const weigh = (
      { kernel = [], projection = [], labels = [] }: Record<string, Numbers>,
      row: number,
      u: number,
    ) =>
      kernel[u]! + sum(classes, (c) => projection[u * classes + c]! * labels[row * classes + c]!);
    await compare('logits', { features: [rows, units], ...weights }, {}, (values) => {
      const { features = [], bias = [0] } = values;
      const compute = (row: number): number =>
        bias[0]! + sum(units, (u) => features[row * units + u]! * weigh(values, row, u));
      return [{ shape: [rows, 1], values: times(rows, compute) }];
    });
    await compare('logitsGradient', { dy: [rows, 1], ...gradientWeights }, {}, (values) => {
      const { dy = [] } = values;
      const all = times(rows * units, (i) => {
        const row = Math.floor(i / units);
        return dy[row]! * weigh(values, row, i % units);
      });
      return [{ shape: [rows, units], values: all }];
    });
  }
}

const softplus = (z: number): number => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));

async function compareContests(): Promise<void> {
  for (const [name, contest] of Object.entries(CONTESTS)) {
    for (const half of [1, 33, 65]) {
      const n = name === 'fakes' ? half : 2 * half;
      // Large logits must not overflow.
      const logits = tf.tensor2d(
        fill([n]).map((value, i) => (i % 7 === 0 ? 100 * value : value)),
        [n, 1],
      );
      const terms = {
        fakes: (x: Numbers, i: number) => softplus(-x[i]!),
        apart: (x: Numbers, i: number) => softplus(-x[i]!) + softplus(x[i + half]!),
        pairs: (x: Numbers, i: number) => softplus(x[i + half]! - x[i]!),
      }[name as keyof typeof CONTESTS];
      const slopes = {
        fakes: (x: Numbers, i: number) => -sigmoid(-x[i]!),
        apart: (x: Numbers, i: number) => (i < half ? -sigmoid(-x[i]!) : sigmoid(x[i]!)),
        pairs: (x: Numbers, i: number) =>
          i < half ? -sigmoid(x[i + half]! - x[i]!) : sigmoid(x[i]! - x[i - half]!),
      }[name as keyof typeof CONTESTS];
      await compare('contest', { logits: tf.clone(logits) }, { contest }, ({ logits: x = [] }) => [
        { shape: [], values: [sum(half, (i) => terms(x, i)) / half] },
      ]);
      await compare(
        'contestGradient',
        { logits, dy: [] },
        { contest },
        ({ logits: x = [], dy = [] }) => [
          { shape: [n, 1], values: times(n, (i) => (dy[0]! * slopes(x, i)) / half) },
        ],
      );
    }
  }
}

async function compareCopies(): Promise<void> {
  const sizes = [1, 63, 2, 65];
  await compare('split', { x: [131] }, { sizes }, ({ x = [] }) =>
    sizes.map((size, i) => {
      const start = sum(i, (k) => sizes[k]!);
      return { shape: [size], values: times(size, (k) => x[start + k]!) };
    }),
  );
  await compare('join', { 0: [3], 1: [2, 5], 2: [1] }, {}, (values) => [
    {
      shape: [14],
      values: Object.values(values).flatMap((each) => [...times(each.length, (i) => each[i]!)]),
    },
  ]);
  for (const shape of [
    [1, 1, 1],
    [3, 3, 1],
    [5, 7, 3],
  ]) {
    const [images, size] = [6, count(shape)];
    const bytes = Uint8Array.from({ length: images * size }, (_, i) => (i * 37) % 256);
    const words = new Int32Array(Math.ceil(bytes.length / 4));
    new Uint8Array(words.buffer).set(bytes);
    const places = [5, 0, 0, 3];
    const given = {
      images: tf.tensor1d(words),
      indices: tf.tensor1d(places, 'int32'),
      table: [256],
    };
    await compare('pickImages', given, { shape }, ({ table = [] }) => [
      {
        shape: [places.length, ...shape],
        values: places.flatMap((place) => times(size, (i) => table[bytes[place * size + i]!]!)),
      },
    ]);
  }
}

async function compareFilterGradients(): Promise<void> {
  for (const [batch, height, width, channels, filters, side, stride] of [
    [0, 3, 3, 2, 1, 3, 1],
    [1, 1, 1, 1, 1, 1, 1],
    [3, 5, 7, 2, 3, 3, 2],
    [2, 9, 8, 33, 35, 4, 1],
    [40, 6, 6, 1, 2, 4, 2],
  ] as const) {
    const x = fill([batch, height, width, channels]);
    const [down, right] = [height, width].map((size) => Math.ceil(size / stride)) as [
      number,
      number,
    ];
    const dy = fill([batch, down, right, filters]);
    const filterShape = [side, side, channels, filters];
    const pad = (size: number, out: number) =>
      Math.floor(Math.max(0, (out - 1) * stride + side - size) / 2);
    const [top, left] = [pad(height, down), pad(width, right)];
    const expected = new Float64Array(count(filterShape));
    for (let i = 0; i < expected.length; i++) {
      const f = i % filters;
      const c = Math.floor(i / filters) % channels;
      const fx = Math.floor(i / filters / channels) % side;
      const fy = Math.floor(i / filters / channels / side);
      for (let at = 0; at < batch * down * right; at++) {
        const [b, oy, ox] = [
          Math.floor(at / right / down),
          Math.floor(at / right) % down,
          at % right,
        ];
        const [iy, ix] = [oy * stride + fy - top, ox * stride + fx - left];
        if (iy >= 0 && iy < height && ix >= 0 && ix < width) {
          expected[i]! +=
            x[((b * height + iy) * width + ix) * channels + c]! * dy[at * filters + f]!;
        }
      }
    }
    const inputs = {
      x: tf.tensor4d(x, [batch, height, width, channels]),
      dy: tf.tensor4d(dy, [batch, down, right, filters]),
    };
    const attributes = { strides: [stride, stride], pad: 'same', dataFormat: 'NHWC', filterShape };
    const result = tf.engine().runKernel<tf.Tensor>('Conv2DBackpropFilter', inputs, attributes);
    const actual = await result.data();
    const differences = actual.map(
      (value, i) => Math.abs(value - expected[i]!) / Math.max(1, Math.abs(expected[i]!)),
    );
    runs.push({
      name: `filter gradient: [${inputs.x.shape.join(', ')}] by ${filterShape.join(' x ')}, stride ${stride}`,
      shape: result.shape,
      expectedShape: filterShape,
      difference: Math.max(...differences),
    });
    tf.dispose([inputs, result]);
  }
}

if (process.argv[1] === import.meta.filename) {
  const backend = await selectBackend('webgpu');
  for (const each of [
    compareElementwise,
    compareAdam,
    compareSums,
    compareLogits,
    compareContests,
    compareCopies,
    compareFilterGradients,
  ]) {
    await each();
  }
  const fault = backend.takeFault?.();
  console.log(JSON.stringify({ runs, fault: fault?.message ?? null }));
  await backend.release();
}
