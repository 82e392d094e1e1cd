/**
 * The two backends that work wherever Node does: WebAssembly and plain JavaScript, each on one thread.
 */
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import { BackendUnusable, type Opener } from './open-backend.ts';

const EMSCRIPTEN_EVENTS = ['uncaughtException', 'unhandledRejection'] as const;

/** WebAssembly, with SIMD where the processor has it. */
export function createWasmOpener(): Opener {
  return async () => {
    const tf = await import('@tensorflow/tfjs');
    const wasm = await import('@tensorflow/tfjs-backend-wasm');
    const entry = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
    const before = EMSCRIPTEN_EVENTS.map(
      (event) => new Set(process.listeners(event as 'uncaughtException')),
    );
    // Its threads would share sums out by the number of cores, so that results would depend on the machine; and they
    // keep the process alive.
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
    if (tf.engine().registry['wasm'] === undefined) {
      wasm.setWasmPaths(dirname(entry) + sep);
    }
    if (!(await tf.setBackend('wasm'))) {
      throw new BackendUnusable(
        `the WebAssembly files in ${dirname(entry)} could not be loaded: run npm ci`,
      );
    }
    // Emscripten's glue takes over uncaught errors and throws them again from inside itself, which hides their origin.
    for (const [i, event] of EMSCRIPTEN_EVENTS.entries()) {
      for (const listener of process.listeners(event as 'uncaughtException')) {
        if (!before[i]?.has(listener)) {
          process.removeListener(event, listener);
        }
      }
    }
    return {
      tfBackend: 'wasm',
      description: `WebAssembly ${simd ? 'with' : 'without'} SIMD, 1 thread (tfjs-backend-wasm ${wasm.version_wasm})`,
      threads: 1,
      release: async () => {},
    };
  };
}

/** Plain JavaScript: slow, and always there. */
export function createCpuOpener(): Opener {
  return async () => {
    const tf = await import('@tensorflow/tfjs');
    await tf.setBackend('cpu');
    // Else its first write greets the user at length. The field is private, and there is no flag for this alone.
    (tf.backend() as unknown as { firstUse: boolean }).firstUse = false;
    return {
      tfBackend: 'cpu',
      description: `plain JavaScript, 1 thread (tfjs ${tf.version.tfjs})`,
      threads: 1,
      release: async () => {},
    };
  };
}
