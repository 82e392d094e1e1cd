/**
 * Compares the engine with TensorFlow.js's float32 kernels, and tests its exactness and its limits.
 */
import { createHash } from 'node:crypto';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { createEngine, ENGINE_BATCH } from '../../../shared/model/engine/engine.ts';
import {
  planGenerator,
  sizeOf,
  type Activation,
  type GeneratorPlan,
  type LayerConfig,
} from '../../../shared/model/generator.ts';
import { deriveKey, drawWords } from '../../../shared/model/random.ts';
import { encodePixels } from '../../../shared/picture/pixels.ts';
import { runGenerator } from '../../../trainer/gan/networks.ts';
import { instantiateKernels } from '../../../trainer/node-kernels.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Draws numbers distributed as in trained networks: sums of a few uniform numbers. */
function drawNumbers(count: number, size: number, seed: number): Float32Array {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  return Float32Array.from({ length: count }, () => (next() + next() + next()) * 2 * size);
}

function drawWeights(plan: GeneratorPlan, seed: number): Float32Array[] {
  return plan.weights.map(({ shape }, i) => {
    const inputs = sizeOf(shape.slice(0, -1));
    return drawNumbers(sizeOf(shape), shape.length === 1 ? 0.1 : 1 / Math.sqrt(inputs), seed + i);
  });
}

function computeExpected(
  plan: GeneratorPlan,
  weights: readonly Float32Array[],
  inputs: Float32Array,
): Float32Array {
  return tf.tidy(() => {
    const tensors = weights.map((values, i) =>
      tf.tensor(values, [...(plan.weights[i]?.shape ?? [])]),
    );
    return runGenerator(
      plan,
      tensors,
      tf.tensor2d(inputs, [inputs.length / plan.inputSize, plan.inputSize]),
    ).dataSync<'float32'>();
  });
}

/** The root mean square of the differences, relative to that of the numbers. */
function compare(got: Float32Array, expected: Float32Array): number {
  expect(got.length).toBe(expected.length);
  let error = 0;
  let size = 0;
  got.forEach((value, i) => {
    error += (value - (expected[i] as number)) ** 2;
    size += (expected[i] as number) ** 2;
  });
  return size === 0 ? Math.sqrt(error) : Math.sqrt(error / size);
}

function run(layers: LayerConfig[], latentSize: number, count = 3, seed = 1) {
  const plan = planGenerator({ latentSize, classes: 0, layers });
  const weights = drawWeights(plan, seed);
  const inputs = drawNumbers(count * latentSize, 1, seed + 99);
  return {
    got: createEngine(instantiateKernels(), plan, weights).run(inputs),
    expected: computeExpected(plan, weights, inputs),
  };
}

const ACTIVATIONS: readonly Activation[] = ['linear', 'relu', 'leakyRelu', 'sigmoid', 'tanh'];

describe('the engine computes the same as TensorFlow.js', () => {
  it.each(ACTIVATIONS)('with %s, dense and convolutional', (activation) => {
    const { got, expected } = run(
      [
        { type: 'dense', units: 33, activation },
        { type: 'dense', units: 7 * 5 * 8, activation },
        { type: 'reshape', shape: [7, 5, 8] },
        { type: 'conv2d', filters: 12, kernelSize: 3, activation },
        { type: 'conv2d', filters: 1, kernelSize: 1, activation },
      ],
      17,
    );
    expect(compare(got, expected)).toBeLessThan(2e-3);
  });

  it('for any layers that fit together, with the bits that they always had', () => {
    const bits = createHash('sha256');
    const activation = fc.constantFrom(...ACTIVATIONS);
    const convolution = fc.record({
      type: fc.constant('conv2d' as const),
      filters: fc.integer({ min: 1, max: 37 }),
      kernelSize: fc.constantFrom(1, 3, 5),
      activation,
    });
    fc.assert(
      fc.property(
        fc.record({
          latentSize: fc.integer({ min: 1, max: 20 }),
          height: fc.integer({ min: 1, max: 5 }),
          width: fc.integer({ min: 1, max: 5 }),
          depth: fc.integer({ min: 1, max: 11 }),
          hidden: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 2 }),
          convolutions: fc.array(convolution, { maxLength: 3 }),
          block: fc.constantFrom(0, 2, 3, 4),
          channels: fc.constantFrom(1, 3),
          count: fc.integer({ min: 1, max: ENGINE_BATCH }),
          activation,
          seed: fc.nat(1e6),
        }),
        ({
          latentSize,
          height,
          width,
          depth,
          hidden,
          convolutions,
          block,
          channels,
          count,
          activation: last,
          seed,
        }) => {
          const factor = block === 0 ? 1 : block;
          const { got, expected } = run(
            [
              ...hidden.map((units): LayerConfig => ({
                type: 'dense',
                units,
                activation: 'leakyRelu',
              })),
              { type: 'dense', units: height * width * depth, activation: 'linear' },
              { type: 'reshape', shape: [height, width, depth] },
              ...(convolutions as LayerConfig[]),
              {
                type: 'conv2d',
                filters: factor * factor * channels * 2,
                kernelSize: 3,
                activation: 'tanh',
              },
              ...(block === 0 ? [] : [{ type: 'depthToSpace', blockSize: block } as LayerConfig]),
              { type: 'conv2d', filters: channels, kernelSize: 1, activation: last },
            ],
            latentSize,
            count,
            seed,
          );
          bits.update(got);
          // A number near 0 can have a large relative error, so an error up to a part of the
          // largest number is allowed.
          const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          got.forEach((value, i) =>
            expect(Math.abs(value - (expected[i] as number))).toBeLessThan(
              0.02 * Math.max(largest, 0.05),
            ),
          );
        },
      ),
      { numRuns: 60, seed: 1 },
    );
    // A faster kernel must keep this digest, as it must keep every pinned URL's bytes.
    expect(bits.digest('hex')).toBe(
      'd56d455c8c6a4c2de82dcbc2ab217d596b0919ef6065faf11bce952eb7ed4cdb',
    );
  });
});

describe('a sample', () => {
  const plan = planGenerator({
    latentSize: 9,
    classes: 0,
    layers: [
      { type: 'dense', units: 36, activation: 'leakyRelu' },
      { type: 'dense', units: 48, activation: 'leakyRelu' },
      { type: 'reshape', shape: [4, 4, 3] },
      { type: 'conv2d', filters: 4, kernelSize: 3, activation: 'tanh' },
      { type: 'depthToSpace', blockSize: 2 },
    ],
  });
  const engine = createEngine(instantiateKernels(), plan, drawWeights(plan, 5));
  const inputs = drawNumbers(ENGINE_BATCH * 9, 1, 3);

  it('has the same bits at any place of any batch, whatever was computed before', () => {
    const size = sizeOf(plan.outputShape);
    const all = engine.run(inputs);
    engine.run(drawNumbers(ENGINE_BATCH * 9, 1000, 8));
    for (let i = 0; i < ENGINE_BATCH; i++) {
      const alone = engine.run(inputs.subarray(i * 9, (i + 1) * 9));
      expect(alone).toEqual(all.subarray(i * size, (i + 1) * size));
      expect(engine.run(inputs.subarray(0, (i + 1) * 9)).subarray(i * size)).toEqual(alone);
    }
  });

  it('has the same bits from an instance that served another generator before', () => {
    const kernels = instantiateKernels();
    const other = planGenerator({
      latentSize: 30,
      classes: 0,
      layers: [
        { type: 'dense', units: 600, activation: 'linear' },
        { type: 'reshape', shape: [10, 20, 3] },
      ],
    });
    createEngine(kernels, other, drawWeights(other, 7)).run(drawNumbers(ENGINE_BATCH * 30, 9, 4));
    expect(createEngine(kernels, plan, drawWeights(plan, 5)).run(inputs)).toEqual(
      engine.run(inputs),
    );
  });

  it('of zeros depends on the biases alone', () => {
    const zeros = new Float32Array(9);
    expect(
      compare(engine.run(zeros), computeExpected(plan, drawWeights(plan, 5), zeros)),
    ).toBeLessThan(2e-3);
  });
});

describe('extreme numbers', () => {
  const dense = (units: number, activation: Activation = 'linear'): LayerConfig[] => [
    { type: 'dense', units, activation },
    { type: 'reshape', shape: [1, units, 1] },
  ];

  it('do not overflow 32 bits: the largest inputs on the largest weights', () => {
    for (const latentSize of [1, 2, 63, 360, 4095]) {
      for (const sign of [1, -1]) {
        const plan = planGenerator({ latentSize, classes: 0, layers: dense(5) });
        const weights = [new Float32Array(latentSize * 5).fill(sign * 0.37), new Float32Array(5)];
        const [value] = createEngine(instantiateKernels(), plan, weights).run(
          new Float32Array(latentSize).fill(2.5),
        );
        // More inputs leave fewer levels per weight. Here all weights round in one direction.
        expect((value as number) / (sign * 0.37 * 2.5 * latentSize)).toBeCloseTo(1, 1);
      }
    }
  });

  it('of 0 give 0, and very different scales in one layer keep their precision', () => {
    const plan = planGenerator({ latentSize: 2, classes: 0, layers: dense(3) });
    const weights = [Float32Array.of(0, 1e-20, 1e10, 0, -3e-20, 2e10), new Float32Array(3)];
    const [none, small, large] = createEngine(instantiateKernels(), plan, weights).run(
      Float32Array.of(1, -1),
    );
    expect(none).toBe(0);
    expect((small as number) / 4e-20).toBeCloseTo(1, 3);
    expect((large as number) / -1e10).toBeCloseTo(1, 3);
  });

  it('over float32’s range become NaN or infinite and are not hidden', () => {
    const plan = planGenerator({
      latentSize: 2,
      classes: 0,
      layers: [
        { type: 'dense', units: 4, activation: 'relu' },
        ...dense(4),
        { type: 'conv2d', filters: 1, kernelSize: 3, activation: 'tanh' },
      ],
    });
    const huge = [8, 4, 16, 4, 9, 1].map((count) => new Float32Array(count).fill(3e38));
    expect(
      createEngine(instantiateKernels(), plan, huge)
        .run(Float32Array.of(1, 1))
        .some(Number.isFinite),
    ).toBe(false);
  });

  it('from tanh and sigmoid match the platform’s to 6 digits', () => {
    const kernels = instantiateKernels();
    kernels.memory.grow(1);
    const floats = new Float32Array(kernels.memory.buffer);
    const numbers = Float32Array.from({ length: 8192 }, (_, i) => (i - 4096) / 256);
    for (const [compute, formula] of [
      [kernels.computeTanh, Math.tanh],
      [kernels.computeSigmoid, (x: number) => 1 / (1 + Math.exp(-x))],
    ] as const) {
      floats.set(numbers);
      compute(0, numbers.length);
      numbers.forEach((number, i) =>
        expect(Math.abs((floats[i] as number) - formula(number))).toBeLessThan(4e-7),
      );
    }
    floats.set([Number.NaN, Infinity, -Infinity, 0]);
    kernels.computeTanh(0, 4);
    expect(Array.from(floats.subarray(0, 4), (value) => Math.round(value * 1e6) / 1e6)).toEqual([
      Number.NaN,
      1,
      -1,
      0,
    ]);
  });
});

describe('the kernels of the sampler do what JavaScript does', () => {
  const layers: LayerConfig[] = [{ type: 'dense', units: 784, activation: 'linear' }];
  layers.push({ type: 'reshape', shape: [28, 28, 1] });
  const plan = planGenerator({ latentSize: 20, classes: 0, layers });
  const weights = drawWeights(plan, 3);

  it('encode pixels: within the range, beyond it, and those that are not finite', () => {
    const engine = createEngine(instantiateKernels(), plan, weights);
    for (const size of [0, 0.01, 1, 30, 3e38]) {
      const inputs = drawNumbers(ENGINE_BATCH * 20, 1, 7).map((value) => value * size);
      const values = engine.run(inputs);
      expect(values.every(Number.isFinite)).toBe(size < 1e38);
      for (const range of [
        [-1, 1],
        [0, 1],
        [1, 0],
        [-0.3, 0.7],
      ] as const) {
        expect(engine.draw(inputs, range)).toEqual(encodePixels(values, range));
      }
    }
  });

  it('draw words of any stream and block', () => {
    const engine = createEngine(instantiateKernels(), plan, weights);
    const index = fc.maxSafeNat();
    const purpose = fc.nat(2 ** 32 - 1);
    const most = 16 * plan.inputSize;
    fc.assert(
      fc.property(fc.string(), purpose, index, fc.nat(most), fc.nat(1000), (seed, ...rest) => {
        const key = deriveKey('sample', seed);
        expect([...engine.drawWords(key, ...rest)]).toEqual([...drawWords(key, ...rest)]);
      }),
    );
  });
});
