/** Runs a part of `npm run hunt -- artifacts`, and the artifacts with which it once found a bug. */
import { describe, expect, it } from 'vitest';
import { isFault, judgeCase } from '../../support/artifact-fuzz/load.ts';
import { MUTATION_NAMES } from '../../support/artifact-fuzz/mutations.ts';

const CASES = 2000;
/** The limits of `npm run hunt -- artifacts`. */
const LIMIT_MS = 10_000;

describe('an artifact that was damaged in any way', () => {
  it('draws or is refused with a short ArtifactError, within the time limit', async () => {
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
    // The cases must reach every kind of result: drawn artifacts and each reason for refusal.
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
  });
});
