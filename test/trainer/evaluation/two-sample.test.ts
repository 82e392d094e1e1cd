import { beforeAll, describe, expect, it } from 'vitest';
import type { Dataset } from '../../../trainer/data/dataset.ts';
import {
  binarize,
  joinRepetitions,
  magnifyEnds,
  runTwoSampleTest,
} from '../../../trainer/evaluation/classifier/two-sample.ts';
import { selectBackend } from '../../../trainer/tensorflow/backend.ts';
import { createUniform } from './oracle-points.ts';

beforeAll(async () => {
  // The only backend that trains convolutions on every machine.
  await selectBackend('cpu');
});

const FRESH = {
  network: {
    side: 8,
    convolutions: [{ filters: 4, size: 3, stride: 2, padding: 'same' as const }],
    features: 6,
    classes: 2,
  },
  training: { batchSize: 16, learningRate: 0.02, emaDecay: 0.9, augment: false },
  picturesSeen: 800,
};

/** Pictures of 8 x 8 with a bar at a random place, on a paper of the given value. */
function makeBars(seed: number, count: number, paper = 0, channels = 1): Dataset {
  const uniform = createUniform(seed);
  const images = new Uint8Array(count * 64 * channels);
  for (let i = 0; i < count; i++) {
    const at = Math.floor(8 * uniform());
    for (let k = 0; k < 64 * channels; k++) {
      images[i * 64 * channels + k] = Math.floor(k / channels) % 8 === at ? 255 : paper;
    }
  }
  const labels = new Uint8Array(count);
  return { name: 'bars', count, height: 8, width: 8, channels, images, labels, classes: [] };
}

describe('a two-sample test', () => {
  it('sees a haze of two grey levels magnified, which binarizing takes away', async () => {
    const [real, hazy] = [makeBars(1, 100), makeBars(2, 100, 2)];
    const run = async (convert: (set: Dataset) => Dataset) =>
      (await runTwoSampleTest(convert(hazy), convert(real), '1', 0, FRESH)).accuracy;
    expect(await run(magnifyEnds)).toBeGreaterThan(0.95);
    expect(await run(binarize)).toBeLessThan(0.7);
  });

  it('takes as many of both sides, holds out a fifth, and repeats itself', async () => {
    const [real, others] = [makeBars(1, 100), makeBars(2, 150)];
    const once = await runTwoSampleTest(others, real, '1', 1, FRESH);
    expect(once.heldOut).toBe(40);
    expect(once.accuracy).toBeLessThan(0.7);
    expect(await runTwoSampleTest(others, real, '1', 1, FRESH)).toEqual(once);
  });

  it('works with colours', async () => {
    const [real, hazy] = [makeBars(1, 100, 0, 3), makeBars(2, 100, 2, 3)];
    const [samples, others] = [hazy, real].map(magnifyEnds) as [Dataset, Dataset];
    const { accuracy } = await runTwoSampleTest(samples, others, '1', 0, FRESH);
    expect(accuracy).toBeGreaterThan(0.95);
  });

  it('tells the spread of its repetitions, and the error of so many pictures', () => {
    const joined = joinRepetitions([
      { accuracy: 0.7, heldOut: 100 },
      { accuracy: 0.8, heldOut: 100 },
      { accuracy: 0.9, heldOut: 100 },
    ]);
    expect(joined.mean).toBeCloseTo(0.8, 12);
    expect(joined.spread).toBeCloseTo(0.1, 12);
    expect(joined.standardError).toBeCloseTo(Math.sqrt((0.8 * 0.2) / 300), 12);
  });
});
