import { describe, expect, it } from 'vitest';
import digitsSmall from '../../../models/digits-small/manifest.json' with { type: 'json' };
import digits from '../../../models/digits/manifest.json' with { type: 'json' };
import { planGenerator } from '../../../shared/model/generator.ts';
import { planDiscriminator } from '../../../trainer/gan/networks.ts';
import {
  fitPreset,
  GENERATOR_SIZES,
  PRESET_SIZES,
  type GeneratorSize,
} from '../../../trainer/gan/preset.ts';
import { computeFactor, computeGammaFactor } from '../../../trainer/gan/step.ts';

const classes = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

describe('preset digits', () => {
  it.each([
    ['large', digits],
    ['medium', digitsSmall],
  ] as const)('has, as %s, the generator of a model that ships', (size, manifest) => {
    const mnist = { width: 28, channels: 1, classes: classes(10) };
    expect(fitPreset('digits', mnist, size).generator).toEqual(manifest.generator);
  });

  it('has sizes of rising cost, all but huge within the edge’s 2 million products', () => {
    const costs = (Object.keys(GENERATOR_SIZES) as GeneratorSize[]).map(
      (size) =>
        planGenerator(
          fitPreset('digits', { width: 28, channels: 1, classes: classes(10) }, size).generator,
        ).macs,
    );
    expect(costs.length).toBeGreaterThanOrEqual(5);
    expect(costs).toEqual(costs.toSorted((a, b) => a - b));
    expect(new Set(costs).size).toBe(costs.length);
    expect(costs.at(-2)).toBeLessThanOrEqual(2e6);
    expect(costs.at(-1)).toBeLessThanOrEqual(4e6);
  });

  it.each(PRESET_SIZES.digits.flatMap((size) => [1, 3].map((channels) => [size, channels])))(
    'fits images of %i pixels a side and %i channels, with classes and without',
    (size = 0, channels = 0) => {
      const networks = Object.keys(GENERATOR_SIZES) as GeneratorSize[];
      const cases = [0, 2, 256].flatMap((count) => networks.map((network) => ({ count, network })));
      for (const { count, network } of cases) {
        const data = { width: size, channels, classes: classes(count) };
        const { generator, discriminator } = fitPreset('digits', data, network);
        const plan = planGenerator(generator);
        expect(plan.outputShape).toEqual([size, size, channels]);
        expect(generator.classes).toBe(count);
        const { weights } = planDiscriminator(discriminator, plan.outputShape, count);
        expect(weights[0]?.shape[2]).toBe(channels);
      }
    },
  );

  it('counts a single class as none', () => {
    expect(
      fitPreset('digits', { width: 28, channels: 1, classes: ['cat'] }).generator.classes,
    ).toBe(0);
  });
});

describe('the schedule', () => {
  const config = { steps: 101, finalFactor: 0.1 };
  const at = (step: number, finalGamma?: number): number =>
    computeGammaFactor(step, {
      ...config,
      objective: {
        type: 'relativistic',
        gamma: 0.5,
        ...(finalGamma !== undefined && { finalGamma }),
      },
    });

  it('lowers gamma like the learning rates, unless gamma has its own end', () => {
    for (const step of [0, 37, 100]) {
      expect(at(step)).toBe(computeFactor(step, config));
    }
    expect([0, 50, 100].map((step) => at(step, 0.25))).toEqual(
      [1, 0.75, 0.5].map((value) => expect.closeTo(value, 12)),
    );
    expect([0, 50, 100].map((step) => at(step, 1))).toEqual(
      [1, 1.5, 2].map((value) => expect.closeTo(value, 12)),
    );
  });
});
