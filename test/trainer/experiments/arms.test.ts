import { describe, expect, it } from 'vitest';
import { planGenerator } from '../../../shared/model/generator.ts';
import {
  ARMS,
  BASELINE,
  buildArmConfig,
  listArms,
  QUESTIONS,
  type ArmName,
  type QuestionName,
} from '../../../trainer/experiments/arms.ts';
import { hashExperiment } from '../../../trainer/experiments/experiment-run.ts';
import type { VaeConfig } from '../../../trainer/experiments/vae.ts';
import { PRESETS } from '../../../trainer/gan/preset.ts';
import { hashRun } from '../../../trainer/run/run-folder.ts';

const DATA = { name: 'digits', images: 1, sha256: 'ab' };
const NAMES = Object.keys(ARMS) as ArmName[];

function hash(name: ArmName, steps = 10): string {
  const { vae } = ARMS[name] as { vae?: VaeConfig };
  return hashExperiment({ config: buildArmConfig(ARMS[name], '1', steps), vae, data: DATA });
}

describe('the arms', () => {
  it('begin with the tutorial’s GAN, with the same hash as `npm run train` gives it', () => {
    const config = { ...PRESETS.seed, seed: '1' };
    expect(JSON.stringify(buildArmConfig(ARMS[BASELINE], '1', PRESETS.seed.steps))).toBe(
      JSON.stringify({ ...PRESETS.seed, seed: '1', steps: PRESETS.seed.steps }),
    );
    expect(hash(BASELINE)).toBe(hashRun({ config, dataset: DATA }));
  });

  it('are identified by their hashes, which do not depend on the number of steps', () => {
    expect(new Set(NAMES.map((name) => hash(name))).size).toBe(NAMES.length);
    expect(NAMES.map((name) => hash(name, 20))).toEqual(NAMES.map((name) => hash(name, 10)));
  });

  it('change one setting each', () => {
    const changed = Object.fromEntries(
      NAMES.map((name) => {
        const config = buildArmConfig(ARMS[name], '1', 10);
        const base = { ...PRESETS.seed, seed: '1', steps: 10 } as Record<string, unknown>;
        const keys = Object.entries(config).flatMap(([key, value]) =>
          JSON.stringify(value) === JSON.stringify(base[key]) ? [] : [key],
        );
        return [name, [...keys, ...('vae' in ARMS[name] ? ['vae'] : [])]];
      }),
    );
    expect(changed).toEqual({
      tutorial: [],
      'deep-wide': ['generator'],
      'deep-equal': ['generator'],
      gaussian: ['prior'],
      truncated: ['prior'],
      sparse: ['prior'],
      'vae-init': ['vae'],
      'slow-d': ['discriminatorAdam'],
      'beta1-half': ['generatorAdam', 'discriminatorAdam'],
      glorot: ['initialisation'],
      r1: ['objective'],
      smoothing: ['objective'],
    });
  });

  it('have the stated numbers of weights', () => {
    for (const name of ['deep-wide', 'deep-equal'] as const) {
      const { parameters } = planGenerator(buildArmConfig(ARMS[name], '1', 10).generator);
      expect(ARMS[name].change).toContain(
        `${parameters.toLocaleString('en')} weights instead of 234,512`,
      );
    }
    expect(planGenerator(PRESETS.seed.generator).parameters).toBe(234_512);
  });

  it('are listed once, the baseline first, in any selection', () => {
    const all = listArms(Object.keys(QUESTIONS) as QuestionName[]);
    expect(all[0]).toBe(BASELINE);
    expect([...all].sort()).toEqual([...NAMES].sort());
    expect(listArms(['depth', 'depth'])).toEqual([BASELINE, 'deep-wide', 'deep-equal']);
  });
});
