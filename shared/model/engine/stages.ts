/**
 * Plans a generator for the engine: one stage for each layer with weights. Reshape and depthToSpace
 * between two stages only change where a number is read, so they cost nothing. Pure.
 */
import { sizeOf, type Activation, type GeneratorPlan } from '../generator.ts';

/** Bytes of an i16 and of an f32. */
const INT16_BYTES = 2;
const FLOAT_BYTES = 4;

/** Output channels in a vector, as in `shared/kernels/engine.ts`. */
export const LANES = 4;

/** A layer with weights. Offsets and strides are in bytes, as the kernels take them. */
export interface Stage {
  readonly type: 'dense' | 'conv2d';
  readonly activation: Activation;
  /** The shape of the weights is [kernelPlaces, inputs, outputs]. */
  readonly kernelPlaces: number;
  readonly inputs: number;
  readonly outputs: number;
  /** Vectors of LANES output channels, rounded up. */
  readonly vectors: number;
  /** Size of one sample's i16 input, with a border of 0 and an even number of channels. */
  readonly inputBytes: number;
  /** The offset of each output's first input row. */
  readonly places: Int32Array;
  readonly kernelRows: number;
  readonly rowPairs: number;
  readonly rowStride: number;
  /** [count][2]: copies from an offset in the previous output to an offset in this input. */
  readonly runs: Int32Array;
  /** Numbers in a run. */
  readonly runLength: number;
}

/** A layer's output as an array of `shape`, read from the previous stage's output. */
interface View {
  /** For each number of the array, its index in the stage's output. */
  readonly indices: Int32Array;
  readonly shape: readonly number[];
}

/** @returns  The stages, and for each number of the picture its index in the last one's output. */
export function planStages(plan: GeneratorPlan): { stages: Stage[]; picture: Int32Array } {
  const stages: Stage[] = [];
  let view: View = { indices: countUp(plan.inputSize), shape: [plan.inputSize] };
  for (const layer of plan.config.layers) {
    switch (layer.type) {
      case 'dense': {
        stages.push(planDense(layer, view));
        view = { indices: countUp(layer.units), shape: [layer.units] };
        break;
      }
      case 'conv2d': {
        const stage = planConvolution(layer, view);
        stages.push(stage);
        const [height = 0, width = 0] = view.shape;
        const indices = skipUnused(height * width, stage);
        view = { indices, shape: [height, width, layer.filters] };
        break;
      }
      case 'depthToSpace':
        view = moveDepth(view, layer.blockSize);
        break;
      case 'reshape':
        view = { indices: view.indices, shape: layer.shape };
        break;
    }
  }
  return { stages, picture: view.indices };
}

function planDense(
  { units, activation }: { units: number; activation: Activation },
  { indices }: View,
): Stage {
  const inputs = indices.length;
  const rowPairs = Math.ceil(inputs / 2);
  return {
    type: 'dense',
    activation,
    kernelPlaces: 1,
    inputs,
    outputs: units,
    vectors: Math.ceil(units / LANES),
    inputBytes: rowPairs * 2 * INT16_BYTES,
    places: Int32Array.of(0),
    kernelRows: 1,
    rowPairs,
    rowStride: 0,
    ...planRuns(indices, Int32Array.of(0), inputs),
  };
}

function planConvolution(
  {
    filters,
    kernelSize,
    activation,
  }: { filters: number; kernelSize: number; activation: Activation },
  { indices, shape: [height = 0, width = 0, inputs = 0] }: View,
): Stage {
  const border = (kernelSize - 1) / 2;
  const pixelStride = (inputs + (inputs % 2)) * INT16_BYTES;
  const rowStride = (width + 2 * border) * pixelStride;
  const places = new Int32Array(height * width);
  const pixels = new Int32Array(height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      places[y * width + x] = y * rowStride + x * pixelStride;
      pixels[y * width + x] = (y + border) * rowStride + (x + border) * pixelStride;
    }
  }
  return {
    type: 'conv2d',
    activation,
    kernelPlaces: kernelSize * kernelSize,
    inputs,
    outputs: filters,
    vectors: Math.ceil(filters / LANES),
    inputBytes: (height + 2 * border) * rowStride,
    places,
    kernelRows: kernelSize,
    rowPairs: (kernelSize * pixelStride) / INT16_BYTES / 2,
    rowStride,
    ...planRuns(indices, pixels, inputs),
  };
}

/**
 * Plans the copies into a stage's input. A run is all channels of a pixel if they are neighbours in
 * the source, else one number.
 * @param targets  The offset of each pixel's channels in the input.
 */
function planRuns(
  indices: Int32Array,
  targets: Int32Array,
  channels: number,
): Pick<Stage, 'runs' | 'runLength'> {
  const isTogether = indices.every(
    (index, i) => i % channels === 0 || index === (indices[i - 1] as number) + 1,
  );
  const runLength = isTogether ? channels : 1;
  const runs = new Int32Array((indices.length / runLength) * 2);
  for (let i = 0; i < indices.length; i += runLength) {
    const run = (i / runLength) * 2;
    runs[run] = (indices[i] as number) * FLOAT_BYTES;
    runs[run + 1] = (targets[Math.floor(i / channels)] as number) + (i % channels) * INT16_BYTES;
  }
  return { runs, runLength };
}

/**
 * Turns [h, w, b * b * c] into [b * h, b * w, c]. Channel (dy * b + dx) * c + i of pixel (y, x)
 * becomes channel i of pixel (b * y + dy, b * x + dx).
 */
function moveDepth(
  { indices, shape: [height = 0, width = 0, depth = 0] }: View,
  block: number,
): View {
  const channels = depth / (block * block);
  const shape = [height * block, width * block, channels];
  const moved = new Int32Array(sizeOf(shape));
  let next = 0;
  for (let y = 0; y < height * block; y++) {
    for (let x = 0; x < width * block; x++) {
      const pixel = Math.floor(y / block) * width + Math.floor(x / block);
      const first = ((y % block) * block + (x % block)) * channels;
      for (let i = 0; i < channels; i++) {
        moved[next++] = indices[pixel * depth + first + i] as number;
      }
    }
  }
  return { indices: moved, shape };
}

/** The indices of a stage's channels in its output, whose rows are padded to whole vectors. */
function skipUnused(pixels: number, { outputs, vectors }: Stage): Int32Array {
  const indices = new Int32Array(pixels * outputs);
  for (let i = 0; i < indices.length; i++) {
    indices[i] = Math.floor(i / outputs) * vectors * LANES + (i % outputs);
  }
  return indices;
}

function countUp(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => i);
}
