/**
 * Asks the API and reads the answer: its bytes and its canonical URL, or the error.
 */

export interface Answer {
  readonly bytes: Blob;
  /** Path and query of the canonical URL. */
  readonly permalink: string;
  readonly seed: string;
  readonly model: string;
  /** The header Digitmint-Warning; empty without one. */
  readonly warning: string;
}

export interface Fault {
  readonly detail: string;
  /** The parameters at fault. */
  readonly parameters: readonly string[];
}

/** Rejects when `signal` aborts or the network fails. */
export async function ask(path: string, signal: AbortSignal): Promise<Answer | Fault> {
  // Without this Accept, an error of a picture would be a picture.
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
