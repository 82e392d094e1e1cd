/** Computes all figures of a set of samples, or of real digits, against real digits. */
import { takeInk } from '../../shared/picture/paper.ts';
import { decodePixels } from '../../shared/picture/pixels.ts';
import type { Paper } from '../../shared/model/sampler.ts';
import { deriveKey } from '../../shared/model/random.ts';
import { drawSubset, gatherImages, type Dataset } from '../data/dataset.ts';
import {
  fitClassifier,
  scoreImages,
  type ClassifierConfig,
  type Scores,
} from './classifier/network.ts';
import { FRESH_NETWORK, learnAndTest } from './classifier/training.ts';
import {
  binarize,
  joinRepetitions,
  magnifyEnds,
  runTwoSampleTest,
} from './classifier/two-sample.ts';
import { pickDigits } from './digits.ts';
import * as classes from './metrics/classes.ts';
import { computeFrechetDistance, computeKernelDistance } from './metrics/distances.ts';
import { compareNeighbourhoods, findNeighbourhoods } from './metrics/neighbours.ts';
import * as pixels from './metrics/pixels.ts';
import * as shapes from './metrics/shapes.ts';
import { computeMeanSquare, createPoints, scalePoints, type Points } from './metrics/points.ts';
import { PURPOSES, type Protocol } from './protocol.ts';
import type { SampleSet } from './sample-file.ts';

/** Training pictures that are numbers at once: four bytes for each, in some copies. */
const PART_BYTES = 50_000_000;

/** The figures of a set; null for one that it cannot have. See figure-table.ts. */
export type Figures = Awaited<ReturnType<typeof computeFigures>>;

export interface Measure {
  readonly protocol: Protocol;
  readonly seed: string;
  /** The network whose features are compared. Without classes it has one class without meaning. */
  readonly network: ClassifierConfig;
  /** Its weights, flat. */
  readonly weights: Float32Array;
  /** The real pictures that all sets are compared with. */
  readonly against: Dataset;
  /** Their places in `training`; undefined when they are not part of it. */
  readonly againstPlaces: Uint32Array | undefined;
  /** Places, in `training`, of the pictures for the floor. */
  readonly floorPlaces: Uint32Array;
  /** The pictures that a model may have copied. */
  readonly training: Dataset;
  /** The paper of all these pictures where they are grey; undefined for black, and for colours. */
  readonly paper: Paper;
  /** Whether the backend can train fresh networks. */
  readonly canTrain: boolean;
  readonly onStage: (stage: string) => void;
}

/** Facts about the real digits, computed once for all sets. */
type Reference = ReturnType<typeof buildReference>;

/** Measures the digits that all sets are compared with. */
export function buildReference(measure: Measure) {
  const { protocol, network, weights, against, againstPlaces, onStage } = measure;
  onStage(`features of the ${against.count.toLocaleString('en')} real pictures`);
  const scores = scoreImages(network, weights, against.images);
  const points = toPoints(network, scores);
  onStage('neighbourhoods of real pictures');
  const neighbourhoods = findNeighbourhoods(points, protocol);
  onStage('nearest training pictures of real pictures');
  const active = new Set<number>();
  scores.features.forEach((value, i) => value > 0 && active.add(i % network.features));
  return {
    predictions: scores.predictions,
    neighbourhoods,
    /** Features that are above 0 for some digit; the others carry no information. */
    activeFeatures: active.size,
    spreads: classes.computeClassSpreads(points, scores.predictions, network.classes),
    /** The largest side of a box of ink, and the mean centre of mass; null for colours. */
    space: isGrey(network)
      ? measureSpace({ ...against, side: network.side, images: toInk(measure, against) })
      : null,
    /** From some of the digits to the nearest training digit other than themselves. */
    nearestDistances: measureNearest(measure, PURPOSES.memorisationUnseen, against, againstPlaces),
  };
}

/**
 * Computes the figures of a set.
 * @param set  At least 200 samples.
 * @param own  For training digits in the place of samples: their places in `training`.
 */
export async function computeFigures(
  measure: Measure,
  reference: Reference,
  set: SampleSet,
  own?: Uint32Array,
) {
  const { protocol, network, weights, against, onStage, seed } = measure;
  onStage(`features of ${set.count.toLocaleString('en')} pictures`);
  const scores = scoreImages(network, weights, set.images);
  const samples = toPoints(network, scores);
  const real = reference.neighbourhoods.points;
  const { side, channels, classes: classCount } = network;
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
  const neighbourFigures = compareNeighbourhoods(reference.neighbourhoods, samples);
  onStage('diversity, sharpness and memorisation');
  // Both sides by the predicted class, so that samples without labels are measured the same way.
  const spreads = classes.computeClassSpreads(samples, scores.predictions, classCount);
  const { labels, images } = set;
  const nearest = measureNearest(measure, PURPOSES.memorisationSamples, set, own);
  const ink = toInk(measure, set);
  return {
    frechetDistance,
    kernelDistance,
    ...neighbourFigures,
    classAccuracy:
      labels &&
      (classCount < 2
        ? null
        : classes.computeClassAccuracy(labels, scores.predictions, classCount)),
    classBalance:
      classCount < 2 ? null : classes.computeClassBalance(scores.predictions, classCount),
    diversity: classes.computeClassDiversity(spreads, reference.spreads),
    sharpness: pixels.computeSharpness(images, against.images, side, channels),
    memorisation: pixels.computeMemorisation(nearest, reference.nearestDistances),
    ...shapes.computeValueShares(ink),
    ...measureShapes(measure, reference, { ...set, images: ink }),
    classificationAccuracyScore: await averageAccuracyScores(measure, set, scores),
    twoSample: await tellApart(measure, set, 'two-sample test', (pictures) => pictures),
    twoSampleMagnified: await tellApart(measure, set, 'two-sample test, magnified', magnifyEnds),
    twoSampleBinarized: await tellApart(measure, set, 'two-sample test, binarized', binarize),
  };
}

/**
 * Computes the floor: the figures of `count` real training digits, which the seed draws, in the
 * place of samples.
 */
export async function computeFloor(measure: Measure, reference: Reference, count: number) {
  const { training, against, floorPlaces: places, seed, network } = measure;
  const key = deriveKey('evaluation', seed);
  const indices = drawSubset(key, PURPOSES.floor, 0, places.length, count).map(
    (index) => places[index] as number,
  );
  const figures = await computeFigures(measure, reference, pickDigits(training, indices), indices);
  // The classifier has learned the training digits; samples can only reach its accuracy on unseen
  // ones. It has learned most validation digits too, so theirs is a little too high.
  const classAccuracy =
    network.classes < 2
      ? null
      : classes.computeClassAccuracy(against.labels, reference.predictions, network.classes);
  return { ...figures, classAccuracy };
}

function isGrey({ channels = 1 }: ClassifierConfig): boolean {
  return channels === 1;
}

/** Returns 0 for paper to 255 for full ink, at the places of `images`; colours stay. */
function toInk(
  { paper, network: { side } }: Measure,
  { count, images }: Pick<SampleSet, 'count' | 'images'>,
): Uint8Array {
  const size = { height: side, width: side, channels: 1 };
  return takeInk({ ...size, count, pixels: images, labels: null, paper }).pixels;
}

function measureSpace(pictures: shapes.GreyPictures) {
  return {
    largestBox: shapes.measureBoxes(pictures).reduce((a, b) => Math.max(a, b)),
    middle: shapes.computeMiddle(shapes.measureCentres(pictures)),
  };
}

/** Measures the place of the ink beside that of real pictures; null for colours. */
function measureShapes(
  { network: { side } }: Measure,
  { space }: Reference,
  { count, images }: SampleSet,
) {
  if (space === null) {
    return { boxSide: null, largeBoxes: null, stray: null, strokeWidth: null };
  }
  const pictures = { count, images, side };
  const boxes = shapes.measureBoxes(pictures);
  return {
    boxSide: boxes.reduce((sum, box) => sum + box, 0) / count,
    /** The part of the boxes that are larger than any real one. */
    largeBoxes: boxes.filter((box) => box > space.largestBox).length / count,
    stray: shapes.computeStray(shapes.measureCentres(pictures), space.middle),
    strokeWidth: shapes.measureStrokeWidth(pictures),
  };
}

/** Averages over fresh networks. Null when there are to be none, or none can be trained. */
async function tellApart(
  { protocol: { twoSampleNetworks }, seed, against, canTrain, onStage }: Measure,
  { count, images }: SampleSet,
  title: string,
  convert: (pictures: Dataset) => Dataset,
) {
  if (!canTrain || twoSampleNetworks === 0) {
    return null;
  }
  const samples = convert({ ...against, count, images });
  const real = convert(against);
  const runs: Awaited<ReturnType<typeof runTwoSampleTest>>[] = [];
  for (let i = 0; i < twoSampleNetworks; i++) {
    onStage(`${title}: fresh network ${i + 1} of ${twoSampleNetworks} learns`);
    runs.push(await runTwoSampleTest(samples, real, seed, i));
  }
  return joinRepetitions(runs);
}

function toPoints(network: ClassifierConfig, { features }: Scores): Points {
  return createPoints(features, network.features);
}

/** Measures how far some images of a set are from the nearest training digit. */
function measureNearest(
  { protocol, training, seed, network: { side, channels = 1 } }: Measure,
  purpose: number,
  { count, images }: Pick<SampleSet, 'count' | 'images'>,
  own: Uint32Array | undefined,
): Float64Array {
  const queries = Math.min(protocol.memorisationQueries, count);
  const size = side * side * channels;
  const toPixelPoints = (bytes: Uint8Array): Points =>
    createPoints(decodePixels(bytes, [0, 1]), size);
  function* readParts() {
    const bytes = size * Math.ceil(PART_BYTES / size);
    for (let at = 0; at < training.images.length; at += bytes) {
      yield toPixelPoints(training.images.subarray(at, at + bytes));
    }
  }
  const places = drawSubset(deriveKey('evaluation', seed), purpose, 0, count, queries);
  return pixels.computeNearestDistances(
    toPixelPoints(gatherImages({ ...training, images }, places)),
    readParts(),
    own && places.map((place) => own[place] as number),
  );
}

/** Averages over fresh networks. Null when there are to be none, or none can be trained. */
async function averageAccuracyScores(
  { protocol: { freshNetworks }, network, seed, against, canTrain, onStage }: Measure,
  { count, images, labels }: SampleSet,
  { predictions }: Scores,
): Promise<number | null> {
  if (!canTrain || freshNetworks === 0 || network.classes < 2) {
    return null;
  }
  const { side, channels = 1 } = network;
  const fitted = fitClassifier(FRESH_NETWORK.network, side, channels, network.classes);
  const fresh = { ...FRESH_NETWORK, network: fitted };
  const samples = { ...against, count, images, labels: labels ?? predictions };
  let sum = 0;
  for (let i = 0; i < freshNetworks; i++) {
    const which = freshNetworks === 1 ? '' : ` ${i + 1} of ${freshNetworks}`;
    onStage(
      `classification accuracy score: fresh network${which} learns from ${count.toLocaleString('en')} pictures`,
    );
    const key = deriveKey('fresh-network', `${seed}/${i}`);
    sum += (await learnAndTest(fresh, samples, against, key)).accuracy;
  }
  return sum / freshNetworks;
}
