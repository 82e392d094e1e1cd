/**
 * What writes PNGs, wherever a bundler has made its program a compiled one: see `kernels.ts`.
 */
import program from '../../shared/kernels/png.wasm';
import { createPngEncoder, type PngKernels } from '../../shared/picture/png.ts';

/** The isolate's: its memory serves one picture after the other. */
export const pngEncoder = createPngEncoder(
  () => new WebAssembly.Instance(program).exports as unknown as PngKernels,
);
