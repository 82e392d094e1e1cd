/**
 * TensorFlow.js in the edge runtime: the wasm SIMD backend, started once an isolate, at first use. The runtime forbids
 * compiling wasm, so the program comes compiled with the bundle and emscripten's `instantiateWasm` hook instantiates it.
 */
import { BackendWasm } from '@tensorflow/tfjs-backend-wasm/dist/backend_wasm';
import { _fusedMatMulConfig } from '@tensorflow/tfjs-backend-wasm/dist/kernels/_FusedMatMul';
import { addConfig } from '@tensorflow/tfjs-backend-wasm/dist/kernels/Add';
import { castConfig } from '@tensorflow/tfjs-backend-wasm/dist/kernels/Cast';
import { depthToSpaceConfig } from '@tensorflow/tfjs-backend-wasm/dist/kernels/DepthToSpace';
import { fusedConv2DConfig } from '@tensorflow/tfjs-backend-wasm/dist/kernels/FusedConv2D';
import { identityConfig } from '@tensorflow/tfjs-backend-wasm/dist/kernels/Identity';
import { leakyReluConfig } from '@tensorflow/tfjs-backend-wasm/dist/kernels/LeakyRelu';
import { multiplyConfig } from '@tensorflow/tfjs-backend-wasm/dist/kernels/Multiply';
import { reluConfig } from '@tensorflow/tfjs-backend-wasm/dist/kernels/Relu';
import { reshapeConfig } from '@tensorflow/tfjs-backend-wasm/dist/kernels/Reshape';
import { sigmoidConfig } from '@tensorflow/tfjs-backend-wasm/dist/kernels/Sigmoid';
import { tanhConfig } from '@tensorflow/tfjs-backend-wasm/dist/kernels/Tanh';
import { transposeConfig } from '@tensorflow/tfjs-backend-wasm/dist/kernels/Transpose';
import createModule from '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.js';
import program from '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-simd.wasm';
import * as tf from '@tensorflow/tfjs-core';

const BACKEND = 'wasm';

/** Emscripten's module as the library's glue makes it, with the parts that the library's types leave out. */
type GlueModule = ConstructorParameters<typeof BackendWasm>[0] & {
  cwrap<F>(name: string, result: 'number' | null, parameters: readonly 'number'[]): F;
  /** All of its memory, which grows and never shrinks. */
  readonly HEAPU8: Uint8Array;
};

/** The kernels that `shared/generator.ts` reaches; a layer that needs another must have it listed here. */
const KERNELS = [
  _fusedMatMulConfig,
  addConfig,
  castConfig,
  depthToSpaceConfig,
  fusedConv2DConfig,
  identityConfig,
  leakyReluConfig,
  multiplyConfig,
  reluConfig,
  reshapeConfig,
  sigmoidConfig,
  tanhConfig,
  transposeConfig,
];

let started: Promise<void> | undefined;
let glue: GlueModule | undefined;

/**
 * Starts TensorFlow.js; calls after the first wait for the same start. Waits for no I/O, so that a promise made in one
 * request can be awaited in another. A start that failed is tried again by the next call.
 *
 * @throws Error  When the runtime cannot run the program: no SIMD, or out of memory.
 */
export function startTensorFlow(): Promise<void> {
  started ??= start().catch((cause: unknown) => {
    started = undefined;
    throw new Error('TensorFlow.js did not start', { cause });
  });
  return started;
}

async function start(): Promise<void> {
  tf.env().setPlatform('workerd', {
    fetch: () => Promise.reject(new Error('TensorFlow.js fetches nothing here')),
    now: () => performance.now(),
    encode: (text) => new TextEncoder().encode(text),
    decode: (bytes, encoding) => new TextDecoder(encoding).decode(bytes),
    isTypedArray: (value): value is Float32Array | Int32Array | Uint8Array | Uint8ClampedArray =>
      value instanceof Float32Array ||
      value instanceof Int32Array ||
      value instanceof Uint8Array ||
      value instanceof Uint8ClampedArray,
  });
  glue = await instantiate();
  const backend = new BackendWasm(glue);
  for (const kernel of KERNELS) {
    tf.registerKernel(kernel);
  }
  tf.registerBackend(BACKEND, () => backend);
  await tf.setBackend(BACKEND);
}

/** The library's own `init` in `backend_wasm.js`, less its fetch of the program. */
async function instantiate(): Promise<GlueModule> {
  const module = (await createModule({
    instantiateWasm: (imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) => {
      const instance = new WebAssembly.Instance(program, imports);
      done(instance);
      return instance.exports;
    },
    onAbort: (reason) => {
      throw new Error(`the TensorFlow.js program aborted: ${reason}`);
    },
  })) as GlueModule;
  module.tfjs = {
    init: module.cwrap('init', null, []),
    initWithThreadsCount: module.cwrap('init_with_threads_count', null, ['number']),
    getThreadsCount: module.cwrap('get_threads_count', 'number', []),
    registerTensor: module.cwrap('register_tensor', null, ['number', 'number', 'number']),
    disposeData: module.cwrap('dispose_data', null, ['number']),
    dispose: module.cwrap('dispose', null, []),
  };
  return module;
}

/** Tensors that are alive: the weights of the loaded models, and nothing else between two requests. */
export function countTensors(): number {
  return tf.memory().numTensors;
}

/** Bytes of the wasm program's memory; 0 before it was started. */
export function measureMemory(): number {
  return glue?.HEAPU8.length ?? 0;
}
