/** Kernels for WebGPU: each does in one dispatch what TensorFlow.js does in several. */
import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs';
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
  const kernels = [...elementwise, { kernelName: KERNELS.sumRows, kernelFunc: sumRows }];
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
