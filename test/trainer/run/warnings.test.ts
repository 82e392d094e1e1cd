import { describe, expect, it } from 'vitest';
import { thinMetrics, type MetricsLine } from '../../../trainer/run/log/metrics.ts';
import { findWarnings } from '../../../trainer/run/log/warnings.ts';

type Figures = Partial<Omit<MetricsLine, 'step' | 'imagesSeen'>>;

const HEALTHY = {
  discriminatorLoss: 0.05,
  generatorLoss: 5,
  discriminatorGradientNorm: 0.2,
  generatorGradientNorm: 6,
  diversity: 0.4,
};

/** Makes a run's lines on its own schedule, healthy except where `change` overrides them. */
function makeHistory(steps: number, change: (step: number) => Figures = () => ({})): MetricsLine[] {
  const lines: MetricsLine[] = [];
  for (let step = 0; step <= steps; step += step < 100 ? 10 : 100) {
    lines.push({ step, imagesSeen: (step + 1) * 256, ...HEALTHY, ...change(step) });
  }
  return lines;
}

/**
 * Replays a history as a run does.
 * @returns  The raised warnings, each with its step.
 */
function replay(history: readonly MetricsLine[]): [step: number, code: string][] {
  const seen: MetricsLine[] = [];
  for (const line of history) {
    const warnings = findWarnings([...seen, line]);
    seen.push(warnings.length > 0 ? { ...line, warnings } : line);
  }
  return seen.flatMap(({ step, warnings = [] }) =>
    warnings.map(({ code }): [number, string] => [step, code]),
  );
}

describe('no warning is raised by', () => {
  it('a run with constant figures', () => {
    expect(replay(makeHistory(10_000))).toEqual([]);
  });

  it('the tutorial’s run, whose discriminator is far ahead for 1,000 steps and whose diversity dips', () => {
    // [step, D loss, G loss, D's norm, G's norm, diversity], as measured on all of MNIST with seed
    // "1".
    const measured = [
      [0, 1.496, 1.232, 7.195, 1.064, 0.5765],
      [10, 0.2287, 4.113, 1.014, 1.732, 0.5764],
      [20, 0.06055, 4.599, 0.2779, 2.129, 0.5758],
      [30, 0.02521, 5.437, 0.1299, 2.316, 0.5745],
      [40, 0.01668, 5.834, 0.08659, 2.485, 0.5724],
      [50, 0.01232, 5.844, 0.0727, 2.688, 0.5696],
      [60, 0.0121, 5.84, 0.0783, 2.823, 0.5658],
      [70, 0.01112, 5.99, 0.07261, 2.88, 0.561],
      [80, 0.01027, 6.165, 0.06578, 2.929, 0.5551],
      [90, 0.01207, 6.191, 0.07087, 2.997, 0.5481],
      [100, 0.0114, 6.154, 0.06613, 3.101, 0.54],
      [200, 0.01488, 7.346, 0.097, 3.614, 0.4262],
      [300, 0.08739, 5.322, 0.2569, 5.505, 0.3666],
      [400, 0.1361, 4.4, 0.3792, 6.322, 0.3809],
      [500, 0.04552, 5.093, 0.1693, 6.089, 0.3724],
      [600, 0.02537, 4.951, 0.147, 5.928, 0.3834],
      [700, 0.02792, 5.191, 0.1356, 5.767, 0.3852],
      [800, 0.02679, 5.008, 0.1342, 5.918, 0.3785],
      [900, 0.0156, 4.944, 0.226, 6.485, 0.3785],
      [1000, 0.02181, 4.903, 0.2167, 6.836, 0.3741],
      [1500, 0.03554, 4.552, 0.2225, 10.01, 0.3423],
      [2000, 0.07313, 6.06, 0.37, 12, 0.3193],
      [3000, 0.01993, 6.898, 0.2, 13, 0.41],
      [4000, 0.013, 6.702, 0.2, 13, 0.4994],
      [5000, 0.0305, 6.066, 0.1835, 9.17, 0.582],
      [6000, 0.01343, 6.985, 0.2, 9, 0.65],
      [10_000, 0.1405, 5.148, 0.2, 9, 0.7979],
      [20_000, 0.2163, 4.61, 0.2, 9, 0.8738],
    ] as [number, number, number, number, number, number][];
    const history = measured.map(([step, d, g, dNorm, gNorm, diversity]) => ({
      step,
      imagesSeen: (step + 1) * 256,
      discriminatorLoss: d,
      generatorLoss: g,
      discriminatorGradientNorm: dNorm,
      generatorGradientNorm: gNorm,
      diversity,
    }));
    expect(replay(history)).toEqual([]);
    // Each line is repeated for the steps up to the next line.
    const filled = makeHistory(
      20_000,
      (step) => history.findLast((line) => line.step <= step) ?? {},
    ).map((line, i) => ({
      ...line,
      step: makeHistory(20_000)[i]?.step ?? 0,
    }));
    expect(replay(filled)).toEqual([]);
  });

  it('lines of an older version, without norms and with few diversities', () => {
    const history = Array.from({ length: 30 }, (_, i) => ({
      step: i * 1000,
      imagesSeen: 0,
      discriminatorLoss: 0.001,
      generatorLoss: i,
    }));
    expect(replay(history)).toEqual([]);
  });
});

describe('a discriminator that wins', () => {
  it('is reported once it lasts, and only once', () => {
    const history = makeHistory(3000, (step) => ({ discriminatorLoss: step < 20 ? 1 : 1e-6 }));
    expect(replay(history)).toEqual([[500, 'discriminator-wins']]);
  });

  it('is reported despite a single line to the contrary', () => {
    const history = makeHistory(2000, (step) => ({
      discriminatorLoss: step > 1000 && step !== 1300 ? 1e-4 : 0.05,
    }));
    expect(replay(history)).toEqual([[1400, 'discriminator-wins']]);
  });

  it('is not reported when it loses its lead again within 300 steps', () => {
    expect(
      replay(
        makeHistory(3000, (step) => ({
          discriminatorLoss: step >= 1000 && step < 1200 ? 1e-6 : 0.05,
        })),
      ),
    ).toEqual([]);
  });
});

describe('a generator’s loss', () => {
  it('that doubles steadily is reported', () => {
    const history = makeHistory(6000, (step) => ({
      generatorLoss: step < 2000 ? 4 : 4 + (step - 2000) * 0.004,
    }));
    expect(replay(history).map(([, code]) => code)).toEqual(['generator-loss-rises']);
  });

  it('that rises in the first steps, or by half, is not reported', () => {
    expect(
      replay(makeHistory(3000, (step) => ({ generatorLoss: step < 500 ? 1 + step / 80 : 7 }))),
    ).toEqual([]);
    expect(replay(makeHistory(5000, (step) => ({ generatorLoss: 4 + step * 0.0004 })))).toEqual([]);
  });
});

describe('a diversity', () => {
  it('that is low and stays low is reported as a collapse', () => {
    const history = makeHistory(2000, () => ({ diversity: 0.08 }));
    expect(replay(history)).toEqual([[500, 'diversity-low']]);
  });

  it('that falls fast is reported before it is low', () => {
    const history = makeHistory(5000, (step) => ({
      diversity: step < 3000 ? 0.8 : Math.max(0.3, 0.8 - (step - 3000) / 1000),
    }));
    const [first] = replay(history);
    expect(first?.[1]).toBe('diversity-falls');
    expect(first?.[0]).toBeLessThan(3700);
  });

  it('of noise that gives way to digits is not reported', () => {
    expect(replay(makeHistory(3000, (step) => ({ diversity: step < 200 ? 0.9 : 0.35 })))).toEqual(
      [],
    );
  });
});

describe('a gradient', () => {
  it.each(['discriminatorGradientNorm', 'generatorGradientNorm'] as const)(
    '%s that grows tenfold is reported as exploding',
    (figure) => {
      const history = makeHistory(3000, (step) => ({
        [figure]: HEALTHY[figure] * (step < 2000 ? 1 : 15),
      }));
      expect(replay(history)).toEqual([[2100, 'gradients-explode']]);
    },
  );

  it('that is huge from the start is reported as exploding', () => {
    expect(replay(makeHistory(200, () => ({ generatorGradientNorm: 5e4 })))).toEqual([
      [20, 'gradients-explode'],
    ]);
  });

  it('that jumps once is not reported', () => {
    expect(
      replay(makeHistory(3000, (step) => (step === 2000 ? { generatorGradientNorm: 900 } : {}))),
    ).toEqual([]);
  });

  it('that is nearly 0 is reported as vanishing', () => {
    expect(replay(makeHistory(1000, () => ({ generatorGradientNorm: 1e-6 })))).toEqual([
      [500, 'gradients-vanish'],
    ]);
    expect(replay(makeHistory(1000, () => ({ discriminatorGradientNorm: 1e-6 })))).toEqual([
      [500, 'gradients-vanish'],
    ]);
  });

  it('of a winning discriminator is not reported too', () => {
    const history = makeHistory(1000, () => ({
      discriminatorGradientNorm: 1e-6,
      discriminatorLoss: 1e-6,
    }));
    expect(replay(history)).toEqual([[500, 'discriminator-wins']]);
  });
});

it('a warning names the observation, its meaning and the remedy', () => {
  const [warning] = findWarnings(makeHistory(600, () => ({ discriminatorLoss: 1.234e-6 })));
  expect(warning?.message).toMatch(/loss was 0\.0000012 \(median\), so it is sure of every image/);
  expect(warning?.advice).toMatch(/Lower the discriminator's learning rate/);
});

it('a page has up to 2,000 lines of a long run: the first, the last, those of warnings and of grids', () => {
  const warnings = [{ code: 'c', message: 'm', advice: 'a' }];
  const long = makeHistory(1_000_000, (step) => (step === 777_700 ? { warnings } : {}));
  const thin = thinMetrics(long, new Set([555_500]));
  const steps = thin.map(({ step }) => step);
  expect(thin.length).toBeGreaterThan(1000);
  expect(thin.length).toBeLessThan(2004);
  expect(steps).toEqual(expect.arrayContaining([0, 555_500, 777_700, long.at(-1)?.step]));
  expect(thinMetrics(long.slice(0, 2000), new Set())).toEqual(long.slice(0, 2000));
});
