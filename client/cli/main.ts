#!/usr/bin/env node
/**
 * `digitmint` on the command line: the only file that ends the process.
 */
import { run } from './program.ts';

Promise.withResolvers ??= withResolvers; // Node 20 has none, and the app needs it.

process.exitCode = await run(process.argv.slice(2));

function withResolvers<T>(): PromiseWithResolvers<T> {
  let parts: Pick<PromiseWithResolvers<T>, 'resolve' | 'reject'> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    parts = { resolve, reject };
  });
  return { promise, ...(parts as NonNullable<typeof parts>) };
}
