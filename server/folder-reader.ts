/**
 * Reads published models from a folder, as `npm run publish -- --to FOLDER` writes it: each object a file, replaced whole.
 */
import { open, stat, type FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ArtifactError, hashBytes } from '../shared/model/artifact.ts';
import type { ObjectReader } from '../worker/models/model-store.ts';
import { isPlainKey } from './key.ts';
import { SettingError } from './setting-error.ts';

/**
 * Opens a folder, which may still be empty.
 * @throws SettingError  When there is no such folder, or it may not be read.
 */
export async function openFolder(path: string): Promise<ObjectReader> {
  const root = resolve(path);
  const facts = await stat(root).catch((cause: NodeJS.ErrnoException) => {
    throw new SettingError(
      `models: expected a folder that can be read at ${root}, got ${cause.code ?? cause.message}`,
      {
        cause,
      },
    );
  });
  if (!facts.isDirectory()) {
    throw new SettingError(`models: expected a folder at ${root}, got a file`);
  }
  return {
    async read(key, maxBytes, knownEtag) {
      const bytes = isPlainKey(key)
        ? await readFile(join(root, ...key.split('/')), key, maxBytes)
        : undefined;
      if (bytes === undefined) {
        return 'missing';
      }
      const etag = hashBytes(bytes);
      return etag === knownEtag ? 'unchanged' : { etag, bytes };
    },
  };
}

/** @returns  undefined when there is no such file. */
async function readFile(
  file: string,
  key: string,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '')) {
      return undefined;
    }
    throw cause;
  }
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) {
      return undefined;
    }
    if (facts.size > maxBytes) {
      throw new ArtifactError({ reason: 'too_large', what: key, bytes: facts.size, maxBytes });
    }
    return new Uint8Array(await handle.readFile());
  } finally {
    await handle.close();
  }
}
