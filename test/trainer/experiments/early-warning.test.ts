import { describe, expect, it } from 'vitest';
import { buildDocument } from '../../../trainer/experiments/document.ts';
import { cutRuns, findWarnings, hasCollapsed } from '../../../trainer/experiments/early-warning.ts';
import type { ExperimentResult } from '../../../trainer/experiments/records.ts';
import { makeArm, makeResult } from './fixtures.ts';

/** Arms whose discriminator's loss falls early collapse; nothing else differs early. */
const RUNS = [
  ...makeArm('tutorial', { frechet: [600, 500, 500], discriminatorLoss: 0.02 }),
  ...makeArm('deep-wide', { frechet: [600, 500, 500], discriminatorLoss: 0.04 }),
  ...makeArm('r1', { frechet: [600, 500, 500], discriminatorLoss: 0.4 }),
  ...makeArm('vae-init', { frechet: [600, 500, 500], discriminatorLoss: 0.6 }),
].map((run) => endOn(run, ['tutorial', 'deep-wide'].includes(run.arm) ? 1 : 9));

/** Gives a run that has all classes at first other classes at its end. */
function endOn(run: ExperimentResult, classes: number): ExperimentResult {
  const { quality } = makeResult('tutorial', 1, { frechet: [1], classes }).points[0] ?? {};
  const last = run.points.length - 1;
  return {
    ...run,
    points: run.points.map((point, i) => (i === last && quality ? { ...point, quality } : point)),
  };
}

const errors = ({ misses, falseAlarms }: { misses: number; falseAlarms: number }) =>
  misses + falseAlarms;

describe('early warnings', () => {
  it('know a collapse by the classes at the end, and take a divergence for one', () => {
    expect(RUNS.map(hasCollapsed)).toEqual(RUNS.map(({ arm }) => /tutorial|deep/.test(arm)));
    expect(hasCollapsed(makeResult('r1', 1, { frechet: [9], failure: 'diverged' }))).toBe(true);
    const late = makeResult('deep-equal', 1, { frechet: Array.from({ length: 10 }, () => 500) });
    expect([late, endOn(late, 1)].map(hasCollapsed)).toEqual([false, true]);
  });

  it('find the figure that tells, and rate it on arms that its threshold has not seen', () => {
    const [best, ...others] = findWarnings(RUNS);
    expect(best).toMatchObject({ title: "D's loss", side: 'below' });
    expect(best?.threshold).toBeCloseTo(0.22, 9);
    // The threshold for `deep-wide` lies between 0.02 and 0.4, that for `r1` below 0.6.
    expect(best?.unseen).toEqual({ hits: 6, misses: 0, falseAlarms: 0 });
    expect(others.every((other) => errors(other.unseen) > 0)).toBe(true);
  });

  it('are in the document, which says so when all runs ended alike', async () => {
    const text = (await buildDocument(RUNS)).get('experiments.md');
    expect(text).toMatch(/\*\*D's loss\*\* of the first 500 steps .* it predicts 6 of 6 collapses/);
    expect(text).toMatch(/^\| D's loss \| below 0\.220 \| 6 \| 0 \| 0 \|$/m);
    const alike = (await buildDocument(RUNS.filter(hasCollapsed))).get('experiments.md');
    expect(alike).toContain('**It cannot be told** from runs that all ended alike.');
  });

  it('tell how longer runs stood after 3,000 steps too', async () => {
    const frechet = Array.from({ length: 10 }, () => 500);
    // All classes from step 4,500 on.
    const recovering = makeArm('tutorial', { frechet, classes: 1, discriminatorLoss: 0.02 });
    const runs = [...recovering.map((run) => endOn(run, 10)), ...makeArm('r1', { frechet })];
    expect(cutRuns(runs, 3000).map(hasCollapsed)).toEqual([true, true, true, false, false, false]);
    const failed = makeResult('r1', 1, { frechet, failure: 'diverged before step 4500' });
    expect(cutRuns([failed], 3000).map(hasCollapsed)).toEqual([false]);
    expect(cutRuns([failed], 4500)).toEqual([failed]);
    const text = (await buildDocument(runs)).get('experiments.md');
    expect(text).toContain('After 3,000 steps, 3 of 6 runs are collapsed.');
    expect(text).toContain('After 4,500 steps, 0 of 6 runs are collapsed. **It cannot be told**');
  });
});
