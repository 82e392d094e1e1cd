/**
 * Where tfjs-node lies, and a repair that it needs. Importing this loads nothing of it.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The folder of tfjs-node. @returns  Undefined when it is not installed. */
export function locateTfjsNode(): string | undefined {
  const paths = createRequire(import.meta.url).resolve.paths('@tensorflow/tfjs-node') ?? [];
  return paths
    .map((path) => join(path, '@tensorflow', 'tfjs-node'))
    .find((path) => existsSync(join(path, 'package.json')));
}

/**
 * Puts `util.isNullOrUndefined` and `util.isArray` back. Call this before tfjs-node is loaded: its version 4.22 calls
 * both, and Node 23 removed them. Upstream is mended but not released.
 */
export function restoreNodeUtil(): void {
  // Through `require`, since nothing can be added to an ES module's namespace.
  // Node 22 still has the two functions, but each call would print a warning.
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util['isNullOrUndefined'] = (value: unknown) => value === null || value === undefined;
  util['isArray'] = Array.isArray;
}
