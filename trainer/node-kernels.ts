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
  () => new WebAssembly.Instance(new WebAssembly.Module(readBytes('png'))).exports as PngKernels,
);

/** Makes an instance of the engine's kernels with its own memory, with Relaxed SIMD where it is. */
export function instantiateKernels(): Kernels {
  if (engine === undefined) {
    const relaxed = readBytes('engine-relaxed');
    const isSupported = WebAssembly.validate(relaxed);
    engine = new WebAssembly.Module(isSupported ? relaxed : readBytes('engine'));
  }
  return new WebAssembly.Instance(engine).exports as Kernels;
}

function readBytes(name: string): Uint8Array {
  return readFileSync(new URL(`../shared/kernels/${name}.wasm`, import.meta.url));
}
