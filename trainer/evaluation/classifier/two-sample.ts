/**
 * The classifier two-sample test (Lopez-Paz and Oquab 2017, arXiv 1610.06545): how often a fresh
 * network tells generated pictures from real ones that it has not learned. 0.5 is a coin's.
 */
import { deriveKey } from '../../../shared/model/random.ts';
import { drawSubset, type Dataset } from '../../data/dataset.ts';
import { joinSets, pickDigits } from '../digits.ts';
import { fitClassifier, type ClassifierConfig } from './network.ts';
import { learnAndTest } from './training.ts';

/** Streams of the key. */
const PURPOSES = { samples: 1, real: 2 } as const;

/** The parts of the pairs. Each repetition holds out another part. */
const PARTS = 5;
/** The network of published figures: 1.6 million multiply-accumulates a digit. */
const TWO_SAMPLE_NETWORK = {
  network: {
    side: 28,
    convolutions: [
      // Its first layer sees each pixel with its neighbours.
      { filters: 16, size: 3, stride: 1, padding: 'same' },
      { filters: 32, size: 3, stride: 2, padding: 'same' }, // 14 x 14
      { filters: 32, size: 3, stride: 2, padding: 'same' }, // 7 x 7
    ],
    features: 64,
    classes: 2,
  } as ClassifierConfig,
  training: { batchSize: 100, learningRate: 3e-3, emaDecay: 0.99, augment: false },
  /** In all: each picture is seen 5 to 40 times. */
  picturesSeen: 80_000,
};

type Pictures = Pick<Dataset, 'count' | 'images'>;

/** Sets each value to paper or ink: shapes remain, grey levels go. */
export function binarize(set: Dataset): Dataset {
  return { ...set, images: set.images.map((value) => (value > 127 ? 255 : 0)) };
}

/**
 * Gives each value three channels: itself, 0 to 15 at 17 times their height, and 240 to 255
 * likewise. A network learns a faint haze from these within an epoch, and from the values alone
 * after ten times as many steps.
 */
export function magnifyEnds(set: Dataset): Dataset {
  const images = new Uint8Array(3 * set.images.length);
  for (const [i, value] of set.images.entries()) {
    images[3 * i] = value;
    images[3 * i + 1] = Math.min(17 * value, 255);
    images[3 * i + 2] = Math.max(17 * (value - 240), 0);
  }
  return { ...set, channels: 3 * set.channels, images };
}

/**
 * Trains a fresh network on four fifths of the pictures and tests it on the others. Both sides are
 * equally many; the seed draws them where there are more. The network is not told any classes.
 * @param real        At least 200 pictures of the shape of `samples`, of which it has none.
 * @param repetition  0 to 4: the fifth that is held out, and the network's first weights.
 * @param fresh       Tests pass another.
 * @returns           The part of the held-out pictures that it tells right, and their number.
 */
export async function runTwoSampleTest(
  samples: Pictures,
  real: Dataset,
  seed: string,
  repetition: number,
  fresh = TWO_SAMPLE_NETWORK,
) {
  const pairs = Math.min(samples.count, real.count);
  const key = deriveKey('two-sample', seed);
  const drawSide = (set: Dataset, purpose: number, label: number): Dataset => {
    const drawn = pickDigits(set, drawSubset(key, purpose, 0, set.count, pairs));
    return { ...drawn, labels: new Uint8Array(pairs).fill(label), classes: ['real', 'generated'] };
  };
  const reals = drawSide(real, PURPOSES.real, 0);
  const generated = drawSide({ ...real, ...samples }, PURPOSES.samples, 1);
  const places = Uint32Array.from({ length: pairs }, (_, place) => place);
  const takePart = (isHeldOut: boolean): Dataset => {
    const own = places.filter((place) => (place % PARTS === repetition) === isHeldOut);
    return joinSets([pickDigits(reals, own), pickDigits(generated, own)]);
  };
  const [learned, heldOut] = [takePart(false), takePart(true)];
  const { width, channels, classes, count } = heldOut;
  const network = fitClassifier(fresh.network, width, channels, classes.length);
  const ownKey = deriveKey('two-sample', `${seed}/${repetition}`);
  const epochs = Math.min(Math.max(Math.round(fresh.picturesSeen / learned.count), 5), 40);
  const plan = { network, training: { ...fresh.training, epochs } };
  return {
    accuracy: (await learnAndTest(plan, learned, heldOut, ownKey)).accuracy,
    heldOut: count,
  };
}

/** Sums up repetitions. @param runs  At least one. */
export function joinRepetitions(runs: readonly { accuracy: number; heldOut: number }[]) {
  const accuracies = runs.map(({ accuracy }) => accuracy);
  const mean = accuracies.reduce((sum, value) => sum + value, 0) / runs.length;
  const squares = accuracies.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const heldOut = runs.reduce((sum, run) => sum + run.heldOut, 0);
  return {
    mean,
    /** Standard deviation over repetitions; 0 of one. */
    spread: runs.length === 1 ? 0 : Math.sqrt(squares / (runs.length - 1)),
    /** The standard error of the mean, from the number of held-out pictures. */
    standardError: Math.sqrt((mean * (1 - mean)) / heldOut),
    heldOut,
    accuracies,
  };
}
