/**
 * libtensorflow by way of @tensorflow/tfjs-node: the fastest backend, on the CPU or on an NVIDIA
 * GPU. Importing this file loads nothing of it.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { IS_PACKED } from '../packed.ts';
import type { NodeBackend } from './graph/graph.ts';
import { BackendUnusable, type OpenOptions } from './open-backend.ts';

/** Threads that libtensorflow was loaded with. It reads its settings once in a process. */
let loadedThreads: number | undefined;

/** @param device  The device that it must compute on. */
export async function openTensorflow(device: 'cpu' | 'gpu', { threads }: OpenOptions) {
  const version = loadTfjsNode(device, threads);
  const tf = await import('@tensorflow/tfjs');
  await tf.setBackend('tensorflow');
  const { binding, isUsingGpuDevice } = tf.backend() as unknown as NodeBackend;
  const library = `tfjs-node ${version} with libtensorflow ${binding.TF_Version}`;
  if (isUsingGpuDevice !== (device === 'gpu')) {
    throw new BackendUnusable(
      isUsingGpuDevice
        ? 'this process already uses tfjs-node on the GPU: choose it in a new process'
        : `${library} found no GPU that it can use: ` +
            '`npm run setup:tensorflow -- --gpu` and an NVIDIA driver are needed',
    );
  }
  return {
    tfBackend: 'tensorflow',
    description: `${library} on the ${device === 'gpu' ? 'GPU' : `CPU, ${countThreads(threads)}`}`,
    threads: device === 'gpu' ? undefined : threads,
    release: async () => {},
  };
}

/** Loads tfjs-node, which registers itself with TensorFlow.js. @returns  Its version. */
function loadTfjsNode(device: 'cpu' | 'gpu', threads: number): string {
  if (loadedThreads !== undefined && loadedThreads !== threads) {
    throw new BackendUnusable(
      `this process already uses tfjs-node on ${countThreads(loadedThreads)}, ` +
        `and cannot change to ${threads}`,
    );
  }
  const folder = locateTfjsNode();
  if (folder === undefined) {
    throw new BackendUnusable(
      IS_PACKED
        ? 'a bundle has no tfjs-node'
        : 'the optional package @tensorflow/tfjs-node is not installed: run npm install',
    );
  }
  if (!existsSync(join(folder, 'lib'))) {
    throw new BackendUnusable('tfjs-node is not set up: run `npm run setup:tensorflow`');
  }
  process.env['TF_CPP_MIN_LOG_LEVEL'] ||= '2'; // Errors only.
  process.env['TF_DETERMINISTIC_OPS'] ||= '1'; // Matters on a GPU; no cost measured on the CPU.
  process.env['TF_NUM_INTRAOP_THREADS'] = String(threads);
  process.env['TF_NUM_INTEROP_THREADS'] = String(threads); // A graph's operations side by side.
  if (device === 'cpu' && loadedThreads === undefined) {
    process.env['CUDA_VISIBLE_DEVICES'] = '-1'; // A GPU build would take the GPU.
  }
  restoreNodeUtil();
  try {
    const require = createRequire(import.meta.url);
    const { version } = require('@tensorflow/tfjs-node') as { version: Record<string, string> };
    loadedThreads = threads;
    return version['tfjs-node'] ?? 'of unknown version';
  } catch (cause) {
    const [reason] = (cause as Error).message.split('\n');
    const advice = 'run `npm run setup:tensorflow -- --force`';
    throw new BackendUnusable(`tfjs-node does not load: ${advice} (${reason})`, { cause });
  }
}

function countThreads(threads: number): string {
  return threads === 1 ? '1 thread' : `${threads} threads`;
}

/** @returns  The folder of tfjs-node; undefined when it is not installed. */
export function locateTfjsNode(): string | undefined {
  const paths = createRequire(import.meta.url).resolve.paths('@tensorflow/tfjs-node') ?? [];
  return paths
    .map((path) => join(path, '@tensorflow', 'tfjs-node'))
    .find((path) => existsSync(join(path, 'package.json')));
}

/**
 * Puts `util.isNullOrUndefined` and `util.isArray` back before tfjs-node is loaded. Its version
 * 4.22 calls both, and Node 23 removed them; on Node 22 each call would print a warning.
 */
export function restoreNodeUtil(): void {
  // Use `require`, because an ES module's namespace cannot be extended.
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util['isNullOrUndefined'] = (value: unknown) => value === null || value === undefined;
  util['isArray'] = Array.isArray;
}
