/**
 * Asks the interface and reads what it says: the answer's bytes and its permanent URL, or its error in words.
 */

export interface Answer {
  readonly bytes: Blob;
  /** Path and query of the permanent URL. */
  readonly permalink: string;
  readonly seed: string;
  readonly model: string;
  /** What was passed over; empty without a warning. */
  readonly warning: string;
}

export interface Fault {
  /** What was expected, what came, what to do. */
  readonly detail: string;
  /** Names of the parameters at fault. */
  readonly parameters: readonly string[];
}

/** @returns  The answer, or why there is none. Rejects when `signal` aborts or the network fails. */
export async function ask(path: string, signal: AbortSignal): Promise<Answer | Fault> {
  // Named in Accept, problem details come for pictures too.
  const answer = await fetch(path, {
    signal,
    headers: { Accept: 'application/problem+json, */*' },
  });
  if (!answer.ok) {
    return readFault(answer);
  }
  return {
    bytes: await answer.blob(),
    permalink: answer.headers.get('Content-Location') ?? path,
    seed: decodeURIComponent(answer.headers.get('Digitmint-Seed') ?? ''),
    model: answer.headers.get('Digitmint-Model') ?? '',
    warning: answer.headers.get('Digitmint-Warning') ?? '',
  };
}

async function readFault(answer: Response): Promise<Fault> {
  const problem: unknown = await answer.json().catch(() => undefined);
  const { detail = `The answer was ${answer.status}.`, parameters = [] } = (problem ??
    {}) as Partial<Fault>;
  return { detail, parameters };
}
