/** Shared by the kernels for WebGPU: how they are called, and the programs that they run. */
import { sizeOf } from '../../../shared/model/generator.ts';
import type { TensorInfo } from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

export type Inputs = Readonly<Record<string, TensorInfo>>;

/** A call of a kernel by TensorFlow.js, with the kernel's name. */
export interface Call {
  /** Programs with the same name and shapes are compiled once. */
  readonly name: string;
  readonly inputs: Inputs;
  readonly backend: WebGPUBackend;
  readonly attrs?: Readonly<Record<string, unknown>>;
}

export type Kernel = (call: Call) => TensorInfo | TensorInfo[];

export function shapeOf({ inputs }: Call, input: string): number[] {
  return (inputs[input] as TensorInfo).shape;
}

/** Threads of a workgroup. */
export const THREADS = 64;

/** A program's result. WGSL reads numbers as `uniforms.NAME`. */
interface Result {
  readonly shape: readonly number[];
  readonly integers?: Readonly<Record<string, number>>;
  readonly floats?: Readonly<Record<string, number>>;
}

/** A result whose numbers are computed in the same way. */
interface Task extends Result {
  /** WGSL: functions. */
  readonly functions?: string;
  /** WGSL: statements before the value. */
  readonly code?: string;
  /** WGSL: the value of `result`. */
  readonly value: string;
}

/** Computes each number of a tensor in a thread, at `index`. */
export function computeEach(call: Call, task: Task): TensorInfo {
  const { functions = '', code = '', value, shape } = task;
  const userCode = `${functions}
  fn main(index : i32) {
    if (index < uniforms.size) {
      ${code}
      result[index] = ${value};
    }
  }`;
  return runProgram(call, task, userCode, [Math.ceil(sizeOf(shape) / THREADS), 1, 1]);
}

/** A task whose numbers are sums: `row` is the number's place, `i` the term's. */
interface SumTask extends Task {
  readonly count: number;
  /** WGSL: a term; `code` comes before it. `value` has the `sum`. */
  readonly term: string;
}

/** Computes each number of a tensor in a workgroup, whose threads share the terms of its sum. */
export function computeSums(call: Call, { count, ...task }: SumTask): TensorInfo {
  const { functions = '', code = '', term, value, shape } = task;
  const rows = sizeOf(shape);
  if (Object.values(call.inputs).some((input) => sizeOf(input.shape) === 0)) {
    return call.backend.makeTensorInfo([...shape], 'float32', new Float32Array(rows));
  }
  // Barriers must be met by all threads, so rows that are too many are summed too.
  const userCode = `${functions}
  var<workgroup> sums : array<f32, ${THREADS}>;
  fn main(index : i32) {
    let thread = i32(localIndex);
    let row = (index - thread) / ${THREADS};
    var sum = 0.0;
    for (var i = thread; i < uniforms.count; i += ${THREADS}) {
      ${code}
      sum += ${term};
    }
    sums[thread] = sum;
    for (var half = ${THREADS / 2}; half > 0; half /= 2) {
      workgroupBarrier();
      if (thread < half) {
        sums[thread] += sums[thread + half];
      }
    }
    if (thread == 0 && row < uniforms.size) {
      sum = sums[0];
      result[row] = ${value};
    }
  }`;
  const integers = { count, ...task.integers };
  return runProgram(call, { ...task, integers }, userCode, [rows, 1, 1]);
}

/**
 * Runs a program.
 * @param userCode    WGSL: functions, and `main(index : i32)`.
 * @param workgroups  TensorFlow.js splits more than a dimension may have.
 */
export function runProgram(
  { name, inputs, backend }: Call,
  { shape, integers = {}, floats = {} }: Result,
  userCode: string,
  workgroups: [number, number, number],
): TensorInfo {
  const numbers = [
    ...Object.entries(integers).map(([key, value]) => ({ key, wgsl: 'i32', type: 'int32', value })),
    ...Object.entries(floats).map(([key, value]) => ({ key, wgsl: 'f32', type: 'float32', value })),
  ];
  const program: Parameters<WebGPUBackend['runWebGPUProgram']>[0] = {
    shaderKey: name,
    outputShape: [...shape],
    variableNames: Object.keys(inputs),
    uniforms: numbers.map(({ key, wgsl }) => `${key} : ${wgsl}`).join(', '),
    size: true,
    workgroupSize: [THREADS, 1, 1],
    dispatchLayout: { x: shape.map((_, axis) => axis) },
    dispatch: workgroups,
    getUserCode: () => userCode,
  };
  const data = numbers.map(({ type, value }) => ({ type, data: [value] }));
  return backend.runWebGPUProgram(program, Object.values(inputs), 'float32', data);
}
