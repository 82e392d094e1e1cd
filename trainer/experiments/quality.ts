/**
 * The quality of a generator in training: the evaluation's figures of fewer samples, cheap enough
 * for every run. They depend on the number of samples, so compare them only with each other.
 */
import { deriveKey } from '../../shared/model/random.ts';
import { drawSubset, type Dataset } from '../data/dataset.ts';
import { CLASSIFIER_CONFIG, scoreImages } from '../evaluation/classifier/network.ts';
import { CLASSES, pickDigits, SIDE } from '../evaluation/digits.ts';
import { computeFrechetDistance } from '../evaluation/metrics/distances.ts';
import { compareNeighbourhoods, findNeighbourhoods } from '../evaluation/metrics/neighbours.ts';
import { createPoints, type Points } from '../evaluation/metrics/points.ts';
import { computeSharpness } from '../evaluation/metrics/pixels.ts';
import { PROTOCOL } from '../evaluation/protocol.ts';
import { computeDiversity } from '../run/sample-grid.ts';
import type { ExperimentPoint } from './records.ts';

/** Samples, and test digits to find neighbours in. The Fréchet distance uses all test digits. */
export const QUALITY_SAMPLES = 2000;
/** The samples' seed: all arms, seeds and steps have the same latents. */
export const SAMPLES_SEED = 'experiment';
/** Streams of that seed's randomness in the domain "experiment". */
const PURPOSES = { reference: 1, floor: 2 } as const;

/**
 * Figures of one generator at one moment. `frechet` is the Fréchet classifier distance to the test
 * digits, and `coarse` the same of the pictures reduced to 7 x 7 pixels: it sees shape and variety
 * before a classifier recognises anything, and no noise between pixels. `diversity` and `sharpness`
 * are shares of the test digits' own: a sharpness below 1 means blur, above 1 noise. `classes`
 * counts the samples that the classifier takes for each digit.
 */
export type Quality = ExperimentPoint['quality'];

/** Measures images: row-major [count, 28, 28] from 0 (paper) to 255 (ink). */
export type Gauge = (images: Uint8Array) => Quality;

/** Makes the gauge, which scores the test digits once. @param weights  The classifier's, flat. */
export function createGauge(weights: Float32Array, test: Dataset): Gauge {
  const all = score(weights, test.images).points;
  const coarse = reducePictures(test.images);
  const realDiversity = computeDiversity(test.images, test.count);
  const few = pickSubset(test, PURPOSES.reference);
  const real = findNeighbourhoods(score(weights, few.images).points, PROTOCOL);
  return (images) => {
    const { points, predictions } = score(weights, images);
    const classes = Array.from({ length: CLASSES }, () => 0);
    predictions.forEach((label) => (classes[label] = (classes[label] as number) + 1));
    return {
      frechet: computeFrechetDistance(points, all),
      coarse: computeFrechetDistance(reducePictures(images), coarse),
      diversity: computeDiversity(images, predictions.length) / realDiversity,
      ...compareNeighbourhoods(real, points),
      sharpness: computeSharpness(images, few.images, SIDE),
      classes,
    };
  };
}

function score(weights: Float32Array, images: Uint8Array) {
  const { features, predictions } = scoreImages(CLASSIFIER_CONFIG, weights, images);
  return { points: createPoints(features, CLASSIFIER_CONFIG.features), predictions };
}

/** Pixels a side that are joined to one. */
const BLOCK = 4;

/** Means of blocks of pixels, from 0 to 1: a point of 49 numbers for each picture. */
function reducePictures(images: Uint8Array): Points {
  const side = SIDE / BLOCK;
  const values = new Float32Array(images.length / BLOCK ** 2);
  images.forEach((pixel, i) => {
    const picture = Math.floor(i / SIDE ** 2);
    const row = Math.floor((Math.floor(i / SIDE) % SIDE) / BLOCK);
    const place = picture * side ** 2 + row * side + Math.floor((i % SIDE) / BLOCK);
    values[place] = (values[place] as number) + pixel / (255 * BLOCK ** 2);
  });
  return createPoints(values, side ** 2);
}

/** Measures training digits in place of samples: the best figures that a generator could reach. */
export function measureFloor(gauge: Gauge, training: Dataset): Quality {
  return gauge(pickSubset(training, PURPOSES.floor).images);
}

function pickSubset(digits: Dataset, purpose: number): Dataset {
  const key = deriveKey('experiment', SAMPLES_SEED);
  const count = Math.min(QUALITY_SAMPLES, digits.count);
  return pickDigits(digits, drawSubset(key, purpose, 0, digits.count, count));
}
