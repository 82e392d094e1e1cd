/**
 * Stands in for two scripts of the wasm backend that `backend_wasm.js` imports and that never run here (wrangler.toml,
 * `[alias]`): the glue of the build with threads, and a second copy of the glue that `backend.ts` imports itself.
 */
export const wasmWorkerContents = '';

export default undefined;
