/**
 * A generator as the engine computes it: its layers with weights, in order. What lies between two of them (reshape,
 * depthToSpace) is where a number is read, and costs nothing. Pure.
 */
import { sizeOf, type Activation, type GeneratorPlan } from '../generator.ts';

/** Bytes of a whole number and of a float. */
const WHOLE_BYTES = 2;
const FLOAT_BYTES = 4;

/** Output channels of a vector: kernels.ts has the same. */
export const LANES = 4;

/** A layer with weights. Offsets and strides are bytes, as the kernels take them. */
export interface Stage {
  readonly type: 'dense' | 'conv2d';
  readonly activation: Activation;
  /** Places of its kernel, and input and output channels of each: [places, inputs, outputs] is the shape of its weights. */
  readonly kernelPlaces: number;
  readonly inputs: number;
  readonly outputs: number;
  /** Output channels in vectors of LANES, rounded up. */
  readonly vectors: number;
  /** Of the whole numbers that one sample's input is laid out as: with a border of 0, and even channels. */
  readonly inputBytes: number;
  /** Where each output's first row of input lies. */
  readonly places: Int32Array;
  readonly kernelRows: number;
  readonly rowPairs: number;
  readonly rowStride: number;
  /** [count][2]: from where in the output of the stage before (the network's input, at the first) to where in the input. */
  readonly runs: Int32Array;
  /** Numbers of a run. */
  readonly runLength: number;
}

export interface Stages {
  readonly stages: readonly Stage[];
  /** For each number of the picture its index in the last stage's output. */
  readonly picture: Int32Array;
}

/** What a stage writes for a sample: rows of so many channels, of which the first are its own. */
interface Raw {
  /** For each number of what the layers after it make of that, its index in what was written. */
  readonly indices: Int32Array;
  readonly shape: readonly number[];
}

/** Plans the stages of a generator. */
export function planStages(plan: GeneratorPlan): Stages {
  const stages: Stage[] = [];
  let raw: Raw = { indices: countUp(plan.inputSize), shape: [plan.inputSize] };
  for (const layer of plan.config.layers) {
    switch (layer.type) {
      case 'dense': {
        const stage = planDense(layer, raw);
        stages.push(stage);
        raw = { indices: countUp(layer.units), shape: [layer.units] };
        break;
      }
      case 'conv2d': {
        const stage = planConvolution(layer, raw);
        stages.push(stage);
        const [height = 0, width = 0] = raw.shape;
        raw = { indices: skipUnused(height * width, stage), shape: [height, width, layer.filters] };
        break;
      }
      case 'depthToSpace':
        raw = moveDepth(raw, layer.blockSize);
        break;
      case 'reshape':
        raw = { indices: raw.indices, shape: layer.shape };
        break;
    }
  }
  return { stages, picture: raw.indices };
}

function planDense(
  { units, activation }: { units: number; activation: Activation },
  { indices }: Raw,
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
    inputBytes: rowPairs * 2 * WHOLE_BYTES,
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
  { indices, shape: [height = 0, width = 0, inputs = 0] }: Raw,
): Stage {
  const border = (kernelSize - 1) / 2;
  const pixelStride = (inputs + (inputs % 2)) * WHOLE_BYTES;
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
    rowPairs: (kernelSize * pixelStride) / WHOLE_BYTES / 2,
    rowStride,
    ...planRuns(indices, pixels, inputs),
  };
}

/**
 * How an input is laid out: in runs of all channels where they lie side by side, else number by number.
 * @param targets  Where each pixel's channels go.
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
    runs[run + 1] = (targets[Math.floor(i / channels)] as number) + (i % channels) * WHOLE_BYTES;
  }
  return { runs, runLength };
}

/** [h, w, b * b * c] to [b * h, b * w, c]: channel (dy * b + dx) * c + i of a pixel goes to channel i of (b * y + dy, b * x + dx). */
function moveDepth(
  { indices, shape: [height = 0, width = 0, depth = 0] }: Raw,
  block: number,
): Raw {
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

/** A stage's own channels among those that it writes. */
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
