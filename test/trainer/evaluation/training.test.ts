import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { deriveKey } from '../../../shared/model/random.ts';
import type { Dataset } from '../../../trainer/data/dataset.ts';
import { augmentImages } from '../../../trainer/evaluation/classifier/training.ts';
import {
  CLASSIFIER_CONFIG,
  countParameters,
  planClassifier,
  type ClassifierConfig,
} from '../../../trainer/evaluation/classifier/network.ts';
import { scoreImages } from '../../../trainer/evaluation/classifier/network.ts';
import {
  learnAndTest,
  trainClassifier,
  type ClassifierTraining,
} from '../../../trainer/evaluation/classifier/training.ts';
import { selectBackend } from '../../../trainer/tensorflow/backend.ts';
import { createUniform } from './oracle-points.ts';

beforeAll(async () => {
  // The only backend that trains convolutions on every machine.
  await selectBackend('cpu');
});

const TINY: ClassifierConfig = {
  side: 8,
  convolutions: [{ filters: 4, size: 3, stride: 2, padding: 'same' }],
  features: 6,
  classes: 2,
};
const TRAINING: ClassifierTraining = {
  epochs: 4,
  batchSize: 16,
  learningRate: 0.02,
  emaDecay: 0.9,
  augment: false,
};

/** Noise of 8 x 8 with a bright row (label 0) or column (label 1) at a random place. */
function makeStripes(seed: number, count: number): Dataset {
  const uniform = createUniform(seed);
  const images = Uint8Array.from({ length: count * 64 }, () => Math.floor(60 * uniform()));
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 2);
  labels.forEach((label, i) => {
    const at = Math.floor(8 * uniform());
    for (let k = 0; k < 8; k++) {
      images[i * 64 + (label === 0 ? at * 8 + k : k * 8 + at)] = 255;
    }
  });
  return { name: 'stripes', count, height: 8, width: 8, channels: 1, images, labels, classes: [] };
}

async function train(seed: string, settings = TRAINING): Promise<Float32Array> {
  let weights = new Float32Array(0);
  for await (const epoch of trainClassifier(
    TINY,
    makeStripes(1, 96),
    settings,
    deriveKey('classifier', seed),
  )) {
    weights = new Float32Array(epoch.weights);
  }
  return weights;
}

describe('training a classifier', () => {
  it('gives the same weights for the same seed, and others for another', async () => {
    const [once, again, other] = [await train('1'), await train('1'), await train('2')];
    expect(again).toEqual(once);
    expect(other).not.toEqual(once);
  });

  it('leaves no tensor behind, also when it is aborted', async () => {
    const before = tf.memory().numTensors;
    await train('1', { ...TRAINING, augment: true });
    for await (const { epoch } of trainClassifier(
      TINY,
      makeStripes(1, 96),
      TRAINING,
      deriveKey('classifier', '1'),
    )) {
      if (epoch === 1) {
        break;
      }
    }
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('the classification accuracy score', () => {
  const settings = { network: TINY, training: { ...TRAINING, epochs: 12 } };
  const key = deriveKey('fresh-network', '1/0');
  const [training, test] = [makeStripes(3, 160), makeStripes(4, 100)];
  const score = async (samples: Dataset) =>
    (await learnAndTest(settings, samples, test, key)).accuracy;

  it('is high for samples that resemble real ones', async () => {
    expect(await score(training)).toBeGreaterThan(0.8);
  });

  it('is low for samples with swapped labels', async () => {
    const wrong = { ...training, labels: training.labels.map((label) => 1 - label) };
    expect(await score(wrong)).toBeLessThan(0.1);
  });

  it('is at chance level for samples of one class', async () => {
    const collapsed = { ...training, labels: new Uint8Array(training.count) };
    expect(await score(collapsed)).toBe(0.5);
  });
});

describe('a classifier', () => {
  it('of the shipped shape has 64 to 128 features and less than 1 MB of weights', () => {
    expect(CLASSIFIER_CONFIG.features).toBeGreaterThanOrEqual(64);
    expect(CLASSIFIER_CONFIG.features).toBeLessThanOrEqual(128);
    expect(4 * countParameters(planClassifier(CLASSIFIER_CONFIG))).toBeLessThan(1_000_000);
  });

  it('scores an image the same in every batch', async () => {
    const weights = await train('1');
    const { images } = makeStripes(5, 300);
    const all = scoreImages(TINY, weights, images);
    const one = scoreImages(TINY, weights, images.subarray(270 * 64, 271 * 64));
    expect(one.features).toEqual(all.features.slice(270 * 6, 271 * 6));
    expect(one.predictions[0]).toBe(all.predictions[270]);
  });

  it('is refused when a kernel has the wrong shape', () => {
    expect(() =>
      planClassifier({
        ...TINY,
        convolutions: [{ filters: 1, size: 9, stride: 1, padding: 'valid' }],
      }),
    ).toThrow(/does not fit/);
  });
});

describe('distortion', () => {
  const key = deriveKey('classifier', '1');

  it('keeps a digit’s ink in the middle, keeps about as much of it, and moves it', () => {
    const image = new Uint8Array(28 * 28);
    for (let row = 10; row < 18; row++) {
      image.fill(255, row * 28 + 10, row * 28 + 18);
    }
    const many = Uint8Array.from({ length: 50 * 784 }, (_, i) => image[i % 784] as number);
    const distorted = augmentImages(many, 28, key, 2, 0);
    for (let i = 0; i < 50; i++) {
      const ink = distorted.subarray(i * 784, (i + 1) * 784).reduce((sum, pixel) => sum + pixel, 0);
      // 64 pixels of ink, 12% larger or smaller each way.
      expect(ink).toBeGreaterThan(64 * 0.88 ** 2 - 2);
      expect(ink).toBeLessThan(64 * 1.12 ** 2 + 2);
    }
    expect(
      new Set(Array.from({ length: 50 }, (_, i) => distorted.slice(i * 784, (i + 1) * 784).join()))
        .size,
    ).toBe(50);
    expect(augmentImages(many, 28, key, 2, 0)).toEqual(distorted);
  });
});
