/**
 * What tests ask a running service for.
 */
import type * as z from 'zod';
import { digitsSchema } from '../../../shared/contract/answers.ts';

export interface Asking {
  /** Takes a path and what fetch takes. */
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>;
  /** The body of an answer, whatever its status. */
  readonly getBytes: (path: string) => Promise<Buffer>;
  /** An answer in JSON that is digits, as its description has it. */
  readonly getDigits: (path: string) => Promise<z.output<typeof digitsSchema>>;
}

/** Asks the service at an address. */
export function askAt(url: URL): Asking {
  const ask: Asking['fetch'] = (path, init) => fetch(new URL(path, url), init);
  return {
    fetch: ask,
    getBytes: async (path) => Buffer.from(await (await ask(path)).arrayBuffer()),
    getDigits: async (path) => digitsSchema.parse(await (await ask(path)).json()),
  };
}
