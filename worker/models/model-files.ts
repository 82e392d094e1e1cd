/**
 * The files of published models, verified, for those who want to run a model themselves.
 */
import {
  ArtifactError,
  findFile,
  MANIFEST_FILE,
  parseManifest,
  verifyFile,
  type ParsedManifest,
} from '../../shared/model/artifact.ts';
import type { ApiError } from '../../shared/contract/errors.ts';
import type { Log } from '../http/log.ts';
import type { FileStore } from './model-store.ts';

const RETRY_AFTER_SECONDS = 10;

type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ApiError };

export interface ModelFiles {
  /** Reads a file of a version: the very bytes that were published, checked against the manifest's hash. */
  read(name: string, version: string, path: string): Promise<Result<Uint8Array>>;
  readManifest(name: string, version: string): Promise<Result<ParsedManifest>>;
}

/** The model inside the worker: its files need no bucket. */
export interface BundledFiles {
  readonly name: string;
  readonly version: string;
  /** @returns  undefined when there is no such file. */
  readFile(path: string): Uint8Array | undefined;
}

export function createModelFiles(store: FileStore, bundled: BundledFiles, log: Log): ModelFiles {
  function readBundled(path: string): Uint8Array {
    const bytes = bundled.readFile(path);
    const manifest = bundled.readFile(MANIFEST_FILE);
    if (bytes === undefined || manifest === undefined) {
      throw new ArtifactError({ reason: 'missing', what: path });
    }
    if (path !== MANIFEST_FILE) {
      verifyFile(findFile(parseManifest(manifest).manifest, path), bytes);
    }
    return bytes;
  }

  async function read(name: string, version: string, path: string): Promise<Result<Uint8Array>> {
    try {
      const isBundled = name === bundled.name && version === bundled.version;
      return {
        ok: true,
        value: isBundled ? readBundled(path) : await store.readFile(name, version, path),
      };
    } catch (cause) {
      if (cause instanceof ArtifactError && cause.failure.reason === 'missing') {
        return { ok: false, error: { code: 'model_not_found', model: `${name}@${version}` } };
      }
      log({ level: 'error', event: 'model_file_failed', model: `${name}@${version}`, path, cause });
      return {
        ok: false,
        error: { code: 'model_unavailable', retryAfterSeconds: RETRY_AFTER_SECONDS },
      };
    }
  }

  return {
    read,
    async readManifest(name, version) {
      const file = await read(name, version, MANIFEST_FILE);
      return file.ok ? { ok: true, value: parseManifest(file.value) } : file;
    },
  };
}
