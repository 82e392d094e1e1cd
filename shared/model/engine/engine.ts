/**
 * Runs a generator or an encoder on the kernels of `shared/kernels/engine.ts`. A sample has the
 * same bits on every machine and in every batch. The sample's own largest number scales the input
 * of a layer with 16-bit products, and fixed steps scale that of one with 8-bit products. With 16
 * bits a pixel differs from float32 by at most two levels of 255 (`engine.test.ts`).
 * `docs/notes/engine-and-png.md` says why this is neither ONNX Runtime nor TensorFlow.js.
 */
import type { PixelRange } from '../../picture/pixels.ts';
import type { drawWords } from '../random.ts';
import { LEAKY_SLOPE, sizeOf, type Activation, type NetworkPlan } from '../generator.ts';
import { LANES, planStages, type ByteLayer, type Stage } from './stages.ts';

/** Most samples of one run: more would leave the cache, fewer reread the weights more often. */
export const ENGINE_BATCH = 16;

/**
 * An instance of engine.wasm or engine-relaxed.wasm with memory of its own.
 * `shared/kernels/engine.ts` documents it.
 */
export interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  packWeights(
    source: number,
    rows: number,
    inputs: number,
    outputs: number,
    target: number,
    scales: number,
  ): void;
  quantise(source: number, target: number, runs: number, count: number, length: number): number;
  multiply(
    places: number,
    count: number,
    input: number,
    inputScales: number,
    scaleStride: number,
    rows: number,
    pairs: number,
    rowStride: number,
    begin: number,
    end: number,
    weights: number,
    scales: number,
    vectors: number,
    bias: number,
    slope: number,
    output: number,
  ): void;
  packBytes(
    source: number,
    rows: number,
    taps: number,
    inputs: number,
    outputs: number,
    steps: number,
    zero: number,
    target: number,
    scales: number,
  ): void;
  encodeBytes(
    source: number,
    target: number,
    runs: number,
    count: number,
    length: number,
    factors: number,
    factorStride: number,
    zero: number,
  ): void;
  multiplyBytes(
    places: number,
    count: number,
    input: number,
    rows: number,
    rowBytes: number,
    rowStride: number,
    begin: number,
    end: number,
    weights: number,
    scales: number,
    vectors: number,
    bias: number,
    slope: number,
    output: number,
  ): void;
  computeTanh(numbers: number, count: number): void;
  computeSigmoid(numbers: number, count: number): void;
  encodePixels(
    source: number,
    places: number,
    count: number,
    low: number,
    scale: number,
    target: number,
  ): void;
  writeKeystream(state: number, target: number, blocks: number): void;
}

export interface Engine {
  /**
   * @param inputs  [count, input of the plan], finite; count is at most ENGINE_BATCH.
   * @returns       [count, height, width, channels] in the network's range; NaN where float32
   *                overflowed.
   */
  run(inputs: Float32Array): Float32Array;
  /**
   * Runs the network and encodes its output as `encodePixels` does.
   * @returns  A view of the engine's memory, which the next call overwrites.
   */
  draw(inputs: Float32Array, range: PixelRange): Uint8Array;
  /**
   * Does what `drawWords` of random.ts does. `count` is at most 16 times the plan's input.
   * @returns  A view of the engine's memory, which the next call overwrites.
   */
  readonly drawWords: typeof drawWords;
}

const PAGE_BYTES = 65_536;
const VECTOR_BYTES = 16;
/** The slope below 0 that the kernel `multiply` applies; 1 for the other activations. */
const SLOPES: Partial<Record<Activation, number>> = { relu: 0, leakyRelu: LEAKY_SLOPE };

/** ChaCha20's constants: “expand 32-byte k” in ASCII. */
const KEYSTREAM = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];
const BLOCK_WORDS = 16;

/** A stage with the addresses of its arrays. */
type Placed = ReturnType<typeof placeStage>;

/**
 * Writes a network into an instance's memory.
 * @param kernels  The engine owns them from now on and overwrites their memory.
 * @param weights  In the plan's order; finite. The engine copies them.
 * @param bytes    The layers with 8-bit products. Default: none.
 */
export function createEngine(
  kernels: Kernels,
  plan: NetworkPlan,
  weights: readonly Float32Array[],
  bytes?: readonly ByteLayer[],
): Engine {
  const { stages, result } = planStages(plan, bytes);
  const inputSize = sizeOf(plan.shapes[0] as readonly number[]);
  let used = 0;
  const allocate = (size: number): number => {
    const address = used;
    used = Math.ceil((address + size) / VECTOR_BYTES) * VECTOR_BYTES; // Aligned for vectors.
    return address;
  };
  const inputs = allocate(ENGINE_BATCH * inputSize * 4);
  // A generator's dense layers come first and run once for all samples, the others once each.
  const leading = stages.findIndex(({ type }) => type !== 'dense');
  const placed = stages.map((stage, index) =>
    placeStage(stage, leading === -1 || index < leading ? ENGINE_BATCH : 1, allocate),
  );
  const size = sizeOf(plan.outputShape);
  const pixelPlaces = allocate(size * 4);
  const pixels = allocate(ENGINE_BATCH * size);
  const state = allocate(BLOCK_WORDS * 4);
  const kernelSizes = stages.map((stage) => stage.kernelPlaces * stage.inputs * stage.outputs);
  const draft = allocate(Math.max(...kernelSizes) * 4);
  // Borders and unused channels must be 0, also in an instance that was used before.
  new Uint8Array(kernels.memory.buffer).fill(0);
  const missing = used - kernels.memory.buffer.byteLength;
  kernels.memory.grow(Math.max(0, Math.ceil(missing / PAGE_BYTES)));
  const floats = new Float32Array(kernels.memory.buffer);
  const wholes = new Int32Array(kernels.memory.buffer);
  wholes.set(
    result.map((place) => place * 4),
    pixelPlaces / 4,
  );
  placed.forEach((stage, index) => {
    const { kernelPlaces, inputs: channels, outputs, batch } = stage;
    // The inputs of dense layers lie one after the other.
    const samples = Int32Array.from({ length: batch }, (_, i) => i * stage.inputBytes);
    wholes.set(batch === 1 ? stage.places : samples, stage.placesAt / 4);
    wholes.set(stage.runs, stage.runsAt / 4);
    floats.set(weights[2 * index] as Float32Array, draft / 4);
    if (stage.code === undefined) {
      kernels.packWeights(draft, kernelPlaces, channels, outputs, stage.weights, stage.scales);
    } else {
      packBytes(kernels, stage, stage.code, draft);
    }
    const bias = weights[2 * index + 1] as Float32Array;
    floats.set(
      bias.map((number, i) => number + (stage.code?.offsets[i] ?? 0)),
      stage.bias / 4,
    );
  });

  const curves: Partial<Record<Activation, (numbers: number, count: number) => void>> = {
    tanh: kernels.computeTanh,
    sigmoid: kernels.computeSigmoid,
  };
  const batched = placed.filter(({ batch }) => batch > 1);
  const rest = placed.filter(({ batch }) => batch === 1);

  function compute(stage: Placed, source: number, stride: number, count: number): void {
    const { code, runsAt, runLength } = stage;
    const runs = stage.runs.length / 2;
    for (let i = 0; i < count; i++) {
      const [from, to] = [source + i * stride, stage.input + i * stage.inputBytes];
      if (code === undefined) {
        const scale = kernels.quantise(from, to, runsAt, runs, runLength);
        floats[stage.inputScales / 4 + i] = scale;
      } else {
        const next = runLength === 1 ? 4 : 0;
        kernels.encodeBytes(from, to, runsAt, runs, runLength, stage.factors, next, code.zero);
      }
    }
    const places = stage.batch > 1 ? count : stage.places.length;
    const { placesAt, input, kernelRows, rowBytes, rowStride, begin } = stage;
    const { weights: packed, scales, vectors, bias, output } = stage;
    const end = stage.end * stage.batch;
    const slope = SLOPES[stage.activation] ?? 1;
    if (code === undefined) {
      kernels.multiply(
        placesAt,
        places,
        input,
        stage.inputScales,
        stage.batch > 1 ? 4 : 0,
        kernelRows,
        rowBytes / 4,
        rowStride,
        begin,
        end,
        packed,
        scales,
        vectors,
        bias,
        slope,
        output,
      );
    } else {
      kernels.multiplyBytes(
        placesAt,
        places,
        input,
        kernelRows,
        rowBytes,
        rowStride,
        begin,
        end,
        packed,
        scales,
        vectors,
        bias,
        slope,
        output,
      );
    }
    curves[stage.activation]?.(stage.output, places * stage.vectors * LANES);
  }

  /** @param use  Reads the output of sample `i`, whose numbers lie at `result` from `from` on. */
  function runEach(given: Float32Array, use: (from: number, i: number) => void): void {
    const count = given.length / inputSize;
    floats.set(given, inputs / 4);
    let source = inputs;
    let stride = inputSize * 4;
    for (const stage of batched) {
      compute(stage, source, stride, count);
      source = stage.output;
      stride = stage.vectors * VECTOR_BYTES;
    }
    for (let i = 0; i < count; i++) {
      let from = source + i * stride;
      for (const stage of rest) {
        compute(stage, from, 0, 1);
        from = stage.output;
      }
      use(from, i);
    }
  }

  return {
    run(given) {
      const values = new Float32Array((given.length / inputSize) * size);
      runEach(given, (from, i) => {
        for (let k = 0; k < size; k++) {
          values[i * size + k] = floats[from / 4 + (result[k] as number)] as number;
        }
      });
      return values;
    },
    draw(given, [low, high]) {
      const scale = 255 / (high - low);
      runEach(given, (from, i) =>
        kernels.encodePixels(from, pixelPlaces, size, low, scale, pixels + i * size),
      );
      return new Uint8Array(kernels.memory.buffer, pixels, (given.length / inputSize) * size);
    },
    drawWords(key, purpose, index, count, block = 0) {
      wholes.set(KEYSTREAM, state / 4);
      new Uint8Array(kernels.memory.buffer).set(key, state + 16);
      wholes.set([block, purpose, index % 2 ** 32, Math.floor(index / 2 ** 32)], state / 4 + 12);
      kernels.writeKeystream(state, inputs, Math.ceil(count / BLOCK_WORDS));
      return new Uint32Array(kernels.memory.buffer, inputs, count);
    },
  };
}

/** Packs the weights at `source`, and sets the codes of the border. */
function packBytes(
  kernels: Kernels,
  stage: Placed,
  { zero, steps, scales }: ByteLayer,
  source: number,
) {
  const { kernelRows, kernelPlaces, inputs, outputs, factors, input } = stage;
  const floats = new Float32Array(kernels.memory.buffer);
  floats.set(scales, stage.scales / 4);
  floats.set(steps, factors / 4);
  const sizes = [kernelRows, kernelPlaces / kernelRows, inputs, outputs] as const;
  kernels.packBytes(source, ...sizes, factors, zero, stage.weights, stage.scales);
  const count = stage.runLength === 1 ? stage.runs.length / 2 : inputs;
  for (let i = 0; i < count; i++) {
    floats[factors / 4 + i] = 1 / Math.fround(steps[i % inputs] as number);
  }
  new Uint8Array(floats.buffer).fill(zero, input, input + stage.batch * stage.inputBytes);
}

/** @param batch  Samples computed at once. */
function placeStage(stage: Stage, batch: number, allocate: (size: number) => number) {
  const places = batch * stage.places.length;
  return {
    ...stage,
    batch,
    weights: allocate(stage.kernelRows * stage.rowUnits * stage.vectors * VECTOR_BYTES),
    /** The number of codes in 1, for each channel, or for each run if a run is one number. */
    factors: allocate(Math.max(stage.runs.length / 2, stage.inputs) * 4),
    scales: allocate(stage.vectors * VECTOR_BYTES),
    bias: allocate(stage.vectors * VECTOR_BYTES),
    placesAt: allocate(places * 4),
    runsAt: allocate(stage.runs.length * 4),
    input: allocate(batch * stage.inputBytes),
    inputScales: allocate(batch * 4),
    output: allocate(places * stage.vectors * VECTOR_BYTES),
  };
}
