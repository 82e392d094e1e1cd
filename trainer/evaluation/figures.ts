/**
 * All figures of one set of samples against real digits, MNIST's test digits or validation digits. Other real training digits go through the very same computation:
 * what they get is the floor.
 */
import { decodePixels } from '../../shared/picture/pixels.ts';
import { deriveKey } from '../../shared/model/random.ts';
import { gatherImages, type Dataset } from '../data/dataset.ts';
import { CLASSIFIER_CONFIG } from './classifier/network.ts';
import { scoreImages, type Scores } from './classifier/scoring.ts';
import { CLASSES, SIDE } from './digits.ts';
import { computeClassAccuracy, type ClassAccuracy } from './metrics/class-accuracy.ts';
import { computeClassBalance } from './metrics/class-balance.ts';
import { computeClassificationAccuracyScore } from './metrics/classification-accuracy-score.ts';
import { computeDensityCoverage, type DensityCoverage } from './metrics/density-coverage.ts';
import { computeClassSpreads, computeDiversity } from './metrics/diversity.ts';
import { computeFrechetDistance } from './metrics/frechet-distance.ts';
import { computeKernelDistance, type KernelDistance } from './metrics/kernel-distance.ts';
import { computeMemorisation, computeNearestDistances } from './metrics/memorisation.ts';
import { computeMeanSquare, createPoints, scalePoints, type Points } from './metrics/points.ts';
import { computePrecisionRecall, type PrecisionRecall } from './metrics/precision-recall.ts';
import { computeSharpness } from './metrics/sharpness.ts';
import { PURPOSES, type Protocol } from './protocol.ts';
import type { SampleSet } from './samples/sample-set.ts';
import { drawSubset } from './subset.ts';

/** All figures of one set; null for those that the set cannot have. */
export interface Figures extends PrecisionRecall, DensityCoverage {
  readonly frechetDistance: number;
  readonly kernelDistance: KernelDistance;
  readonly classAccuracy: ClassAccuracy | null;
  readonly classBalance: number;
  readonly classificationAccuracyScore: number | null;
  readonly diversity: number;
  readonly memorisation: number;
  readonly sharpness: number;
}

/** What all sets of an evaluation are measured with. */
export interface Measure {
  readonly protocol: Protocol;
  readonly seed: string;
  /** The classifier's, flat. */
  readonly weights: Float32Array;
  /** The real digits that all sets are held against. */
  readonly against: Dataset;
  /** Their places in `training`; undefined when they are not among it. */
  readonly againstPlaces: Uint32Array | undefined;
  /** The digits that may have been copied. */
  readonly training: Dataset;
  /** Whether the backend can train the fresh networks of the classification accuracy score. */
  readonly canTrain: boolean;
  /** Told what is being done. */
  readonly onStage: (stage: string) => void;
}

/** What is known of the digits held against, computed once for all sets. */
export interface Reference {
  readonly scores: Scores;
  /** How many features are above 0 for any of the digits; the others say nothing. */
  readonly activeFeatures: number;
  /** See `computeClassSpreads`. */
  readonly spreads: Float64Array;
  /** Of some of the digits to their nearest training digit, themselves passed over. */
  readonly nearestDistances: Float64Array;
}

/** Measures the digits that all sets are held against. */
export function buildReference(measure: Measure): Reference {
  const { protocol, seed, weights, against, againstPlaces, training, onStage } = measure;
  onStage(`features of the ${against.count.toLocaleString('en')} real digits`);
  const scores = scoreImages(CLASSIFIER_CONFIG, weights, against.images);
  onStage('nearest training digits of real digits');
  const queries = Math.min(protocol.memorisationQueries, against.count);
  const indices = drawSubset(
    deriveKey('evaluation', seed),
    PURPOSES.memorisationUnseen,
    0,
    against.count,
    queries,
  );
  const own = againstPlaces && indices.map((index) => againstPlaces[index] as number);
  return {
    scores,
    activeFeatures: countActiveFeatures(scores),
    spreads: computeClassSpreads(toPoints(scores), scores.predictions, CLASSES),
    nearestDistances: computeNearestDistances(
      toPixelPoints(gatherImages(against, indices)),
      toPixelPoints(training.images),
      own,
    ),
  };
}

/**
 * Computes the figures of a set.
 *
 * @param set  At least 200 samples.
 * @param own  For training digits that stand in for samples: their places in `training`.
 */
export async function computeFigures(
  measure: Measure,
  reference: Reference,
  set: SampleSet,
  own?: Uint32Array,
): Promise<Figures> {
  const { protocol, weights, against, onStage, seed } = measure;
  onStage(`features of ${set.count.toLocaleString('en')} digits`);
  const scores = scoreImages(CLASSIFIER_CONFIG, weights, set.images);
  const [samples, real] = [toPoints(scores), toPoints(reference.scores)];
  onStage('Fréchet and kernel distance');
  const frechetDistance = computeFrechetDistance(samples, real);
  // The kernel is not free of scale, and that of a classifier's features is arbitrary: real ones are brought to a mean square of 1.
  const scale = 1 / Math.sqrt(computeMeanSquare(real));
  const kernelDistance = computeKernelDistance(
    scalePoints(samples, scale),
    scalePoints(real, scale),
    {
      subsets: protocol.kernelSubsets,
      subsetSize: protocol.kernelSubsetSize,
      key: deriveKey('evaluation', seed),
      purposes: [PURPOSES.kernelSamples, PURPOSES.kernelReal],
    },
  );
  onStage('precision, recall, density and coverage');
  const precisionRecall = computePrecisionRecall(real, samples, protocol.precisionNeighbours);
  const densityCoverage = computeDensityCoverage(real, samples, protocol.densityNeighbours);
  onStage('diversity, sharpness and memorisation');
  // By the class that the classifier sees on both sides, so that samples without labels are measured alike.
  const spreads = computeClassSpreads(samples, scores.predictions, CLASSES);
  return {
    frechetDistance,
    kernelDistance,
    ...precisionRecall,
    ...densityCoverage,
    classAccuracy:
      set.labels === null ? null : computeClassAccuracy(set.labels, scores.predictions, CLASSES),
    classBalance: computeClassBalance(scores.predictions, CLASSES),
    diversity: computeDiversity(spreads, reference.spreads),
    sharpness: computeSharpness(set.images, against.images, SIDE),
    memorisation: measureMemorisation(measure, reference, set, own),
    classificationAccuracyScore: await measureClassificationAccuracyScore(measure, set, scores),
  };
}

function countActiveFeatures({ features }: Scores): number {
  const active = new Set<number>();
  features.forEach((value, i) => value > 0 && active.add(i % CLASSIFIER_CONFIG.features));
  return active.size;
}

function toPoints({ features }: Scores): Points {
  return createPoints(features, CLASSIFIER_CONFIG.features);
}

function toPixelPoints(images: Uint8Array): Points {
  return createPoints(decodePixels(images, [0, 1]), SIDE * SIDE);
}

function measureMemorisation(
  { protocol, training, seed }: Measure,
  reference: Reference,
  set: SampleSet,
  own: Uint32Array | undefined,
): number {
  const queries = Math.min(protocol.memorisationQueries, set.count);
  const places = drawSubset(
    deriveKey('evaluation', seed),
    PURPOSES.memorisationSamples,
    0,
    set.count,
    queries,
  );
  const passedOver = own && Uint32Array.from(places, (place) => own[place] as number);
  const samples = toPixelPoints(
    gatherImages({ ...training, ...set, labels: new Uint8Array(0) }, places),
  );
  const distances = computeNearestDistances(samples, toPixelPoints(training.images), passedOver);
  return computeMemorisation(distances, reference.nearestDistances);
}

/** The mean over fresh networks; null when there are to be none, or none can be trained here. */
async function measureClassificationAccuracyScore(
  { protocol: { freshNetworks }, seed, against, canTrain, onStage }: Measure,
  { count, images, labels }: SampleSet,
  { predictions }: Scores,
): Promise<number | null> {
  if (!canTrain || freshNetworks === 0) {
    return null;
  }
  const training: Dataset = {
    name: 'samples',
    count,
    height: SIDE,
    width: SIDE,
    channels: 1,
    images,
    labels: labels ?? predictions,
    classes: [],
  };
  let sum = 0;
  for (let i = 0; i < freshNetworks; i++) {
    const which = freshNetworks === 1 ? '' : ` ${i + 1} of ${freshNetworks}`;
    onStage(
      `classification accuracy score: fresh network${which} learns from ${count.toLocaleString('en')} digits`,
    );
    sum += await computeClassificationAccuracyScore(
      training,
      against,
      deriveKey('fresh-network', `${seed}/${i}`),
    );
  }
  return sum / freshNetworks;
}
