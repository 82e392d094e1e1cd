/**
 * The two backends that work wherever Node does, each on one thread: WebAssembly and plain JavaScript.
 */
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import { BackendUnusable, type OpenBackend } from './open-backend.ts';

const release = async (): Promise<void> => {};

/** Opens WebAssembly, with SIMD where the processor has it. */
export async function openWasm(): Promise<OpenBackend> {
  const tf = await import('@tensorflow/tfjs');
  const wasm = await import('@tensorflow/tfjs-backend-wasm');
  const folder = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'));
  // Its threads split sums by the number of cores, so results would depend on the machine. They also keep the process alive.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
  if (tf.engine().registry['wasm'] === undefined) {
    wasm.setWasmPaths(folder + sep);
  }
  // Emscripten's glue catches uncaught errors and throws them again from inside itself, which hides their origin.
  const events = ['uncaughtException', 'unhandledRejection'] as unknown as ['uncaughtException'];
  const before = new Set(events.flatMap((event) => process.listeners(event)));
  if (!(await tf.setBackend('wasm'))) {
    throw new BackendUnusable(`the WebAssembly files in ${folder} could not be loaded: run npm ci`);
  }
  for (const event of events) {
    for (const listener of process.listeners(event).filter((each) => !before.has(each))) {
      process.removeListener(event, listener);
    }
  }
  return {
    tfBackend: 'wasm',
    description: `WebAssembly ${simd ? 'with' : 'without'} SIMD, 1 thread (tfjs-backend-wasm ${wasm.version_wasm})`,
    threads: 1,
    release,
  };
}

/** Opens plain JavaScript, which is slow and always there. */
export async function openCpu(): Promise<OpenBackend> {
  const tf = await import('@tensorflow/tfjs');
  await tf.setBackend('cpu');
  // Its first write would greet the user at length. The field is private, and no flag stops the greeting alone.
  (tf.backend() as unknown as { firstUse: boolean }).firstUse = false;
  const description = `plain JavaScript, 1 thread (tfjs ${tf.version.tfjs})`;
  return { tfBackend: 'cpu', description, threads: 1, release };
}
