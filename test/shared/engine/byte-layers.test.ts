/**
 * Tests layers with 8-bit products: their exact definition, the same bits from both programs and in
 * Chromium, and the calibration.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArtifactError, parseManifest, MANIFEST_FILE } from '../../../shared/model/artifact.ts';
import { createEngine, type Kernels } from '../../../shared/model/engine/engine.ts';
import type { ByteLayer } from '../../../shared/model/engine/stages.ts';
import {
  planGenerator,
  planNetwork,
  sizeOf,
  type LayerConfig,
} from '../../../shared/model/generator.ts';
import { calibrateBytes } from '../../../trainer/export/calibration.ts';
import { startBrowser } from '../../support/hosts/browser.ts';
import { buildFixture } from '../../support/models/fixture-artifact.ts';

const readProgram = (name: string) =>
  readFileSync(new URL(`../../../shared/kernels/${name}.wasm`, import.meta.url));

function instantiate(name: 'engine' | 'engine-relaxed'): Kernels {
  const program = new WebAssembly.Module(readProgram(name));
  return new WebAssembly.Instance(program).exports as unknown as Kernels;
}

function draw(count: number, size: number, seed: number): Float32Array {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  return Float32Array.from({ length: count }, () => (next() + next() + next()) * 2 * size);
}

const { fround } = Math;
const roundEven = (value: number) => fround(fround(value) + 12_582_912) - 12_582_912;
const clamp = (value: number, least: number, largest: number) =>
  Math.min(largest, Math.max(least, value));
const saturate = (value: number) => clamp(value, -32_768, 32_767);

/** Computes a convolution with leaky ReLU as its definition says, by plain numbers. */
function compute(
  numbers: Float32Array,
  [height, width, inputs]: readonly [number, number, number],
  [weights, bias]: readonly [Float32Array, Float32Array],
  { zero, steps, scales, offsets }: ByteLayer,
): Float32Array {
  const outputs = bias.length;
  const size = Math.sqrt(weights.length / inputs / outputs);
  const border = (size - 1) / 2;
  const padded = Math.ceil(inputs / 4) * 4;
  const result = new Float32Array(height * width * outputs);
  const readCode = (y: number, x: number, i: number): number => {
    if (y < 0 || y >= height || x < 0 || x >= width) {
      return zero;
    }
    const factor = fround(1 / fround(steps[i] as number));
    const number = fround((numbers[(y * width + x) * inputs + i] as number) * factor);
    return clamp(roundEven(Math.max(number, -zero)) + zero, 0, 127);
  };
  for (let place = 0; place < height * width; place++) {
    const [y, x] = [Math.floor(place / width), place % width];
    for (let output = 0; output < outputs; output++) {
      const scale = fround(scales[output] as number);
      let total = 0;
      for (let row = 0; row < size; row++) {
        if (y + row < border || y + row >= height + border) {
          continue;
        }
        const readWeight = (at: number): number => {
          const [tap, i] = [Math.floor(at / padded), at % padded];
          const weight = weights[((row * size + tap) * inputs + i) * outputs + output] as number;
          const scaled = fround(fround(weight * fround(steps[i] as number)) / scale);
          return roundEven(clamp(scaled, -127, 127));
        };
        const places = Array.from({ length: size * padded }, (_, at) => at);
        for (const half of [0, 2]) {
          const own = places.filter((at) => (at & 2) === half && at % padded < inputs);
          let sum = 0;
          for (const at of own) {
            sum = saturate(sum - zero * readWeight(at));
          }
          for (let at = half; at < size * padded; at += 4) {
            const pair = [at, at + 1].filter((each) => each % padded < inputs);
            const products = pair.map((each) => {
              const [tap, i] = [Math.floor(each / padded), each % padded];
              return readWeight(each) * readCode(y + row - border, x + tap - border, i);
            });
            sum = saturate(products.reduce((a, b) => a + b, sum));
          }
          total += sum;
        }
      }
      const value = fround(
        fround(fround(total) * scale) +
          fround((bias[output] as number) + (offsets[output] as number)),
      );
      result[place * outputs + output] = Math.max(value, fround(value * fround(0.2)));
    }
  }
  return result;
}

const shapes = {
  height: fc.integer({ min: 1, max: 5 }),
  width: fc.integer({ min: 1, max: 5 }),
  inputs: fc.integer({ min: 1, max: 13 }),
  outputs: fc.constantFrom(1, 3),
  kernelSize: fc.constantFrom(1 as const, 3 as const, 5 as const),
  zero: fc.integer({ min: 0, max: 127 }),
  seed: fc.nat(1e6),
};

it('a convolution has the bits of its definition, in both programs, also where sums saturate', () => {
  let fine = 0;
  fc.assert(
    fc.property(
      fc.record({ ...shapes, filters: fc.integer({ min: 1, max: 23 }) }),
      ({ height, width, inputs, filters, outputs, kernelSize, zero, seed }) => {
        const layers: LayerConfig[] = [
          { type: 'dense', units: height * width * inputs, activation: 'linear' },
          { type: 'reshape', shape: [height, width, inputs] },
          { type: 'conv2d', filters, kernelSize, activation: 'leakyRelu' },
        ];
        const last: LayerConfig = {
          type: 'conv2d',
          filters: outputs,
          kernelSize: 1,
          activation: 'linear',
        };
        const plan = planGenerator({ latentSize: 5, classes: 0, layers: [...layers, last] });
        const weights = plan.weights.map(({ shape }, i) => draw(sizeOf(shape), 1, seed + i));
        const kernel = weights[2] as Float32Array;
        const steps = Array.from(draw(inputs, 0.05, seed + 50), (step) => Math.abs(step) + 0.001);
        // Weights as fine as no sum of a row can overflow; some are finer, without a border.
        const isFine = kernelSize === 1 && seed % 2 === 0;
        const most = Math.min(127, 250 / (kernelSize * Math.ceil(inputs / 4) * 2));
        const largest = Math.max(
          ...kernel.map((weight, i) =>
            Math.abs(weight * (steps[Math.floor(i / filters) % inputs] as number)),
          ),
        );
        const scales = Array.from({ length: filters }, (_, i) =>
          fround((largest / most) * (1 + i / 9) * (isFine ? 0.02 : 1)),
        );
        const offsets = [...draw(filters, 0.1, seed + 80)];
        const code: ByteLayer = { layer: 2, zero, steps, scales, offsets };
        fine += isFine ? 1 : 0;
        const input = draw(5 * 2, 1, seed + 70);
        const before = { config: { layers: layers.slice(0, 2) } };
        const numbers = createEngine(
          instantiate('engine'),
          { ...before, ...planNetwork(before.config, [5]) },
          weights,
        ).run(input);
        const partial = { config: { layers }, ...planNetwork({ layers }, [5]) };
        const got = createEngine(instantiate('engine-relaxed'), partial, weights, [code]);
        const plain = createEngine(instantiate('engine'), partial, weights, [code]);
        const size = height * width * inputs;
        const expected = [0, 1].flatMap((sample) => [
          ...compute(
            numbers.subarray(sample * size, (sample + 1) * size),
            [height, width, inputs],
            [weights[2] as Float32Array, weights[3] as Float32Array],
            code,
          ),
        ]);
        const values = got.run(input);
        expect([...values]).toEqual(expected);
        expect(plain.run(input)).toEqual(values);
      },
    ),
    { numRuns: 60, seed: 1 },
  );
  expect(fine).toBeGreaterThan(5);
});

const LAYERS: readonly LayerConfig[] = [
  { type: 'dense', units: 7 * 7 * 22, activation: 'leakyRelu' },
  { type: 'reshape', shape: [7, 7, 22] },
  { type: 'conv2d', filters: 80, kernelSize: 3, activation: 'leakyRelu' },
  { type: 'depthToSpace', blockSize: 2 },
  { type: 'conv2d', filters: 18, kernelSize: 3, activation: 'leakyRelu' },
  { type: 'conv2d', filters: 4, kernelSize: 3, activation: 'tanh' },
  { type: 'depthToSpace', blockSize: 2 },
];

function buildCalibrated() {
  const plan = planGenerator({ latentSize: 16, classes: 0, layers: [...LAYERS] });
  const weights = plan.weights.map(({ shape }, i) => {
    const inputs = sizeOf(shape.slice(0, -1));
    return draw(sizeOf(shape), shape.length === 1 ? 0.1 : 2 / Math.sqrt(inputs), i);
  });
  return { plan, weights, bytes: calibrateBytes(plan, weights) };
}

describe('a calibrated network', () => {
  const { plan, weights, bytes } = buildCalibrated();
  const inputs = draw(16 * 16, 0.6, 5);

  it('has 8-bit products in all convolutions but the last', () => {
    expect(bytes.map(({ layer }) => layer)).toEqual([2, 4]);
  });

  it('differs little from 16-bit products', () => {
    const exact = createEngine(instantiate('engine'), plan, weights).run(inputs);
    const narrow = createEngine(instantiate('engine-relaxed'), plan, weights, bytes).run(inputs);
    const mean = (values: Float32Array) =>
      Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
    const error = mean(narrow.map((value, i) => value - (exact[i] as number))) / mean(exact);
    expect(error).toBeLessThan(0.04);
    expect(error).toBeGreaterThan(0.001);
  });

  it('has the same bits in Chromium', async () => {
    const kernels = instantiate('engine-relaxed');
    const engine = createEngine(
      {
        ...kernels,
        memory: kernels.memory,
        multiplyBytes(...given) {
          calls.push({ given, memory: Buffer.from(kernels.memory.buffer).toString('base64') });
          kernels.multiplyBytes(...given);
          const output = new Uint8Array(kernels.memory.buffer).slice(given[13]);
          hashes.push(createHash('sha256').update(output).digest('hex'));
        },
      },
      plan,
      weights,
      bytes,
    );
    const calls: { given: Parameters<Kernels['multiplyBytes']>; memory: string }[] = [];
    const hashes: string[] = [];
    engine.run(inputs.subarray(0, 16));
    expect(calls).toHaveLength(2);
    const browser = await startBrowser();
    try {
      const page = await browser.newPage();
      for (const name of ['engine', 'engine-relaxed']) {
        const found = await page.evaluate(
          async ({ program, calls: asked }) => {
            const decode = (text: string) =>
              Uint8Array.from(atob(text), (each) => each.codePointAt(0) ?? 0);
            const code = decode(program);
            if (!WebAssembly.validate(code)) {
              return ['not supported'];
            }
            const { instance } = await WebAssembly.instantiate(code);
            const { memory, multiplyBytes } = instance.exports as unknown as Kernels;
            const results: string[] = [];
            for (const { given, memory: image } of asked) {
              const content = decode(image);
              const missing = content.length - memory.buffer.byteLength;
              memory.grow(Math.max(0, missing / 65_536));
              new Uint8Array(memory.buffer).set(content);
              multiplyBytes(...given);
              const output = new Uint8Array(memory.buffer).slice(given[13]);
              results.push(Array.from(output, (byte) => String.fromCodePoint(byte)).join(''));
            }
            return results;
          },
          { program: readProgram(name).toString('base64'), calls },
        );
        const digests = found.map((text) =>
          createHash('sha256').update(Buffer.from(text, 'latin1')).digest('hex'),
        );
        expect(digests).toEqual(hashes);
      }
    } finally {
      await browser.close();
    }
  });
});

describe('a manifest with 8-bit products', () => {
  const code = (change: Partial<ByteLayer>) => {
    const { files } = buildFixture({
      layers: LAYERS,
      latentSize: 16,
      alter: (content) => ({
        ...content,
        bytes: [
          {
            layer: 4,
            zero: 20,
            steps: Array.from({ length: 20 }, () => 0.1),
            scales: Array.from({ length: 18 }, () => 0.1),
            offsets: Array.from({ length: 18 }, () => 0),
            ...(change as object),
          },
        ],
      }),
    });
    return () => parseManifest(files.get(MANIFEST_FILE) as Uint8Array);
  };

  it('is read', () => {
    expect(code({})().manifest.bytes).toHaveLength(1);
  });

  it.each([
    [
      { layer: 3 },
      'bytes of layer 3: 20 steps, 18 scales and 18 offsets, the layer has no inputs and no',
    ],
    [{ steps: [1] }, '1 steps, 18 scales and 18 offsets, the layer has 20 inputs and 18 outputs'],
    [{ scales: [1] }, '20 steps, 1 scales and 18 offsets, the layer has 20 inputs and 18 outputs'],
    [{ offsets: [] }, '18 scales and 0 offsets, the layer has 20 inputs and 18 outputs'],
    [{ zero: 128 }, 'bytes.0.zero'],
    [{ layer: 99 }, 'bytes.0.layer'],
    [{ steps: Array.from({ length: 20 }, () => 0) }, 'bytes.0.steps.0'],
  ])('is refused with %j', (change, message) => {
    expect(code(change)).toThrow(ArtifactError);
    expect(code(change)).toThrow(message);
  });
});
