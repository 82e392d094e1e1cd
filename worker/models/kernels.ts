/**
 * The engine's kernels where a bundler turned their wasm into a compiled module: the edge runtime,
 * which cannot compile wasm itself, Node and browsers.
 */
import type { Kernels } from '../../shared/model/engine/engine.ts';
import program from '../../shared/kernels/engine.wasm';

/** Bounds of the pool: instances, and bytes of memory that a pooled instance may have. */
const POOL = { instances: 3, bytes: 8 * 1024 * 1024 } as const;

/** Instances to use again, since a runtime may free an unreferenced one late. */
const pool: Kernels[] = [];

/** Hands out an instance with a memory of its own. */
export function takeKernels(): Kernels {
  return pool.pop() ?? (new WebAssembly.Instance(program).exports as unknown as Kernels);
}

/** Takes back an instance that nothing computes with any more. */
export function giveBackKernels(kernels: Kernels): void {
  if (pool.length < POOL.instances && kernels.memory.buffer.byteLength <= POOL.bytes) {
    pool.push(kernels);
  }
}
