/**
 * The engine's kernels on Node, from their file.
 */
import { readFileSync } from 'node:fs';
import type { Kernels } from '../shared/engine/engine.ts';

/** Node's types leave it out. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (program: object) => { readonly exports: unknown };
};

let program: object | undefined;

/** Makes an instance, with a memory of its own. */
export function instantiateKernels(): Kernels {
  program ??= new WebAssembly.Module(readFileSync(new URL('../kernels/kernels.wasm', import.meta.url)));
  return new WebAssembly.Instance(program).exports as Kernels;
}
