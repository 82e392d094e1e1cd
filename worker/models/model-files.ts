/**
 * The files of published models, verified, for callers that run a model themselves.
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
import type { BundledModel } from './bundled-model.ts';
import type { ModelStore } from './model-store.ts';

const RETRY_AFTER_SECONDS = 10;

type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ApiError };

export interface ModelFiles {
  /** Reads a file of a version: the published bytes, verified by the manifest's hash. */
  read(name: string, version: string, path: string): Promise<Result<Uint8Array>>;
  readManifest(name: string, version: string): Promise<Result<ParsedManifest>>;
}

export function createModelFiles(
  store: Pick<ModelStore, 'readFile'>,
  bundled: Pick<BundledModel, 'name' | 'version' | 'readFile'>,
  log: Log,
): ModelFiles {
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
    const model = `${name}@${version}`;
    try {
      const isBundled = model === `${bundled.name}@${bundled.version}`;
      const value = isBundled ? readBundled(path) : await store.readFile(name, version, path);
      return { ok: true, value };
    } catch (cause) {
      if (cause instanceof ArtifactError && cause.failure.reason === 'missing') {
        return { ok: false, error: { code: 'model_not_found', model } };
      }
      log({ level: 'error', event: 'model_file_failed', model, path, cause });
      const retryAfterSeconds = RETRY_AFTER_SECONDS;
      return { ok: false, error: { code: 'model_unavailable', retryAfterSeconds } };
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
