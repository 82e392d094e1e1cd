/** Kernels for WebGPU: each does in one dispatch what TensorFlow.js does in several. */
import { backend_util, type KernelConfig, type TensorInfo } from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { KERNELS } from '../gan/fused.ts';

type Program = Parameters<WebGPUBackend['runWebGPUProgram']>[0];

interface Arguments {
  readonly inputs: Readonly<Record<string, TensorInfo>>;
  readonly backend: unknown;
  readonly attrs?: Readonly<Record<string, unknown>>;
}

type Kernel = (args: Arguments) => TensorInfo;

const SLOPE = 'select(select(uniforms.below, uniforms.atZero, t == 0.0), 1.0, t > 0.0)';
const WITH_BIAS = 'let t = x[index] + bias[index % uniforms.biasShape];';

/** Inputs have the output's shape, but for a bias. The first one decides it. */
const ELEMENTWISE: Readonly<
  Record<
    string,
    { inputs: readonly string[]; uniforms: readonly string[]; code?: string; value: string }
  >
> = {
  [KERNELS.blend]: {
    inputs: ['x', 'y'],
    uniforms: ['a', 'b'],
    value: 'uniforms.a * x[index] + uniforms.b * y[index]',
  },
  [KERNELS.blendSquare]: {
    inputs: ['x', 'y'],
    uniforms: ['a', 'b'],
    value: 'uniforms.a * x[index] + uniforms.b * (y[index] * y[index])',
  },
  [KERNELS.descend]: {
    inputs: ['weights', 'm', 'v'],
    uniforms: ['rate', 'root', 'epsilon'],
    value:
      'weights[index] - uniforms.rate * m[index] / (uniforms.root * sqrt(v[index]) + uniforms.epsilon)',
  },
  [KERNELS.biasSlope]: {
    inputs: ['x', 'bias'],
    uniforms: ['below', 'atZero'],
    code: WITH_BIAS,
    value: SLOPE,
  },
  [KERNELS.biasLeaky]: {
    inputs: ['x', 'bias'],
    uniforms: ['below', 'atZero'],
    code: WITH_BIAS,
    value: `t * ${SLOPE}`,
  },
};

/** Lists the kernels for TensorFlow.js's registry. */
export function listWebgpuKernels(): KernelConfig[] {
  const elementwise = Object.keys(ELEMENTWISE).map((kernelName) => ({
    kernelName,
    kernelFunc: createElementwise(kernelName),
  }));
  const kernels = [
    ...elementwise,
    { kernelName: KERNELS.sumRows, kernelFunc: sumRows },
    { kernelName: 'Conv2DBackpropFilter', kernelFunc: differentiateFilter },
  ];
  return kernels.map((kernel) => ({
    kernelName: kernel.kernelName,
    backendName: 'webgpu',
    kernelFunc: kernel.kernelFunc as KernelConfig['kernelFunc'],
  }));
}

function createElementwise(name: string): Kernel {
  const {
    inputs: names,
    uniforms,
    code = '',
    value,
  } = ELEMENTWISE[name] as (typeof ELEMENTWISE)[''];
  return ({ inputs, backend, attrs = {} }) => {
    const tensors = names.map((each) => inputs[each] as TensorInfo);
    const [{ shape }] = tensors as [TensorInfo];
    const program = createProgram({
      shaderKey: name,
      outputShape: shape,
      variableNames: [...names],
      uniforms: uniforms.map((each) => `${each} : f32`).join(', '),
      size: true,
      userCode: `fn main(index : i32) {
        if (index < uniforms.size) {
          ${code}
          result[index] = ${value};
        }
      }`,
    });
    const data = uniforms.map((each) => ({ type: 'float32', data: [attrs[each] as number] }));
    return (backend as WebGPUBackend).runWebGPUProgram(program, tensors, 'float32', data);
  };
}

const THREADS = 64;

/** Sums rows of [..., columns]: each column in a workgroup, whose threads share its rows. */
const sumRows: Kernel = ({ inputs, backend }) => {
  const x = inputs['x'] as TensorInfo;
  const columns = x.shape.at(-1) as number;
  const rows = x.shape.reduce((product, size) => product * size, 1) / columns;
  const program: Program = {
    ...createProgram({
      shaderKey: KERNELS.sumRows,
      outputShape: [columns],
      variableNames: ['x'],
      uniforms: 'rows : i32, columns : i32',
      userCode: `
      var<workgroup> sums : array<f32, ${THREADS}>;
      fn main(index : i32) {
        let column = i32(workgroupId.x);
        let thread = i32(localId.x);
        var sum = 0.0;
        for (var row = thread; row < uniforms.rows; row += ${THREADS}) {
          sum += x[row * uniforms.columns + column];
        }
        sums[thread] = sum;
        for (var half = ${THREADS / 2}; half > 0; half /= 2) {
          workgroupBarrier();
          if (thread < half) {
            sums[thread] += sums[thread + half];
          }
        }
        if (thread == 0) {
          result[column] = sums[0];
        }
      }`,
    }),
    dispatch: [columns, 1, 1],
  };
  const data = [
    { type: 'int32', data: [rows] },
    { type: 'int32', data: [columns] },
  ];
  return (backend as WebGPUBackend).runWebGPUProgram(program, [x], 'float32', data);
};

/** Rows and columns of a filter’s gradient in a workgroup, and terms that it loads at once. */
const TILE = 32;
const CHUNK = 16;
/** Workgroups that fill a large GPU. */
const WORKGROUPS = 512;

/**
 * The gradient of a convolution by its filter, in place of TensorFlow.js's kernel. That one gives
 * each of the filter's few numbers one thread, which goes over all positions of all images. This is
 * the product of the shifted images and dy in tiles; where these are few, the positions are split,
 * and a second dispatch adds the parts.
 */
const differentiateFilter: Kernel = ({ inputs, backend, attrs = {} }) => {
  const [x, dy] = [inputs['x'], inputs['dy']] as [TensorInfo, TensorInfo];
  const filterShape = attrs['filterShape'] as [number, number, number, number];
  const { padInfo, ...info } = backend_util.computeConv2DInfo(
    x.shape as [number, number, number, number],
    filterShape,
    attrs['strides'] as number,
    1,
    attrs['pad'] as 'same',
  );
  const rows = info.filterHeight * info.filterWidth * info.inChannels;
  const columns = info.outChannels;
  const terms = info.batchSize * info.outHeight * info.outWidth;
  const tiles = [Math.ceil(rows / TILE), Math.ceil(columns / TILE)] as const;
  const wanted = Math.ceil(WORKGROUPS / (tiles[0] * tiles[1]));
  const chunks = Math.ceil(Math.ceil(terms / CHUNK) / wanted);
  const parts = Math.ceil(terms / (chunks * CHUNK));
  const numbers = {
    rows,
    columns,
    terms,
    chunks,
    outHeight: info.outHeight,
    outWidth: info.outWidth,
    inHeight: info.inHeight,
    inWidth: info.inWidth,
    inChannels: info.inChannels,
    filterWidth: info.filterWidth,
    strideHeight: info.strideHeight,
    strideWidth: info.strideWidth,
    top: padInfo.top,
    left: padInfo.left,
  };
  const program: Program = {
    ...createProgram({
      shaderKey: 'DigitmintFilterGradient',
      outputShape: parts === 1 ? filterShape : [parts, rows * columns],
      variableNames: ['x', 'dy'],
      uniforms: declareIntegers(numbers),
      userCode: FILTER_GRADIENT,
    }),
    dispatch: [...tiles, parts],
  };
  const webgpu = backend as WebGPUBackend;
  const sums = webgpu.runWebGPUProgram(program, [x, dy], 'float32', listIntegers(numbers));
  if (parts === 1) {
    return sums;
  }
  const adding = createProgram({
    shaderKey: 'DigitmintSumParts',
    outputShape: filterShape,
    variableNames: ['x'],
    uniforms: 'parts : i32',
    size: true,
    userCode: `fn main(index : i32) {
      if (index < uniforms.size) {
        var sum = 0.0;
        for (var part = 0; part < uniforms.parts; part++) {
          sum += x[part * uniforms.size + index];
        }
        result[index] = sum;
      }
    }`,
  });
  const added = webgpu.runWebGPUProgram(adding, [sums], 'float32', listIntegers({ parts }));
  webgpu.disposeData(sums.dataId);
  return added;
};

/** Each of 8 x 8 threads computes 4 x 4 numbers of a tile. */
const FILTER_GRADIENT = `
var<workgroup> shifted : array<f32, ${CHUNK * TILE}>;
var<workgroup> incoming : array<vec4<f32>, ${(CHUNK * TILE) / 4}>;

fn readShifted(term : i32, row : i32) -> f32 {
  let outX = term % uniforms.outWidth;
  let outY = (term / uniforms.outWidth) % uniforms.outHeight;
  let image = term / (uniforms.outWidth * uniforms.outHeight);
  let channel = row % uniforms.inChannels;
  let place = row / uniforms.inChannels;
  let inX = outX * uniforms.strideWidth + place % uniforms.filterWidth - uniforms.left;
  let inY = outY * uniforms.strideHeight + place / uniforms.filterWidth - uniforms.top;
  if (inX < 0 || inX >= uniforms.inWidth || inY < 0 || inY >= uniforms.inHeight) {
    return 0.0;
  }
  let pixel = (image * uniforms.inHeight + inY) * uniforms.inWidth + inX;
  return x[pixel * uniforms.inChannels + channel];
}

fn main(index : i32) {
  let thread = i32(localIndex);
  let firstRow = i32(workgroupId.x) * ${TILE};
  let firstColumn = i32(workgroupId.y) * ${TILE};
  let part = i32(workgroupId.z);
  // Barriers need a loop that is the same for all threads, so the last part has empty chunks.
  let end = min((part + 1) * uniforms.chunks * ${CHUNK}, uniforms.terms);
  let down = (thread / 8) * 4;
  let right = thread % 8;
  var sums : array<vec4<f32>, 4>;
  for (var chunk = 0; chunk < uniforms.chunks; chunk++) {
    let start = (part * uniforms.chunks + chunk) * ${CHUNK};
    for (var i = thread; i < ${CHUNK * TILE}; i += ${THREADS}) {
      let term = start + i / ${TILE};
      let row = firstRow + i % ${TILE};
      shifted[i] = 0.0;
      if (term < end && row < uniforms.rows) {
        shifted[i] = readShifted(term, row);
      }
    }
    for (var i = thread; i < ${(CHUNK * TILE) / 4}; i += ${THREADS}) {
      let term = start + i / ${TILE / 4};
      let column = firstColumn + (i % ${TILE / 4}) * 4;
      var values = vec4<f32>(0.0);
      if (term < end) {
        for (var j = 0; j < min(4, uniforms.columns - column); j++) {
          values[j] = dy[term * uniforms.columns + column + j];
        }
      }
      incoming[i] = values;
    }
    workgroupBarrier();
    for (var i = 0; i < ${CHUNK}; i++) {
      let values = incoming[i * ${TILE / 4} + right];
      for (var j = 0; j < 4; j++) {
        sums[j] += shifted[i * ${TILE} + down + j] * values;
      }
    }
    workgroupBarrier();
  }
  for (var j = 0; j < 4; j++) {
    let row = firstRow + down + j;
    let column = firstColumn + right * 4;
    if (row < uniforms.rows) {
      for (var c = 0; c < min(4, uniforms.columns - column); c++) {
        result[(part * uniforms.rows + row) * uniforms.columns + column + c] = sums[j][c];
      }
    }
  }
}`;

function declareIntegers(numbers: Readonly<Record<string, number>>): string {
  return Object.keys(numbers)
    .map((name) => `${name} : i32`)
    .join(', ');
}

function listIntegers(numbers: Readonly<Record<string, number>>) {
  return Object.values(numbers).map((value) => ({ type: 'int32', data: [value] }));
}

interface Shader {
  /** Shaders with the same key are compiled once. */
  readonly shaderKey: string;
  readonly outputShape: number[];
  readonly variableNames: string[];
  readonly uniforms: string;
  readonly size?: boolean;
  readonly userCode: string;
}

/** Makes a program with one thread for each number of its output. */
function createProgram({ userCode, ...shader }: Shader): Program {
  const size = shader.outputShape.reduce((product, each) => product * each, 1);
  return {
    ...shader,
    workgroupSize: [THREADS, 1, 1],
    dispatchLayout: { x: shader.outputShape.map((_, axis) => axis) },
    dispatch: [Math.ceil(size / THREADS), 1, 1],
    getUserCode: () => userCode,
  };
}
