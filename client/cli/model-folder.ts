/**
 * A model of one's own: the folder that training or `npm run trainer -- quantize` wrote, or that lies under a published key.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ArtifactError,
  MANIFEST_FILE,
  parseManifest,
  WEIGHTS_FILE,
} from '../../shared/model/artifact.ts';
import type { BundledModel } from '../../worker/models/model-store.ts';
import { CliError, EXIT } from './cli-error.ts';

/**
 * Opens a folder; the weights are read and verified when it first draws.
 * @throws CliError  When the folder is no model's.
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
