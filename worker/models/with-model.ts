/**
 * What every answer that a model draws has in common: a copy that is known to be current without the model, and a hold on the
 * model that is let go.
 */
import { getDefer, type AppContext, type AppDependencies } from '../context.ts';
import type { ModelChoice } from './generator-source.ts';
import { hasCurrent } from '../http/headers.ts';
import { countRequest } from '../http/rate-limit.ts';
import { respondError } from '../http/respond-error.ts';
import type { Generator, Lease } from './sampler-cache.ts';

/** What a request says itself of what it wants. */
interface Asked {
  readonly seed: string | undefined;
  readonly model: ModelChoice;
}

/**
 * A URL that says it all is its own answer's name: whoever has that answer needs no model.
 *
 * @param describe  Gives the answer's headers, with its ETag.
 * @returns         The 304, or undefined where the model is needed.
 */
export function answerCurrent(
  c: AppContext,
  { seed, model }: Asked,
  describe: (
    model: { readonly name: string; readonly version: string },
    seed: string,
  ) => Record<string, string>,
): Response | undefined {
  if (seed === undefined || model?.version === undefined) {
    return undefined;
  }
  const headers = describe({ name: model.name, version: model.version }, seed);
  return hasCurrent(c, headers['ETag']) ? c.body(null, 304, headers) : undefined;
}

/** Answers with the model that was asked for, or with why there is none. @param answer  The model is its until it returns. */
export async function withModel(
  c: AppContext,
  { generators, rateLimits }: Pick<AppDependencies, 'generators' | 'rateLimits'>,
  model: ModelChoice,
  answer: (generator: Generator) => Response | Promise<Response>,
): Promise<Response> {
  // A version is looked for in storage, and whoever has its answer got a 304 before.
  const refused =
    model?.version === undefined ? undefined : await countRequest(c, rateLimits, false);
  if (refused !== undefined) {
    return respondError(c, refused);
  }
  const defer = getDefer(c);
  const acquired = await generators.acquire(model, defer);
  if (!acquired.ok) {
    return respondError(c, acquired.error);
  }
  const answered = answerAndRelease(acquired.lease, answer);
  defer(answered); // Should its request be cancelled while it waits its turn, the model is let go all the same.
  return answered;
}

async function answerAndRelease(
  { generator, release }: Lease,
  answer: (generator: Generator) => Response | Promise<Response>,
): Promise<Response> {
  try {
    return await answer(generator);
  } finally {
    release();
  }
}
