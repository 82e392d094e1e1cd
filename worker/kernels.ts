/**
 * The engine's kernels, wherever a bundler has made them a compiled program: the edge runtime, which compiles none itself, Node and
 * browsers.
 */
import type { Kernels } from '../shared/engine/engine.ts';
import program from '../kernels/kernels.wasm';

/** Makes an instance, with a memory of its own. */
export function instantiateKernels(): Kernels {
  return new WebAssembly.Instance(program).exports as unknown as Kernels;
}
