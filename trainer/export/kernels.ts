/**
 * The kernels on Node, from their files.
 */
import { readFileSync } from 'node:fs';
import type { Kernels } from '../../shared/model/engine/engine.ts';
import { createPngEncoder, type PngKernels } from '../../shared/picture/png.ts';

/** Node's types leave it out. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (program: object) => { readonly exports: unknown };
};

let program: object | undefined;

/** Writes PNGs; its program is read at the first. */
export const pngEncoder = createPngEncoder(
  () => new WebAssembly.Instance(readProgram('png')).exports as PngKernels,
);

/** Makes an instance, with a memory of its own. */
export function instantiateKernels(): Kernels {
  program ??= readProgram('engine');
  return new WebAssembly.Instance(program).exports as Kernels;
}

function readProgram(name: string): object {
  return new WebAssembly.Module(
    readFileSync(new URL(`../../shared/kernels/${name}.wasm`, import.meta.url)),
  );
}
