/**
 * The answers that a soak expects.
 */
import { createHash } from 'node:crypto';

/**
 * An answer that says that much is under way, and when to come back.
 * @returns  Its name in the table.
 */
export function expectBusy(path: string, answer: Response): string {
  expectSame(path, [answer.status, answer.headers.get('retry-after')], [503, '1']);
  return 'busy, 503';
}

/** @throws Error  Naming the path, when what came differs. */
export function expectSame(path: string, actual: unknown, expected: unknown): void {
  const [came, awaited] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (came !== awaited) {
    throw new Error(`${path} gives ${came}, expected ${awaited}`);
  }
}

/** SHA-256 in hex digits, by Node's own. */
export function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The fields of `/healthz` that are checked. */
export interface Health {
  readonly status: string;
  readonly model: { readonly name: string; readonly version: string } | null;
  readonly lastError: { readonly reason: string } | null;
}
