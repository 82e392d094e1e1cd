/**
 * Finds how the engine computes a generator's layers with 8-bit products. It draws samples, so it
 * needs no training data. `docs/notes/engine-and-png.md` compares the results.
 */
import { createEngine, ENGINE_BATCH } from '../../shared/model/engine/engine.ts';
import type { ByteLayer } from '../../shared/model/engine/stages.ts';
import { planNetwork, type GeneratorPlan, type LayerConfig } from '../../shared/model/generator.ts';
import { deriveSeedKey, drawLabels, drawLatents, joinInput } from '../../shared/model/random.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import { instantiateKernels } from '../node-kernels.ts';

const SAMPLES = 256;
/** Numbers of each channel that decide about its step. */
const NUMBERS = 10_000;
const MAX_CODE = 127;
const MAX_WEIGHT = 127;
/** Sums of the drawn samples stay below. Larger sums of other samples end at 32,767. */
const MAX_SUM = 0.75 * 32_767;

/**
 * Calibrates all convolutions but the last layer, whose errors would be seen most.
 * @param weights  In the plan's order.
 * @throws ExpectedError  When there is no such layer.
 */
export function calibrateBytes(
  plan: GeneratorPlan,
  weights: readonly Float32Array[],
): readonly ByteLayer[] {
  const { layers } = plan.config;
  const weighted = [...layers.keys()].filter((i) => 'activation' in (layers[i] as object));
  const chosen = weighted.slice(0, -1).filter((i) => layers[i]?.type === 'conv2d');
  if (chosen.length === 0) {
    throw new ExpectedError('--products 8: expected a convolution before the last layer');
  }
  const found: ByteLayer[] = [];
  for (const layer of chosen) {
    const kernel = weights[2 * weighted.indexOf(layer)] as Float32Array;
    const [height = 0, width = 0, inputs = 0] = plan.shapes[layer] as readonly number[];
    const numbers = run(plan, layers.slice(0, layer), weights, found);
    const { zero, steps } = findCodes(numbers, inputs);
    const codes = Uint8Array.from(numbers, (number, i) =>
      Math.min(MAX_CODE, Math.max(0, Math.round(number / (steps[i % inputs] as number)) + zero)),
    );
    const scaled = kernel.slice();
    const outputs = plan.weights.find(({ name }) => name.endsWith(`_${layer}/bias`))?.shape[0] ?? 0;
    scaled.forEach((weight, i) => {
      scaled[i] = weight * (steps[Math.floor(i / outputs) % inputs] as number);
    });
    const scales = findScales(codes, [height, width, inputs], scaled, outputs, zero);
    const code = { layer, zero, steps, scales, offsets: Array.from(scales, () => 0) };
    // The mean error of each output, before the activation.
    const linear = { ...(layers[layer] as LayerConfig), activation: 'linear' } as LayerConfig;
    const through = [...layers.slice(0, layer), linear];
    const narrow = run(plan, through, weights, [...found, code]);
    const sums = new Float64Array(outputs);
    run(plan, through, weights, []).forEach((exact, i) => {
      sums[i % outputs] = (sums[i % outputs] as number) + exact - (narrow[i] as number);
    });
    const offsets = Array.from(sums, (sum) => Math.fround((sum * outputs) / narrow.length));
    found.push({ ...code, offsets });
  }
  return found;
}

/** Draws samples by some first layers: [SAMPLES, height, width, channels]. */
function run(
  plan: GeneratorPlan,
  layers: readonly LayerConfig[],
  weights: readonly Float32Array[],
  bytes: readonly ByteLayer[],
): Float32Array {
  const first = { config: { layers }, ...planNetwork({ layers }, [plan.inputSize]) };
  const engine = createEngine(instantiateKernels(), first, weights, bytes);
  const { latentSize, classes } = plan.config;
  const key = deriveSeedKey('calibration');
  const parts: Float32Array[] = [];
  for (let start = 0; start < SAMPLES; start += ENGINE_BATCH) {
    const labels = drawLabels(key, start, ENGINE_BATCH, Math.max(1, classes));
    const latents = drawLatents(key, start, ENGINE_BATCH, latentSize);
    parts.push(engine.run(joinInput(plan, latents, labels)));
  }
  const size = parts[0]?.length ?? 0;
  const numbers = new Float32Array(size * parts.length);
  parts.forEach((part, i) => numbers.set(part, i * size));
  return numbers;
}

/** Finds the steps and the code of 0 with the least mean square error over all channels. */
function findCodes(numbers: Float32Array, channels: number) {
  const stride = Math.max(1, Math.floor(numbers.length / channels / NUMBERS)) * channels;
  let best = { error: Infinity, zero: 0, steps: [] as number[] };
  for (let zero = 0; zero <= 64; zero += 4) {
    let error = 0;
    const steps: number[] = [];
    for (let channel = 0; channel < channels && error < best.error; channel++) {
      let least = 0;
      let largest = 0;
      for (let i = channel; i < numbers.length; i += channels) {
        least = Math.min(least, numbers[i] as number);
        largest = Math.max(largest, numbers[i] as number);
      }
      const below = least === 0 ? 0 : -least / zero;
      const whole = Math.max(largest / (MAX_CODE - zero), below);
      const found = { error: Infinity, step: 1 };
      // Shorter ranges cut off the rare large numbers.
      for (let share = 0.4; share <= 1; share += 0.05) {
        const step = Math.fround(whole * share) || 1;
        let sum = 0;
        for (let i = channel; i < numbers.length; i += stride) {
          const number = numbers[i] as number;
          const code = Math.min(MAX_CODE - zero, Math.max(-zero, Math.round(number / step)));
          sum += (code * step - number) ** 2;
        }
        if (sum < found.error) {
          Object.assign(found, { error: sum, step });
        }
      }
      error += found.error;
      steps.push(found.step);
    }
    if (error < best.error) {
      best = { error, zero, steps };
    }
  }
  return best;
}

/**
 * Finds the finest scale of each output whose weights have 8 bits and whose sums, two for each row
 * of the kernel, fit in 16 bits.
 * @param codes    [SAMPLES, height, width, channels]
 * @param weights  [size, size, channels, outputs], by 1 of the codes.
 */
function findScales(
  codes: Uint8Array,
  [height, width, channels]: readonly [number, number, number],
  weights: Float32Array,
  outputs: number,
  zero: number,
): number[] {
  const size = Math.sqrt(weights.length / channels / outputs);
  const border = (size - 1) / 2;
  const padded = Math.ceil(channels / 4) * 4;
  const largest = new Float64Array(outputs);
  const starts = new Float64Array(size * 2 * outputs);
  const sums = new Float64Array(2 * outputs);
  const forRow = (row: number, visit: (tap: number, i: number, half: number) => void): void => {
    for (let tap = 0; tap < size; tap++) {
      for (let i = 0; i < channels; i++) {
        visit(tap, (row * size + tap) * channels + i, ((tap * padded + i) >> 1) & 1);
      }
    }
  };
  const scales = new Float64Array(outputs);
  for (let row = 0; row < size; row++) {
    forRow(row, (_, i, half) => {
      for (let output = 0; output < outputs; output++) {
        const weight = weights[i * outputs + output] as number;
        scales[output] = Math.max(scales[output] as number, Math.abs(weight) / MAX_WEIGHT);
        const start = (row * 2 + half) * outputs + output;
        starts[start] = (starts[start] as number) - zero * weight;
      }
    });
  }
  for (let place = 0; place < codes.length / channels; place++) {
    const [x, y] = [place % width, Math.floor(place / width) % height];
    for (let row = 0; row < size; row++) {
      if (y + row < border || y + row >= height + border) {
        continue;
      }
      sums.set(starts.subarray(row * 2 * outputs, (row + 1) * 2 * outputs));
      forRow(row, (tap, i, half) => {
        const isInside = x + tap >= border && x + tap < width + border;
        const from = (place + (row - border) * width + tap - border) * channels + (i % channels);
        const code = isInside ? (codes[from] as number) : zero;
        for (let output = 0; output < outputs; output++) {
          const at = half * outputs + output;
          const sum = (sums[at] as number) + code * (weights[i * outputs + output] as number);
          sums[at] = sum;
          largest[output] = Math.max(largest[output] as number, Math.abs(sum));
        }
      });
    }
  }
  return Array.from(scales, (scale, i) =>
    Math.fround(Math.max(scale, (largest[i] as number) / MAX_SUM) || 1),
  );
}
