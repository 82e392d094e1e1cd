/**
 * The whole API in this process: the worker's own app, without a bucket. What it answers are the service's bytes.
 */
import type { LogEvent } from '../../worker/http/log.ts';
import type { BundledModel } from '../../worker/models/model-store.ts';
import { createService } from '../../worker/service.ts';
import { CliError, EXIT } from './cli-error.ts';

/** Asks the API for a path with a query. @param accept  The media type that is wanted where the path does not say. */
export type Ask = (path: string, accept?: string) => Promise<Response>;

/** There is nothing to look for. */
const NEVER_MS = 600_000;

/**
 * Makes the service.
 * @param base   What absolute URLs in answers begin with.
 * @param model  The one that draws; without it the one that ships.
 */
export function createLocalService(base: URL, model?: BundledModel): Ask {
  const name =
    model === undefined ? 'the model that ships' : `model ${model.name}@${model.version}`;
  let failure: unknown;
  const log = ({ level, cause }: LogEvent) => {
    failure = level === 'error' ? cause : failure;
  };
  const app = createService({
    models: undefined,
    ...(model && { bundled: model }),
    modelRefreshMs: NEVER_MS,
    log,
  });
  return async (path, accept) => {
    // An error shall tell itself as problem details, whatever is asked for: so Accept, and no extension, asks for pictures.
    const headers = accept === undefined ? {} : { accept: `${accept}, application/problem+json` };
    const answer = await app.request(new URL(path, base).href, { headers });
    if (answer.status >= 500) {
      const why = failure instanceof Error ? failure.message : await answer.text();
      throw new CliError(`${name} does not draw: ${why}`, EXIT.failed, { cause: failure });
    }
    return answer;
  };
}
