/**
 * The user's own model: a folder from training, from `npm run quantize` or from a published key.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ArtifactError,
  MANIFEST_FILE,
  parseManifest,
  WEIGHTS_FILE,
} from '../../shared/model/artifact.ts';
import type { BundledModel } from '../../worker/models/bundled-model.ts';
import { CliError, EXIT } from './cli-error.ts';

/**
 * Opens a folder. The weights are read and verified at the first drawing.
 * @throws CliError  When the folder holds no model.
 */
export function openModelFolder(folder: string): BundledModel {
  const readFile = (path: string): Uint8Array => {
    try {
      return new Uint8Array(readFileSync(join(folder, path)));
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const message = `--model ${folder}: ${path} cannot be read (${code}), expected a model’s folder, such as a run’s model/`;
      throw new CliError(message, EXIT.failed, { cause });
    }
  };
  try {
    const parsed = parseManifest(readFile(MANIFEST_FILE));
    const { name, version } = parsed.manifest;
    return { name, version, readFile, read: () => ({ parsed, weights: readFile(WEIGHTS_FILE) }) };
  } catch (cause) {
    if (cause instanceof ArtifactError) {
      throw new CliError(`--model ${folder}: ${cause.message}`, EXIT.failed, { cause });
    }
    throw cause;
  }
}
