/**
 * A program that judges cases one by one and writes one line of JSON for each at once. A missing
 * line identifies the case that hung or ended the process.
 *
 *     node test/support/artifact-fuzz/child.ts SEED FROM TO
 */
import { writeSync } from 'node:fs';
import { judgeCase, type Verdict } from './load.ts';

/**
 * Reading the peak takes longer than most cases. The next reading includes a peak that was missed.
 */
const ASK_EVERY = 250;

/** A line of the output. */
export interface Line extends Verdict {
  readonly index: number;
  /** Peak memory of the whole process in KiB; read now and then, and at the end. */
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
