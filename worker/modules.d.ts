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
