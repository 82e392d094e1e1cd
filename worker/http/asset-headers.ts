/** Folder of the pages' files; their names hold a hash of their content. */
export const ASSET_PATH = '/assets/';

/** The platform serves the files without the worker: dev/build/page.ts writes its configuration. */
export const ASSET_HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'public, max-age=31536000, immutable',
  // For the web worker that draws: it has the policy of its own script, and wasm counts as eval.
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
};
