import { describe, expect, it } from 'vitest';
import {
  analyse,
  judgeArm,
  pickFigure,
  summariseFigure,
  type ArmRuns,
} from '../../../trainer/experiments/analysis.ts';
import { answerQuestion } from '../../../trainer/experiments/answers.ts';
import type { ArmName, QuestionName } from '../../../trainer/experiments/arms.ts';
import type { ExperimentResult } from '../../../trainer/experiments/records.ts';
import { makeArm, makeResult } from './fixtures.ts';

const TUTORIAL = makeArm('tutorial', {
  frechet: [600, 500, 400],
  classes: 2,
  discriminatorLoss: 0.03,
});

function answer(question: QuestionName, ...arms: ExperimentResult[][]): string {
  return answerQuestion(question, analyse([...TUTORIAL, ...arms.flat()]));
}

function getArm(name: ArmName, results: readonly ExperimentResult[]): ArmRuns {
  return analyse(results).arms.get(name) as ArmRuns;
}

describe('the analysis', () => {
  it('cuts all runs to the steps that each has done', () => {
    const { steps, arms } = analyse([...TUTORIAL, makeResult('r1', 1, { frechet: [600, 300] })]);
    expect(steps).toBe(500);
    expect(arms.get('tutorial')?.results[0]?.points).toHaveLength(2);
    expect([...arms.keys()]).toEqual(['tutorial', 'r1']);
  });

  it('takes the measurements that all runs share', () => {
    const odd = makeResult('r1', 1, { frechet: [600, 300, 200] });
    const points = odd.points.map((point) => ({
      ...point,
      step: point.step === 500 ? 400 : point.step,
    }));
    const { steps, arms } = analyse([...TUTORIAL, { ...odd, points }]);
    expect(steps).toBe(1000);
    for (const { results } of arms.values()) {
      expect(results[0]?.points.map(({ step }) => step)).toEqual([0, 1000]);
    }
  });

  it('averages the last third, takes geometric means of distances, and integrates the whole curve', () => {
    const arm = getArm('r1', [makeResult('r1', 1, { frechet: [800, 200, 100], classes: 4 })]);
    const [run] = arm.figures;
    expect(run?.frechet).toBeCloseTo(100, 6);
    expect(run?.frechetAlong).toBeCloseTo(800 ** 0.25 * 200 ** 0.5 * 100 ** 0.25, 6);
    expect(run?.frechetTimed).toBeCloseTo(100, 6);
    expect(run?.effectiveClasses).toBeCloseTo(4, 6);
    expect(run?.stepMs).toBeCloseTo(10, 6);
    expect(pickFigure(arm, 'frechet')[0]).toBeCloseTo(Math.log(100), 6);
    const two = getArm(
      'r1',
      [1, 4].map((factor, i) => makeResult('r1', i, { frechet: [10 * factor, 10 * factor] })),
    );
    expect(summariseFigure(two, 'frechet').mean).toBeCloseTo(20, 6);
  });

  it('compares arms of different speed after equal time', () => {
    const slow = makeResult('r1', 1, { frechet: [800, 200, 100] });
    const points = slow.points.map((point) => ({ ...point, cpuSeconds: point.cpuSeconds * 2 }));
    const { cpuSeconds, arms } = analyse([...TUTORIAL, { ...slow, points }]);
    expect(cpuSeconds).toBe(10);
    expect(arms.get('r1')?.figures[0]?.frechetTimed).toBeCloseTo(200, 6);
    const { cpuSeconds: less, arms: others } = analyse(
      [...TUTORIAL, makeResult('r1', 1, { frechet: [800, 200, 50] })].map((result) => ({
        ...result,
        points: result.points.map((point) =>
          result.arm === 'r1' ? { ...point, cpuSeconds: point.cpuSeconds * 0.75 } : point,
        ),
      })),
    );
    expect(less).toBe(7.5);
    expect(others.get('tutorial')?.figures[1]?.frechetTimed).toBeCloseTo(Math.sqrt(500 * 400), 6);
  });

  it('judges by the variance over seeds, and knows which direction is better', () => {
    const baseline = getArm('tutorial', TUTORIAL);
    const judge = (wanted: Parameters<typeof makeArm>[1]) => {
      const arm = getArm('r1', makeArm('r1', wanted));
      return [judgeArm(arm, baseline, 'frechet'), judgeArm(arm, baseline, 'effectiveClasses')];
    };
    expect(judge({ frechet: [600, 500, 200], classes: 9 })).toEqual(['better', 'better']);
    expect(judge({ frechet: [600, 500, 800], classes: 1 })).toEqual(['worse', 'worse']);
    expect(judge({ frechet: [600, 500, 410], classes: 2 })).toEqual(['level', 'level']);
  });

  it('keeps the measurements of a run that ended early', () => {
    const failed = makeResult('r1', 1, { frechet: [600], failure: 'diverged before step 100' });
    const { steps, arms } = analyse([...TUTORIAL, failed]);
    expect(steps).toBe(1000);
    expect(arms.get('r1')?.figures[0]?.failure).toBe('diverged before step 100');
  });

  it('counts no figure of a measurement whose loss was not finite', () => {
    const failure = 'diverged before step 1000';
    const failed = makeResult('r1', 1, { frechet: [600, 500, -1], failure });
    const points = failed.points.map((point, i) =>
      i === 2 ? { ...point, discriminatorLoss: -1, generatorLoss: -1 } : point,
    );
    const { arms } = analyse([...TUTORIAL, { ...failed, points }]);
    const [figures] = arms.get('r1')?.figures ?? [];
    expect(figures).toMatchObject({ failure, discriminatorLoss: 0.5 });
    expect(figures?.frechet).toBeCloseTo(500, 9);
  });
});

describe('the answer about depth', () => {
  const good = { frechet: [600, 400, 200] };
  const same = { frechet: [600, 500, 400] };
  const bad = { frechet: [600, 600, 700] };

  it.each([
    [
      good,
      good,
      /^\*\*Yes\.\*\* Over 1,000 steps, the figure that decides is the Fréchet distance\. Better than/,
    ],
    [
      good,
      same,
      /^\*\*It depends on the size\.\*\* .*Better .*: \*3 layers, wider\*\. No difference/,
    ],
    [same, bad, /^\*\*No\.\*\* .* Worse .*: \*3 layers, as many weights\*\. No difference/],
    [same, same, /^\*\*No difference that these seeds can show\.\*\* Over 1,000 steps,/],
  ])('follows the figures (%#)', (wide, equal, expected) => {
    expect(answer('depth', makeArm('deep-wide', wide), makeArm('deep-equal', equal))).toMatch(
      expected,
    );
  });

  it('tells what happens to the favoured classes', () => {
    const tell = (classes: number, diversity?: number) =>
      answer('depth', makeArm('deep-wide', { ...good, classes, ...(diversity && { diversity }) }));
    expect(tell(2)).toContain('The samples are as varied as the tutorial’s.');
    expect(tell(7)).toContain('More varied samples: *3 layers, wider*.');
    expect(tell(2, 0.1)).toContain('Less varied samples: *3 layers, wider*.');
  });

  it('uses the coarse distance when the classifier’s shows no difference', () => {
    const text = answer(
      'depth',
      makeArm('deep-wide', { ...same, coarse: 1 }),
      makeArm('deep-equal', same),
    );
    expect(text).toMatch(
      /^\*\*It depends on the size\.\*\* .*the coarse distance \(.*\)\. Better .*: \*3 layers, wider\*\./,
    );
    expect(answer('depth', makeArm('deep-wide', { ...good, coarse: 9 }))).toMatch(
      /^\*\*Yes\.\*\*.* is the Fréchet distance\./,
    );
  });
});

describe('the answer about priors', () => {
  it('ranks them by their progress during the run', () => {
    const text = answer(
      'prior',
      makeArm('gaussian', { frechet: [600, 200, 400] }),
      makeArm('truncated', { frechet: [600, 500, 400] }),
      makeArm('sparse', { frechet: [900, 900, 400] }),
    );
    expect(text).toMatch(
      /^\*\*It matters\.\*\* .*: \*Gaussian\*\. Worse .*: \*sparse\*\. No difference .*: \*truncated Gaussian\*\./,
    );
    expect(answer('prior', makeArm('sparse', { frechet: [900, 900, 400] }))).toMatch(
      /^\*\*None is faster than the uniform one\.\*\*/,
    );
  });

  it('says when none differs', () => {
    expect(answer('prior', makeArm('gaussian', { frechet: [600, 500, 400] }))).toMatch(
      /^\*\*None, as far as these seeds can show\.\*\*/,
    );
  });
});

describe('the answer about the VAE', () => {
  it('tells what the GAN makes of the decoder', () => {
    // The VAE ends between measurements here, so the answer omits it.
    const text = answer('vae-init', makeArm('vae-init', { frechet: [600, 100, 300] }));
    expect(text).toMatch(
      /^\*\*Yes\.\*\* .*last third is better; after 10\.0 seconds of processor time each it is better\./,
    );
    expect(text).not.toContain('as a decoder it stood');
    const runs = [...TUTORIAL, ...makeArm('vae-init', { frechet: [600, 100, 300] })].map((run) => ({
      ...run,
      points: run.points.map((point, i) => (i === 1 ? { ...point, step: 400 } : point)),
    }));
    expect(answerQuestion('vae-init', analyse(runs))).toMatch(
      /as a decoder it stood at 99\.9\. The GAN's steps then lost that again, to 300\./,
    );
  });

  it('says no when it is slower', () => {
    expect(answer('vae-init', makeArm('vae-init', { frechet: [900, 900, 900] }))).toMatch(
      /^\*\*No, it is slower\.\*\*/,
    );
  });
});

describe('the answer about favoured classes', () => {
  it('names the remedy that comes closest to real digits, and what it says about the cause', () => {
    const text = answer(
      'collapse',
      makeArm('slow-d', { frechet: [600, 300, 200], classes: 10 }),
      makeArm('r1', { frechet: [600, 200, 100], classes: 9 }),
      makeArm('beta1-half', { frechet: [600, 200, 100], classes: 5 }),
      makeArm('glorot', { frechet: [600, 500, 400], classes: 2 }),
    );
    expect(text).toMatch(
      /makes 2\.00 ± 0\.000 classes in effect, of 10\. Its samples differ 0\.200 ± 0\.000 times as much as real digits\. The discriminator's loss is 0\.030/,
    );
    expect(text).toMatch(
      /\*\*The smallest cure found\*\* is \*R1 penalty\*: D’s loss has exact R1/,
    );
    expect(text).toContain(
      'The same holds for *equal rates*. More varied samples come from these, too: *beta1 0.5*.',
    );
    expect(text).toContain('What helps points to the cause: ');
    expect(text).toContain('No help that these seeds can show: *Glorot uniform*.');
  });

  it('says when no remedy solves it, or none helps', () => {
    expect(answer('collapse', makeArm('r1', { frechet: [600, 500, 400], classes: 5 }))).toContain(
      '**No single change cures it in so many steps.** These help: *R1 penalty*.',
    );
    expect(answer('collapse', makeArm('r1', { frechet: [600, 500, 400], classes: 2 }))).toContain(
      '**No single change tried here helps within so many steps.**',
    );
  });
});

it('an answer says that nothing was run, or that the runs are too few', () => {
  expect(answerQuestion('depth', analyse([]))).toBe('Not run yet.');
  expect(answer('depth')).toBe('Not run yet.');
  const single = [makeResult('deep-wide', 1, { frechet: [600, 10, 1] })];
  expect(answer('depth', single)).toMatch(/^\*\*Not to be said from so few runs\.\*\*/);
  expect(answer('depth', single, makeArm('deep-equal', { frechet: [600, 500, 400] }))).toMatch(
    / Of \*3 layers, wider\* there is one run only/,
  );
});
