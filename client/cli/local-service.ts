/**
 * The whole API in this process: the worker's app without a bucket. It answers with the same bytes.
 */
import type { LogEvent } from '../../worker/http/log.ts';
import type { BundledModel } from '../../worker/models/bundled-model.ts';
import { createService } from '../../worker/service.ts';
import { CliError, EXIT } from './cli-error.ts';

/** Requests a path with a query. @param accept  The media type, where the path has no extension. */
export type Ask = (path: string, accept?: string) => Promise<Response>;

/** No other model can appear. */
const NEVER_MS = 600_000;

/**
 * Makes the service.
 * @param base   The start of absolute URLs in answers.
 * @param model  Default: the model that ships.
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
    // Pictures are requested by Accept, not by an extension, so that errors are problem details.
    const headers = accept === undefined ? {} : { accept: `${accept}, application/problem+json` };
    const answer = await app.request(new URL(path, base).href, { headers });
    if (answer.status >= 500) {
      const why = failure instanceof Error ? failure.message : await answer.text();
      throw new CliError(`${name} does not draw: ${why}`, EXIT.failed, { cause: failure });
    }
    return answer;
  };
}
