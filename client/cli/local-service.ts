/**
 * The whole API in this process: the worker's own app, without a bucket. What it answers are the service's bytes.
 */
import { createApp } from '../../worker/app.ts';
import { BUNDLED_MODEL } from '../../worker/bundled-model.ts';
import { createGeneratorSource } from '../../worker/generator-source.ts';
import type { LogEvent } from '../../worker/log.ts';
import { createModelFiles, type BundledFiles } from '../../worker/model-files.ts';
import { createModelStore, type StoredModel } from '../../worker/model-store.ts';
import { openModel } from '../../worker/tensorflow/open-model.ts';
import { CliError, EXIT } from './cli-error.ts';

/** A model that draws without a bucket. */
export interface LocalModel extends BundledFiles {
  read(): StoredModel;
}

/** Asks the API for a path with a query. @param accept  The media type that is wanted where the path does not say. */
export type Ask = (path: string, accept?: string) => Promise<Response>;

/** Nothing is ever published here. */
const EMPTY_BUCKET = { get: async () => null };

/** There is nobody to wait for. */
const NO_LIMIT_MS = 600_000;

/**
 * Makes the service.
 * @param base   What absolute URLs in answers begin with.
 * @param model  The one that draws; without it the one that ships.
 */
export function createLocalService(base: URL, model: LocalModel = BUNDLED_MODEL): Ask {
  const store = createModelStore(EMPTY_BUCKET, NO_LIMIT_MS);
  let failure: unknown;
  const log = ({ level, cause }: LogEvent) => {
    failure = level === 'error' ? cause : failure;
  };
  const app = createApp({
    generators: createGeneratorSource({
      store,
      bundled: model,
      openModel,
      refreshMs: NO_LIMIT_MS,
      firstWaitMs: NO_LIMIT_MS,
      silenceWaitMs: NO_LIMIT_MS,
      loadWaitMs: NO_LIMIT_MS,
      clock: () => Date.now(),
      log,
    }),
    modelFiles: createModelFiles(store, model, log),
    drawSeed,
    drawRequestId: () => crypto.randomUUID(),
    clock: () => performance.now(),
    log,
  });
  return async (path, accept) => {
    // An error shall tell itself as problem details, whatever is asked for: so Accept, and no extension, asks for pictures.
    const headers = accept === undefined ? {} : { accept: `${accept}, application/problem+json` };
    const answer = await app.request(new URL(path, base).href, { headers });
    if (answer.status >= 500) {
      const why = failure instanceof Error ? failure.message : await answer.text();
      throw new CliError(`model ${model.name}@${model.version} does not draw: ${why}`, EXIT.failed, { cause: failure });
    }
    return answer;
  };
}

/** 12 bytes as 16 URL-safe characters, as the service draws them. */
function drawSeed(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(12))).toString('base64url');
}
