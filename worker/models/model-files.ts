/** The files of published models, verified, for callers that run a model themselves. */
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
import { RETRY_AFTER_SECONDS } from './generator-source.ts';
import type { ModelStore } from './model-store.ts';

export type ModelFiles = ReturnType<typeof createModelFiles>;

export function createModelFiles(
  store: Pick<ModelStore, 'readFile'>,
  bundled: Pick<BundledModel, 'name' | 'version' | 'readFile'>,
  log: Log,
) {
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

  /** Reads a file of a version: the published bytes, verified by the manifest's hash. */
  async function read(name: string, version: string, path: string): Promise<Uint8Array | ApiError> {
    const model = `${name}@${version}`;
    try {
      const isBundled = name === bundled.name && version === bundled.version;
      return isBundled ? readBundled(path) : await store.readFile(name, version, path);
    } catch (cause) {
      if (cause instanceof ArtifactError && cause.failure.reason === 'missing') {
        return { code: 'model_not_found', model };
      }
      log({ level: 'error', event: 'model_file_failed', model, path, cause });
      return { code: 'model_unavailable', retryAfterSeconds: RETRY_AFTER_SECONDS };
    }
  }

  async function readManifest(name: string, version: string): Promise<ParsedManifest | ApiError> {
    const file = await read(name, version, MANIFEST_FILE);
    return 'code' in file ? file : parseManifest(file);
  }

  return { read, readManifest };
}
