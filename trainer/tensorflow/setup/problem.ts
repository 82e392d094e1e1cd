/**
 * What can go wrong while libtensorflow is set up, as far as it was foreseen.
 */
import { ExpectedError } from '../../../shared/expected-error.ts';

/** An expected failure. The message says what was expected, what came, and what to do; it needs no stack. */
export class SetUpProblem extends ExpectedError {
  override name = 'SetUpProblem' as const;
}

/** Says whether an error, or what a tool printed, means that the disk is full. */
export function isDiskFull(evidence: unknown): boolean {
  if (typeof evidence === 'string') {
    return /no space left on device|disk quota exceeded/i.test(evidence);
  }
  const code = (evidence as NodeJS.ErrnoException | null)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT';
}
