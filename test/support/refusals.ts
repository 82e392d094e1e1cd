import type { ApiError } from '../../shared/contract/errors.ts';
import { Refusal } from '../../shared/contract/refusal.ts';

type Outcome<Q> =
  | { readonly ok: true; readonly query: Q }
  | { readonly ok: false; readonly error: ApiError };

/** Does work that may refuse a query. Any other failure is thrown. */
export function attempt<Q>(work: () => Q): Outcome<Q> {
  try {
    return { ok: true, query: work() };
  } catch (cause) {
    if (cause instanceof Refusal) {
      return { ok: false, error: cause.error };
    }
    throw cause;
  }
}
