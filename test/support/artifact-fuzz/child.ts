/**
 * A program: judges cases one after the other and writes a line of JSON for each, at once, so that
 * a case that hangs or ends the process is known by the line that is missing.
 *
 *   node test/support/artifact-fuzz/child.ts SEED FROM TO
 */
import { writeSync } from 'node:fs';
import { judgeCase, type Verdict } from './load.ts';

/** Asking takes longer than most cases; a peak that was missed is in the next answer. */
const ASK_EVERY = 250;

/** A line of the output. */
export interface Line extends Verdict {
  readonly index: number;
  /**
   * Most that the process ever held, its program included, in KiB; asked for now and then and at
   * the end.
   */
  readonly peakKiB?: number;
}

if (process.argv[1] === import.meta.filename) {
  const [seed = '1', from = '0', to = '0'] = process.argv.slice(2);
  for (let index = Number(from); index < Number(to); index++) {
    const verdict = await judgeCase(seed, index);
    const isAsked = index % ASK_EVERY === 0 || index === Number(to) - 1;
    const line: Line = {
      index,
      ...verdict,
      ...(isAsked && { peakKiB: process.resourceUsage().maxRSS }),
    };
    writeSync(1, `${JSON.stringify(line)}\n`);
  }
}
