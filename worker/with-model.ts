/**
 * What every answer that a model draws has in common: a copy that is known to be current without the model, and a hold on the
 * model that is let go.
 */
import { getDefer, type AppContext, type AppDependencies } from './context.ts';
import type { ModelChoice } from './generator-source.ts';
import { hasCurrent } from './headers.ts';
import { respondError } from './respond-error.ts';
import type { Generator } from './sampler-cache.ts';

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
  describe: (model: { readonly name: string; readonly version: string }, seed: string) => Record<string, string>,
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
  { generators }: Pick<AppDependencies, 'generators'>,
  model: ModelChoice,
  answer: (generator: Generator) => Response | Promise<Response>,
): Promise<Response> {
  const acquired = await generators.acquire(model, getDefer(c));
  if (!acquired.ok) {
    return respondError(c, acquired.error);
  }
  const { generator, release } = acquired.lease;
  try {
    return await answer(generator);
  } finally {
    release();
  }
}
