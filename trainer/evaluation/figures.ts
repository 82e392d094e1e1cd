/**
 * Computes all figures of a set of samples against real digits. The floor passes real digits
 * through the same computation.
 */
import { decodePixels } from '../../shared/picture/pixels.ts';
import { deriveKey } from '../../shared/model/random.ts';
import { gatherImages, type Dataset } from '../data/dataset.ts';
import { CLASSIFIER_CONFIG } from './classifier/network.ts';
import { scoreImages, type Scores } from './classifier/scoring.ts';
import { CLASSES, SIDE } from './digits.ts';
import {
  computeClassAccuracy,
  computeClassBalance,
  computeClassSpreads,
  computeDiversity,
  type ClassAccuracy,
} from './metrics/classes.ts';
import { computeClassificationAccuracyScore } from './metrics/classification-accuracy-score.ts';
import {
  computeFrechetDistance,
  computeKernelDistance,
  type KernelDistance,
} from './metrics/distances.ts';
import {
  computeDensityCoverage,
  computePrecisionRecall,
  type DensityCoverage,
  type PrecisionRecall,
} from './metrics/neighbours.ts';
import {
  computeMemorisation,
  computeNearestDistances,
  computeSharpness,
} from './metrics/pixels.ts';
import { computeMeanSquare, createPoints, scalePoints, type Points } from './metrics/points.ts';
import { PURPOSES, type Protocol } from './protocol.ts';
import type { SampleSet } from './samples/sample-set.ts';
import { drawSubset } from './subset.ts';

/**
 * The figures of a set; null for one that the set cannot have. Named and printed by
 * figure-table.ts.
 */
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
  /** The classifier's weights, flat. */
  readonly weights: Float32Array;
  /** The real digits that all sets are compared with. */
  readonly against: Dataset;
  /** Their places in `training`; undefined when they are not part of it. */
  readonly againstPlaces: Uint32Array | undefined;
  /** The digits that a model may have copied. */
  readonly training: Dataset;
  /** Whether the backend can train the networks of the classification accuracy score. */
  readonly canTrain: boolean;
  /** Called with what is being done. */
  readonly onStage: (stage: string) => void;
}

/** Facts about the real digits, computed once for all sets. */
export interface Reference {
  readonly scores: Scores;
  /** Features that are above 0 for some digit; the others carry no information. */
  readonly activeFeatures: number;
  /** See `computeClassSpreads`. */
  readonly spreads: Float64Array;
  /** From some of the digits to the nearest training digit other than themselves. */
  readonly nearestDistances: Float64Array;
}

/** Measures the digits that all sets are compared with. */
export function buildReference(measure: Measure): Reference {
  const { weights, against, againstPlaces, onStage } = measure;
  onStage(`features of the ${against.count.toLocaleString('en')} real digits`);
  const scores = scoreImages(CLASSIFIER_CONFIG, weights, against.images);
  onStage('nearest training digits of real digits');
  const active = new Set<number>();
  scores.features.forEach((value, i) => value > 0 && active.add(i % CLASSIFIER_CONFIG.features));
  return {
    scores,
    activeFeatures: active.size,
    spreads: computeClassSpreads(toPoints(scores), scores.predictions, CLASSES),
    nearestDistances: measureNearest(measure, PURPOSES.memorisationUnseen, against, againstPlaces),
  };
}

/**
 * Computes the figures of a set.
 *
 * @param set  At least 200 samples.
 * @param own  For training digits in the place of samples: their places in `training`.
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
  // The kernel depends on the scale of the features, which a classifier chooses arbitrarily.
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
  // Both sides by the predicted class, so that samples without labels are measured the same way.
  const spreads = computeClassSpreads(samples, scores.predictions, CLASSES);
  return {
    frechetDistance,
    kernelDistance,
    ...precisionRecall,
    ...densityCoverage,
    classAccuracy: set.labels && computeClassAccuracy(set.labels, scores.predictions, CLASSES),
    classBalance: computeClassBalance(scores.predictions, CLASSES),
    diversity: computeDiversity(spreads, reference.spreads),
    sharpness: computeSharpness(set.images, against.images, SIDE),
    memorisation: computeMemorisation(
      measureNearest(measure, PURPOSES.memorisationSamples, set, own),
      reference.nearestDistances,
    ),
    classificationAccuracyScore: await averageAccuracyScores(measure, set, scores),
  };
}

function toPoints({ features }: Scores): Points {
  return createPoints(features, CLASSIFIER_CONFIG.features);
}

function toPixelPoints(images: Uint8Array): Points {
  return createPoints(decodePixels(images, [0, 1]), SIDE * SIDE);
}

/**
 * Measures how far some images of a set are from the nearest training digit. @param own  See above.
 */
function measureNearest(
  { protocol, training, seed }: Measure,
  purpose: number,
  { count, images }: Pick<SampleSet, 'count' | 'images'>,
  own: Uint32Array | undefined,
): Float64Array {
  const queries = Math.min(protocol.memorisationQueries, count);
  const places = drawSubset(deriveKey('evaluation', seed), purpose, 0, count, queries);
  return computeNearestDistances(
    toPixelPoints(gatherImages({ ...training, images }, places)),
    toPixelPoints(training.images),
    own && places.map((place) => own[place] as number),
  );
}

/**
 * Averages over fresh networks. @returns  Null when there are to be none, or none can be trained.
 */
async function averageAccuracyScores(
  { protocol: { freshNetworks }, seed, against, canTrain, onStage }: Measure,
  { count, images, labels }: SampleSet,
  { predictions }: Scores,
): Promise<number | null> {
  if (!canTrain || freshNetworks === 0) {
    return null;
  }
  const samples = { ...against, count, images, labels: labels ?? predictions };
  let sum = 0;
  for (let i = 0; i < freshNetworks; i++) {
    const which = freshNetworks === 1 ? '' : ` ${i + 1} of ${freshNetworks}`;
    onStage(
      `classification accuracy score: fresh network${which} learns from ${count.toLocaleString('en')} digits`,
    );
    const key = deriveKey('fresh-network', `${seed}/${i}`);
    sum += await computeClassificationAccuracyScore(samples, against, key);
  }
  return sum / freshNetworks;
}
