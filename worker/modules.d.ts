/**
 * What the bundler makes of files that are not TypeScript: wrangler's default module rules.
 */
declare module '*.wasm' {
  const compiled: WebAssembly.Module;
  export default compiled;
}

declare module '*.bin' {
  const bytes: ArrayBuffer;
  export default bytes;
}

declare module 'oled-font-5x7' {
  const font: {
    readonly width: number;
    readonly height: number;
    /** `width` bytes a character, a byte a column. */
    readonly fontData: number[];
    /** The characters, in the order of `fontData`. */
    readonly lookup: string[];
  };
  export default font;
}
