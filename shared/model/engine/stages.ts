/**
 * Plans a network for the engine: one stage for each layer with weights. The layers between two
 * stages only change where a number is read, so they cost nothing. Pure.
 */
import { sizeOf, type Activation, type NetworkPlan } from '../generator.ts';

const FLOAT_BYTES = 4;
/** Output channels in a vector, as in `shared/kernels/engine.ts`. */
export const LANES = 4;

/** A layer that is computed with 8-bit products, and how its input is encoded. */
export interface ByteLayer {
  /** Its index in the network's layers. It has weights. */
  readonly layer: number;
  /** The code of 0. Codes go from 0 to 127. */
  readonly zero: number;
  /** The value of code 1 in each input channel. */
  readonly steps: readonly number[];
  /** The value of 1 in the sums of each output channel. */
  readonly scales: readonly number[];
  /** A correction of the mean error, added to the bias of each output channel. */
  readonly offsets: readonly number[];
}

/** A layer with weights. Offsets and strides are in bytes, as the kernels take them. */
export type Stage = ReturnType<typeof planStage>;

/** A layer's output as an array of `shape`, read from the previous stage's output. */
interface View {
  /** For each number of the array, its index in the stage's output. */
  readonly indices: Int32Array;
  readonly shape: readonly number[];
}

/**
 * @param bytes  The layers with 8-bit products. The other layers have 16-bit products.
 * @returns      The stages, and for each number of the result its index in the last one's output.
 */
export function planStages(
  plan: NetworkPlan,
  bytes: readonly ByteLayer[] = [],
): { stages: Stage[]; result: Int32Array } {
  const stages: Stage[] = [];
  const shape = plan.shapes[0] as readonly number[];
  let view: View = { indices: Int32Array.from({ length: sizeOf(shape) }, (_, i) => i), shape };
  for (const [index, layer] of plan.config.layers.entries()) {
    const code = bytes.find((each) => each.layer === index);
    switch (layer.type) {
      case 'dense': {
        // A dense layer is a convolution of a picture of one pixel.
        const pixel = { indices: view.indices, shape: [1, 1, view.indices.length] };
        const stage = planStage(layer, 1, layer.units, pixel, code);
        stages.push(stage);
        view = { indices: listOutputs(stage), shape: [layer.units] };
        break;
      }
      case 'conv2d': {
        const stage = planStage(layer, layer.kernelSize, layer.filters, view, code);
        stages.push(stage);
        const [height = 0, width = 0] = view.shape;
        view = { indices: listOutputs(stage), shape: [height, width, layer.filters] };
        break;
      }
      case 'depthToSpace':
        view = moveDepth(view, layer.blockSize);
        break;
      case 'spaceToDepth':
        view = moveSpace(view, layer.blockSize);
        break;
      case 'flatten':
        view = { indices: view.indices, shape: [view.indices.length] };
        break;
      case 'reshape':
        view = { indices: view.indices, shape: layer.shape };
        break;
    }
  }
  return { stages, result: view.indices };
}

function planStage(
  { type, activation }: { readonly type: 'dense' | 'conv2d'; readonly activation: Activation },
  kernelSize: number,
  outputs: number,
  { indices, shape: [height = 0, width = 0, inputs = 0] }: View,
  code: ByteLayer | undefined,
) {
  const border = (kernelSize - 1) / 2;
  // The kernels take four codes or two 16-bit integers at once.
  const numberBytes = code === undefined ? 2 : 1;
  const pixelStride = Math.ceil((inputs * numberBytes) / 4) * 4;
  const rowStride = (width + 2 * border) * pixelStride;
  const places = new Int32Array(height * width);
  const pixels = new Int32Array(height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      places[y * width + x] = y * rowStride + x * pixelStride;
      pixels[y * width + x] = (y + border) * rowStride + (x + border) * pixelStride;
    }
  }
  const rowBytes = kernelSize * pixelStride;
  return {
    type,
    activation,
    code,
    /** The shape of the weights is [kernelPlaces, inputs, outputs]. */
    kernelPlaces: kernelSize * kernelSize,
    inputs,
    outputs,
    /** Vectors of LANES output channels. */
    vectors: Math.ceil(outputs / LANES),
    /** Size of one sample's input, with a border of 0 and a pixel of whole 4 bytes. */
    inputBytes: (height + 2 * border) * rowStride,
    /** The offset of each output's first input row. */
    places,
    kernelRows: kernelSize,
    rowBytes,
    rowStride,
    /** Vectors of a row of packed weights, for each vector of output channels. */
    rowUnits: rowBytes / 4 + (code === undefined ? 0 : 1),
    /** The first row that isn't only border begins here, and the last one ends here. */
    begin: border * rowStride,
    end: (border + height) * rowStride,
    ...planRuns(indices, pixels, inputs, numberBytes),
  };
}

/**
 * Plans the copies into a stage's input. A run is all channels of a pixel if they are neighbours in
 * the source, else one number. `runs` has the offset of each in the source and in the input.
 * @param targets  The offset of each pixel's channels in the input.
 */
function planRuns(indices: Int32Array, targets: Int32Array, channels: number, numberBytes: number) {
  const isTogether = indices.every(
    (index, i) => i % channels === 0 || index === (indices[i - 1] as number) + 1,
  );
  const runLength = isTogether ? channels : 1;
  const runs = new Int32Array((indices.length / runLength) * 2);
  for (let i = 0; i < indices.length; i += runLength) {
    const run = (i / runLength) * 2;
    runs[run] = (indices[i] as number) * FLOAT_BYTES;
    runs[run + 1] = (targets[Math.floor(i / channels)] as number) + (i % channels) * numberBytes;
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

/** The inverse of {@link moveDepth}: [b * h, b * w, c] to [h, w, b * b * c]. */
function moveSpace(
  { indices, shape: [height = 0, width = 0, channels = 0] }: View,
  block: number,
): View {
  const shape = [height / block, width / block, channels * block * block];
  // The original place of each number of the result.
  const places = Int32Array.from({ length: indices.length }, (_, i) => i);
  const back = moveDepth({ indices: places, shape }, block).indices;
  const moved = new Int32Array(indices.length);
  back.forEach((place, i) => (moved[place] = indices[i] as number));
  return { indices: moved, shape };
}

/** Lists the indices of a stage's channels in its output, whose rows are whole vectors. */
function listOutputs({ places, outputs, vectors }: Stage): Int32Array {
  return Int32Array.from(
    { length: places.length * outputs },
    (_, i) => Math.floor(i / outputs) * vectors * LANES + (i % outputs),
  );
}
