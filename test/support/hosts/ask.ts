/** Requests that tests send to a running service. */
import * as v from 'valibot';
import { digitsSchema } from '../../../shared/contract/answers.ts';
import { checkDocumented } from '../documented.ts';

export interface Asking {
  /** Takes a path and the options of fetch. */
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>;
  /** Returns the body of an answer, whatever its status. */
  readonly getBytes: (path: string) => Promise<Buffer>;
  /** Returns a JSON answer with digits in its documented type. */
  readonly getDigits: (path: string) => Promise<v.InferOutput<typeof digitsSchema>>;
}

/** Makes a client of the service at an address. Each answer must be one that OpenAPI describes. */
export function askAt(url: URL): Asking {
  const ask: Asking['fetch'] = async (path, init) => {
    const answer = await fetch(new URL(path, url), init);
    await checkDocumented(init?.method ?? 'GET', answer);
    return answer;
  };
  return {
    fetch: ask,
    getBytes: async (path) => Buffer.from(await (await ask(path)).arrayBuffer()),
    getDigits: async (path) => v.parse(digitsSchema, await (await ask(path)).json()),
  };
}
