/** What kernels for WebGPU share: how they are called, and the programs that they run. */
import { sizeOf } from '../../../shared/model/generator.ts';
import type { TensorInfo } from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

export type Program = Parameters<WebGPUBackend['runWebGPUProgram']>[0];

export type Inputs = Readonly<Record<string, TensorInfo>>;

interface Arguments {
  readonly inputs: Inputs;
  readonly backend: WebGPUBackend;
  readonly attrs?: Readonly<Record<string, unknown>>;
}

export type Kernel = (args: Arguments) => TensorInfo | TensorInfo[];

/** Threads of a workgroup. */
export const THREADS = 64;

interface Shader {
  /** Shaders with the same key are compiled once. */
  readonly shaderKey: string;
  readonly outputShape: number[];
  readonly variableNames: string[];
  readonly uniforms: string;
  readonly size?: boolean;
  readonly userCode: string;
}

/** @param workgroups  TensorFlow.js splits more than a dimension may have. */
export function createProgram({ userCode, ...shader }: Shader, workgroups: number): Program {
  return {
    ...shader,
    workgroupSize: [THREADS, 1, 1],
    dispatchLayout: { x: shader.outputShape.map((_, axis) => axis) },
    dispatch: [workgroups, 1, 1],
    getUserCode: () => userCode,
  };
}

/** A program as its kernel describes it. WGSL reads numbers as `uniforms.NAME`. */
interface Task {
  readonly name: string;
  readonly backend: WebGPUBackend;
  readonly inputs: Inputs;
  readonly shape: readonly number[];
  readonly integers?: Readonly<Record<string, number>>;
  readonly floats?: Readonly<Record<string, number>>;
  /** WGSL: functions. */
  readonly functions?: string;
  /** WGSL: statements before the value. */
  readonly code?: string;
  /** WGSL: the value of `result`. */
  readonly value: string;
}

/** Computes each number of a tensor in a thread, at `index`. */
export function computeEach(task: Task): TensorInfo {
  const { functions = '', code = '', value, shape } = task;
  const userCode = `${functions}
  fn main(index : i32) {
    if (index < uniforms.size) {
      ${code}
      result[index] = ${value};
    }
  }`;
  return run(task, userCode, Math.ceil(sizeOf(shape) / THREADS));
}

/** A task whose numbers are sums: `row` is the number's place, `i` the term's. */
interface SumTask extends Task {
  readonly count: number;
  /** WGSL: a term; `code` comes before it. `value` has the `sum`. */
  readonly term: string;
}

/** Computes each number of a tensor in a workgroup, whose threads share the terms of its sum. */
export function computeSums({ count, ...task }: SumTask): TensorInfo {
  const { functions = '', code = '', term, value, shape } = task;
  const rows = sizeOf(shape);
  if (Object.values(task.inputs).some((input) => sizeOf(input.shape) === 0)) {
    return task.backend.makeTensorInfo([...shape], 'float32', new Float32Array(rows));
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
  return run({ ...task, integers: { count, ...task.integers } }, userCode, rows);
}

function run(task: Task, userCode: string, workgroups: number): TensorInfo {
  const { name, backend, inputs, shape, integers = {}, floats = {} } = task;
  const numbers = [
    ...Object.entries(integers).map(([key, value]) => ({ key, type: 'i32', value })),
    ...Object.entries(floats).map(([key, value]) => ({ key, type: 'f32', value })),
  ];
  const shader = {
    shaderKey: name,
    outputShape: [...shape],
    variableNames: Object.keys(inputs),
    uniforms: numbers.map(({ key, type }) => `${key} : ${type}`).join(', '),
    size: true,
    userCode,
  };
  const data = numbers.map(({ type, value }) => ({
    type: type === 'i32' ? 'int32' : 'float32',
    data: [value],
  }));
  const program = createProgram(shader, workgroups);
  return backend.runWebGPUProgram(program, Object.values(inputs), 'float32', data);
}
