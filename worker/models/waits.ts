/**
 * How long a request waits for storage.
 */

/** At most, in milliseconds: docs/deploy.md promises it. */
export const WAITS = {
  /** For one object, head and body. */
  readMs: 5_000,
  /** Of an isolate's first request, before the bundled model answers. */
  firstMs: 6_000,
  /** Of the first request after a silence, before the last good model answers. */
  silenceMs: 2_000,
  /** For a version that is not loaded yet. */
  loadMs: 10_000,
} as const;
