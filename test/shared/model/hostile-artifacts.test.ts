/**
 * A share of what `npm run hunt -- artifacts` tries, and what it once found.
 */
import { describe, expect, it } from 'vitest';
import { isFault, judgeCase } from '../../support/artifact-fuzz/load.ts';
import { MUTATION_NAMES } from '../../support/artifact-fuzz/mutations.ts';

const CASES = 4000;
/** As `npm run hunt -- artifacts` allows. */
const LIMIT_MS = 10_000;

describe('an artifact that was spoilt in any way', () => {
  it('either draws or is refused with an ArtifactError of few words, in time', async () => {
    const faults: string[] = [];
    const outcomes = new Map<string, Set<string>>();
    for (let index = 0; index < CASES; index++) {
      const verdict = await judgeCase('gate', index);
      outcomes.set(
        verdict.mutation,
        (outcomes.get(verdict.mutation) ?? new Set()).add(verdict.outcome),
      );
      if (isFault(verdict) || verdict.ms > LIMIT_MS) {
        faults.push(`${index}, ${verdict.mutation}: ${verdict.outcome} in ${verdict.ms} ms`);
      }
    }
    expect(faults).toEqual([]);
    // Else the net would have holes that nobody sees: each way was gone, good ones were drawn, bad ones refused.
    expect([...outcomes.keys()].toSorted()).toEqual(MUTATION_NAMES.toSorted());
    expect(outcomes.get('nothing at all')).toContain('drawn');
    const reasons = new Set([...outcomes.values()].flatMap((set) => [...set]));
    for (const reason of [
      'malformed',
      'not_json',
      'not_finite',
      'hash_mismatch',
      'version_mismatch',
      'size_mismatch',
      'too_large',
    ]) {
      expect(reasons).toContain(reason);
    }
  }, 180_000);
});
