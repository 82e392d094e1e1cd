/**
 * Draws a range of digits part by part, for answers that are streamed.
 */
import type { Samples } from '../../shared/model/sampler.ts';
import { getDefer, type AppContext, type AppDependencies } from '../context.ts';

/** Whose digits, without the range. */
export interface PartSource {
  readonly model: { readonly name: string; readonly version: string };
  readonly seed: string;
  readonly label: number | undefined;
}

/**
 * Makes a function that draws `count` digits from `first` on. The model is taken hold of for each part anew, by its
 * version: a reader who goes away holds nothing.
 */
export function createPartDrawer(
  c: AppContext,
  { generators }: AppDependencies,
  { model, seed, label }: PartSource,
): (first: number, count: number) => Promise<Samples> {
  return async (first, count) => {
    const acquired = await generators.acquire(model, getDefer(c));
    if (!acquired.ok) {
      throw new Error(`the model went away in the middle of an answer: ${acquired.error.code}`);
    }
    try {
      return acquired.lease.generator.sampler.draw({
        seed,
        start: first,
        count,
        ...(label !== undefined && { label }),
      });
    } finally {
      acquired.lease.release();
    }
  };
}
