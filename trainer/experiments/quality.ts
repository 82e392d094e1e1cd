/**
 * How good a generator in training is: the evaluation's figures on fewer samples, cheap enough to be taken along the way. They
 * hang on the number of samples: compare with each other only.
 */
import * as tf from '@tensorflow/tfjs';
import { runGenerator } from '../gan/generator-network.ts';
import { deriveSeedKey, drawLatents } from '../../shared/model/latent.ts';
import { encodePixels } from '../../shared/picture/pixels.ts';
import { deriveKey } from '../../shared/model/random.ts';
import type { Samples } from '../../shared/model/sampler.ts';
import type { Dataset } from '../data/dataset.ts';
import { CLASSIFIER_CONFIG } from '../evaluation/classifier/network.ts';
import { scoreImages } from '../evaluation/classifier/scoring.ts';
import { CLASSES, pickDigits, SIDE } from '../evaluation/digits.ts';
import { computeDensityCoverage } from '../evaluation/metrics/neighbours.ts';
import { computeFrechetDistance } from '../evaluation/metrics/distances.ts';
import { createPoints, type Points } from '../evaluation/metrics/points.ts';
import { computePrecisionRecall } from '../evaluation/metrics/neighbours.ts';
import { computeSharpness } from '../evaluation/metrics/pixels.ts';
import { PROTOCOL } from '../evaluation/protocol.ts';
import { drawSubset } from '../evaluation/subset.ts';
import { splitWeights } from '../gan/network-state.ts';
import { applyPrior, type PriorConfig } from '../gan/prior.ts';
import { computeDiversity } from '../run/sample-grid.ts';
import { pickShippedWeights, type Gan } from '../gan/steps.ts';

/** Samples a measurement, and as many test digits for what is found by neighbours; the Fréchet distance is to all test digits. */
export const QUALITY_SAMPLES = 2000;
/** Of the samples: the same latents for every arm, seed and step. */
const SAMPLES_SEED = 'experiment';
/** Streams of that seed's randomness in the domain "experiment". */
const PURPOSES = { reference: 1, floor: 2 } as const;

/** Figures of one generator at one moment. */
export interface Quality {
  /** Fréchet classifier distance to the test digits, >= 0; lower is better. */
  readonly frechet: number;
  /**
   * The same of the pictures themselves, reduced to 7 x 7 pixels from 0 to 1: it sees shape and variety where there is nothing
   * yet that a classifier could recognise, and no noise from pixel to pixel.
   */
  readonly coarse: number;
  /** Root mean square difference of two samples' pixels over that of two test digits: towards 0 all are one picture. */
  readonly diversity: number;
  readonly precision: number;
  readonly recall: number;
  readonly density: number;
  readonly coverage: number;
  /** Gradient energy over that of test digits: below 1 blur, above 1 noise. */
  readonly sharpness: number;
  /** How many samples the classifier takes for each digit. */
  readonly classes: readonly number[];
}

/** Measures images: row-major [count, 28, 28], 0 is paper, 255 full ink. */
export type Gauge = (images: Uint8Array) => Quality;

/**
 * Makes the gauge: scores the test digits once.
 *
 * @param weights  The classifier's, flat.
 */
export function createGauge(weights: Float32Array, test: Dataset): Gauge {
  const all = score(weights, test.images).points;
  const coarse = reducePictures(test.images);
  const realDiversity = computeDiversity(test.images, test.count);
  const key = deriveKey('experiment', SAMPLES_SEED);
  const few = pickDigits(
    test,
    drawSubset(key, PURPOSES.reference, 0, test.count, Math.min(QUALITY_SAMPLES, test.count)),
  );
  const real = score(weights, few.images).points;
  return (images) => {
    const { points, predictions } = score(weights, images);
    const classes = Array.from({ length: CLASSES }, () => 0);
    predictions.forEach((label) => (classes[label] = (classes[label] as number) + 1));
    return {
      frechet: computeFrechetDistance(points, all),
      coarse: computeFrechetDistance(reducePictures(images), coarse),
      diversity: computeDiversity(images, predictions.length) / realDiversity,
      ...computePrecisionRecall(real, points, PROTOCOL.precisionNeighbours),
      ...computeDensityCoverage(real, points, PROTOCOL.densityNeighbours),
      sharpness: computeSharpness(images, few.images, SIDE),
      classes,
    };
  };
}

function score(
  weights: Float32Array,
  images: Uint8Array,
): { points: Points; predictions: Uint8Array } {
  const { features, predictions } = scoreImages(CLASSIFIER_CONFIG, weights, images);
  return { points: createPoints(features, CLASSIFIER_CONFIG.features), predictions };
}

/** Pixels a side that become one. */
const BLOCK = 4;

/** Means of blocks of pixels, from 0 to 1: a point of 49 numbers a picture. */
function reducePictures(images: Uint8Array): Points {
  const side = SIDE / BLOCK;
  const values = new Float32Array(images.length / BLOCK ** 2);
  for (let i = 0; i < images.length; i++) {
    const [picture, row, column] = [
      Math.floor(i / SIDE ** 2),
      Math.floor(i / SIDE) % SIDE,
      i % SIDE,
    ];
    const place = picture * side ** 2 + Math.floor(row / BLOCK) * side + Math.floor(column / BLOCK);
    values[place] = (values[place] as number) + (images[i] as number) / (255 * BLOCK ** 2);
  }
  return createPoints(values, side ** 2);
}

/** What training digits get when they stand in for samples: what a generator could reach. */
export function measureFloor(gauge: Gauge, training: Dataset): Quality {
  const count = Math.min(QUALITY_SAMPLES, training.count);
  const places = drawSubset(
    deriveKey('experiment', SAMPLES_SEED),
    PURPOSES.floor,
    0,
    training.count,
    count,
  );
  return gauge(pickDigits(training, places).images);
}

/**
 * Draws the samples that are measured and shown: those of one seed, by the law that serves too, but for the prior.
 *
 * @param count  The first so many of them.
 */
export function drawQualitySamples(
  gan: Gan,
  prior: PriorConfig | undefined,
  count: number,
): Samples {
  const { plan } = gan;
  const latents = applyPrior(
    prior,
    drawLatents(deriveSeedKey(SAMPLES_SEED), 0, count, plan.config.latentSize),
  );
  const output = tf.tidy(() => {
    const input = tf.tensor2d(latents, [count, plan.config.latentSize]);
    return runGenerator(plan, splitWeights(plan.weights, pickShippedWeights(gan)), input); // [count, height, width, channels]
  });
  // Read outside of tidy: what tidy returns is searched for tensors, number by number.
  const values = output.dataSync<'float32'>();
  output.dispose();
  const [height, width, channels] = plan.outputShape;
  return { count, height, width, channels, pixels: encodePixels(values, [0, 1]), labels: null };
}
