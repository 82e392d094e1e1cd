/**
 * A repair for tfjs-node 4.22 on Node >= 23, which took away the util functions that it calls (fixed upstream, but
 * not released).
 */
import { createRequire } from 'node:module';

/** Puts `util.isNullOrUndefined` and `util.isArray` back, if they are gone. To be called before tfjs-node is loaded. */
export function restoreNodeUtil(): void {
  // Through require: an ES module's namespace could not be added to. Replaced on Node 22 too, where each call would warn.
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util['isNullOrUndefined'] = (value: unknown) => value === null || value === undefined;
  util['isArray'] = Array.isArray;
}
