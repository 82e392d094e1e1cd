/**
 * The whole API in this process: the worker's app without a bucket. It answers with the same bytes.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ArtifactError,
  MANIFEST_FILE,
  parseManifest,
  WEIGHTS_FILE,
} from '../../shared/model/artifact.ts';
import { ENCODER_FILES } from '../../shared/model/encoder.ts';
import type { LogEvent } from '../../worker/http/log.ts';
import type { BundledModel } from '../../worker/models/model-store.ts';
import { createService } from '../../worker/service.ts';
import { CliError, describeFault, EXIT } from './output.ts';

/**
 * Requests a path with a query.
 * @param accept  The media type, where the path has no extension.
 * @param body    The body of a POST.
 */
export type Ask = (
  path: string,
  accept?: string,
  body?: Uint8Array | FormData,
) => Promise<Response>;

/** The address of requests to a service without one. */
const NOWHERE = 'http://localhost';

/**
 * Makes the service.
 * @param base   The start of absolute URLs in answers; without it JSON has none.
 * @param model  Default: the model that ships.
 */
export function createLocalService(base: URL | undefined, model?: BundledModel): Ask {
  const name =
    model === undefined ? 'the model that ships' : `model ${model.name}@${model.version}`;
  let failure: unknown;
  const log = ({ level, cause }: LogEvent) => {
    failure = level === 'error' ? cause : failure;
  };
  const app = createService({
    models: undefined,
    ...(model && { bundled: model }),
    modelRefreshMs: 600_000,
    isOffline: base === undefined,
    log,
  });
  const address = base ?? new URL(NOWHERE);
  const basePath = address.pathname.replace(/\/$/, '');
  return async (path, accept, body) => {
    // Pictures are requested by Accept, not by an extension, so that errors are problem details.
    const headers = accept === undefined ? {} : { accept: `${accept}, application/problem+json` };
    const sent = body && { method: 'POST', body: body as Uint8Array<ArrayBuffer> | FormData };
    const answer = await app.request(
      new URL(path, address).href,
      { ...sent, headers },
      { basePath },
    );
    if (answer.status >= 500) {
      const why = failure instanceof Error ? failure.message : await answer.text();
      throw new CliError(`${name} does not draw: ${why}`, EXIT.failed, { cause: failure });
    }
    return answer;
  };
}

/**
 * Opens the user's own model: a folder from training, from `npm run trainer -- quantize` or from a
 * published key. The weights are verified at the first drawing.
 * @throws CliError  When the folder holds no model.
 */
export function openModelFolder(folder: string): BundledModel {
  const readFile = (path: string): Uint8Array => {
    try {
      return new Uint8Array(readFileSync(join(folder, path)));
    } catch (cause) {
      const message = `--model ${folder}: ${path} cannot be read (${describeFault(cause)}), expected a model’s folder, such as a run’s model/`;
      throw new CliError(message, EXIT.failed, { cause });
    }
  };
  try {
    const parsed = parseManifest(readFile(MANIFEST_FILE), { inAnyForm: true });
    const { name, version } = parsed.manifest;
    return {
      name,
      version,
      // A model may have no encoder.
      readFile: (path) =>
        ENCODER_FILES.includes(path) && !existsSync(join(folder, path))
          ? undefined
          : readFile(path),
      read: () => ({ parsed, weights: readFile(WEIGHTS_FILE) }),
    };
  } catch (cause) {
    if (cause instanceof ArtifactError) {
      throw new CliError(`--model ${folder}: ${cause.message}`, EXIT.failed, { cause });
    }
    throw cause;
  }
}
