/** The WebAssembly kernels on Node, read from their files. */
import { readFileSync } from 'node:fs';
import type { Kernels } from '../shared/model/engine/engine.ts';
import { createPngEncoder, type PngKernels } from '../shared/picture/png.ts';

/** The part of WebAssembly that is used here: Node's types leave it out. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly validate: (bytes: Uint8Array) => boolean;
  readonly Instance: new (program: object) => { readonly exports: unknown };
};

let engine: object | undefined;

/** Encodes PNGs. The first one loads the kernel. */
export const pngEncoder = createPngEncoder(
  () => new WebAssembly.Instance(readProgram('png')).exports as PngKernels,
);

/** Makes an instance of the engine's kernels with its own memory, with Relaxed SIMD where it is. */
export function instantiateKernels(): Kernels {
  engine ??= WebAssembly.validate(readBytes('engine-relaxed'))
    ? readProgram('engine-relaxed')
    : readProgram('engine');
  return new WebAssembly.Instance(engine).exports as Kernels;
}

function readProgram(name: string): object {
  return new WebAssembly.Module(readBytes(name));
}

function readBytes(name: string): Uint8Array {
  return readFileSync(new URL(`../shared/kernels/${name}.wasm`, import.meta.url));
}
