/**
 * The headers of the page's files, which the platform serves without the worker: dev/build/page.ts writes them down for it.
 */

/** Where they lie; their names have a hash of their content. */
export const ASSET_PATH = '/assets/';

export const ASSET_HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'public, max-age=31536000, immutable',
  // Of use to the script that draws: a worker has the policy of its own answer, and wasm counts as eval. The page has none.
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Strict-Transport-Security': 'max-age=31536000',
  'X-Content-Type-Options': 'nosniff',
};
