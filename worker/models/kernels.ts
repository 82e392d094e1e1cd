/**
 * The engine's kernels, wherever a bundler has made them a compiled program: the edge runtime, which compiles none itself, Node and
 * browsers. Instances are used again, since a runtime may leave what nobody refers to in memory for long.
 */
import type { Kernels } from '../../shared/model/engine/engine.ts';
import program from '../../shared/kernels/engine.wasm';

/** Instances that wait for the next model, and the memory that one may bring along: it never shrinks. */
const FREE = { instances: 3, bytes: 8 * 1024 * 1024 } as const;

const free: Kernels[] = [];

/** Hands out an instance with a memory of its own. */
export function takeKernels(): Kernels {
  return free.pop() ?? (new WebAssembly.Instance(program).exports as unknown as Kernels);
}

/** Takes back one that nobody computes with any more. */
export function giveBackKernels(kernels: Kernels): void {
  if (free.length < FREE.instances && kernels.memory.buffer.byteLength <= FREE.bytes) {
    free.push(kernels);
  }
}
