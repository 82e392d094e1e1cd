/**
 * Matching: beside the contest with the discriminator, the generator brings its images of each
 * class nearer to the real ones, as a classifier sees them. The distance is the maximum mean
 * discrepancy (Gretton et al. 2012) of the classifier's features under Gaussian kernels. Random
 * Fourier features make it cheap (Rahimi and Recht 2007): an image becomes some thousand cosines,
 * and the distance of two sets is that of their mean cosines. The means of real images are over
 * all of them, those of generated images a moving average over some ten thousand. So the distance
 * is precise, where a discriminator's is not, and each batch moves down its gradient.
 */
import * as tf from '@tensorflow/tfjs';
import type { RandomKey } from '../../shared/model/random.ts';
import { decodePixels, type PixelRange } from '../../shared/picture/pixels.ts';
import { gatherImages, type Dataset } from '../data/dataset.ts';
import { countLabels } from '../data/findings.ts';
import {
  fitClassifier,
  planClassifier,
  runClassifier,
  type ClassifierConfig,
} from '../evaluation/classifier/network.ts';
import { splitWeights } from './network-state.ts';
import { encodeLabels } from './networks.ts';
import { computeNormalQuantile, drawUniform } from './noise.ts';
import { PURPOSES, type MatchingConfig } from './preset.ts';

/** Cross-entropy, in nats, of an image whose class is clear enough. */
const DOUBT = 0.3;
/** Steps between two draws of generated images, and the part of their average that each keeps. */
const EVERY = 20;
const KEPT = 0.9;
/** Images that go through the networks at a time, and how many times for a draw. */
const PASS = 256;
const PASSES = 10;
/** Images of a class whose nearest neighbours tell its scale. */
const COMPARED = 1000;
/** Copies of one image must not give a scale of 0. */
const LEAST_DISTANCE = 1e-3;
/** The least mean kernel of two real images that counts: below, noise would be the most of it. */
const LEAST_KERNEL = 0.01;
/** More than any squared distance of features. */
const FAR = 1e12;
/** Half of the step between two numbers of `drawUniform`: no probability may be 0. */
const HALF_STEP = 2 ** -25;

/** Another network than the evaluation's, which must not judge what it has taught. */
const NETWORK: ClassifierConfig = {
  side: 28,
  convolutions: [
    { filters: 16, size: 5, stride: 2, padding: 'same' }, // 14 x 14
    { filters: 32, size: 3, stride: 2, padding: 'same' }, // 7 x 7
    { filters: 64, size: 3, stride: 1, padding: 'valid' }, // 5 x 5
  ],
  features: 64,
  classes: 10,
};

/** The classifier for images with this side, these channels and classes. */
export function planMatchingClassifier({
  width,
  channels,
  classes,
}: Pick<Dataset, 'width' | 'channels' | 'classes'>): ClassifierConfig {
  return fitClassifier(NETWORK, width, channels, classes.length);
}

/** A run's matching. Its tensors belong to it. Steps read them. */
export interface Matching {
  readonly config: MatchingConfig;
  readonly network: ClassifierConfig;
  /** The training's range of pixels. */
  readonly range: PixelRange;
  readonly tensors: {
    /** The classifier's weights, [parameters]. */
    readonly classifier: tf.Tensor1D;
    /** 1 / the scale of each class, [classes, 1]. */
    readonly inverseScales: tf.Tensor2D;
    /** The cosines': [features, cosines in all] and [cosines in all]. */
    readonly frequencies: tf.Tensor2D;
    readonly phases: tf.Tensor1D;
    /** Mean cosines of real and of generated images, [classes, cosines in all]. */
    readonly real: tf.Tensor2D;
    readonly generated: tf.Variable<tf.Rank.R2>;
    /** 1 / the mean kernel of two real images of the class, in the same shape. */
    readonly inverseKernels: tf.Tensor2D;
  };
}

type TensorName = keyof Matching['tensors'];
/** The parts of a {@link Matching} that a function needs. */
type With<Name extends TensorName> = Omit<Matching, 'tensors'> & {
  readonly tensors: Pick<Matching['tensors'], Name>;
};
type Embedding = With<'classifier' | 'inverseScales' | 'frequencies' | 'phases'>;

/** A checkpoint keeps the classifier's weights and the means of generated images, flat. */
export type MatchingArrays = Readonly<Record<'classifier' | 'generated', Float32Array>>;

interface MatchingSource extends Pick<Matching, 'config' | 'range'> {
  readonly dataset: Dataset;
  readonly key: RandomKey;
  readonly classifier: Float32Array;
  /** Null at the start of a run. */
  readonly generated: Float32Array | null;
}

/** Looks at all real images. The caller disposes the result by {@link disposeMatching}. */
export function createMatching(source: MatchingSource): Matching {
  const { config, range, dataset, key, generated } = source;
  const network = planMatchingClassifier(dataset);
  const count = config.bandwidths.length * config.cosines;
  const about = { config, network, range };
  const tensors = tf.tidy(() => {
    const classifier = tf.tensor1d(source.classifier);
    const phases = drawUniform(key, PURPOSES.matchingPhases, 0, count);
    const parts = {
      classifier,
      inverseScales: measureInverseScales({ ...about, tensors: { classifier } }, dataset),
      frequencies: tf.tensor2d(drawFrequencies(config, network.features, key), [
        network.features,
        count,
      ]),
      phases: tf.tensor1d(phases.map((half) => half * Math.PI)),
    };
    const passes = Math.ceil(dataset.count / PASS);
    const real = averageCosines({ ...about, tensors: parts }, passes, (pass) => {
      const length = Math.min(PASS, dataset.count - pass * PASS);
      const places = Uint32Array.from({ length }, (_, i) => pass * PASS + i);
      return takeImages(dataset, places, range);
    });
    const start = generated === null ? tf.zerosLike(real) : tf.tensor2d(generated, real.shape);
    const inverseKernels = invertKernels(real, dataset, config);
    return { ...parts, real, generated: tf.variable(start, false), inverseKernels };
  });
  return { ...about, tensors };
}

export async function readMatching({ tensors }: Matching): Promise<MatchingArrays> {
  return {
    classifier: await tensors.classifier.data<'float32'>(),
    generated: await tensors.generated.data<'float32'>(),
  };
}

export function disposeMatching({ tensors }: Matching): void {
  tf.dispose(Object.values(tensors));
}

/**
 * Brings the means of generated images up to date, every {@link EVERY} steps.
 * @param step      From 0. Call it once for each, in order.
 * @param generate  Generates an image of each of the classes. The number differs in each call.
 */
export function refreshMatching(
  matching: Matching,
  step: number,
  generate: (classes: Uint8Array, call: number) => tf.Tensor4D,
): void {
  if (step % EVERY !== 0) {
    return;
  }
  const { network, tensors } = matching;
  const draws = step / EVERY; // before this one
  tf.tidy(() => {
    const means = averageCosines(matching, PASSES, (pass) => {
      const labels = Uint8Array.from(
        { length: PASS },
        (_, i) => (pass * PASS + i) % network.classes,
      );
      return { images: generate(labels, draws * PASSES + pass), labels };
    });
    // At first the plain mean of all draws.
    const kept = Math.min(KEPT, draws / (draws + 1));
    const moved = tf.add(tf.mul(tensors.generated, kept), tf.mul(means, 1 - kept));
    tensors.generated.assign(moved as tf.Tensor2D);
  });
}

/**
 * The generator's loss by matching, a scalar. Its gradient is that of the squared distance and of
 * the doubt about the images' classes, each times its weight.
 * @param images  Generated, [batch, height, width, channels].
 * @param labels  Their classes, one-hot [batch, classes].
 */
export function computeMatchingLoss(
  matching: Matching,
  images: tf.Tensor4D,
  labels: tf.Tensor2D,
): tf.Scalar {
  const { config, tensors } = matching;
  const { features, logits } = classify(matching, images);
  // Relative to the real images' density, so narrow kernels and wide ones count alike.
  const difference = tf.mul(tf.sub(tensors.generated, tensors.real), tensors.inverseKernels);
  const surplus = tf.matMul(labels, difference as tf.Tensor2D); // [batch, cosines in all]
  const cosines = computeCosines(matching, features, labels);
  // Above 0 where there are too many generated images, below 0 where there are too few: [batch].
  const excess = tf.sum(tf.mul(surplus, cosines), 1);
  const entropies = tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), labels), 1)); // [batch]
  const doubts = tf.relu(tf.sub(entropies, DOUBT));
  const parts = [tf.mul(excess, config.weight), tf.mul(doubts, config.labelWeight)] as const;
  return tf.mean(tf.add(...parts));
}

/** @param images  In the training's range; the classifier takes 0 to 1. */
function classify(of: With<'classifier'>, images: tf.Tensor4D) {
  const [low, high] = of.range;
  const weights = splitWeights(planClassifier(of.network), of.tensors.classifier);
  return runClassifier(of.network, weights, tf.mul(tf.sub(images, low), 1 / (high - low)));
}

/** Each class has its own scale: images of a 1 are twice as alike as those of a 2. */
function computeCosines(
  { config, tensors: { inverseScales, frequencies, phases } }: Embedding,
  features: tf.Tensor2D,
  labels: tf.Tensor2D,
): tf.Tensor2D {
  const scaled = tf.mul(features, tf.matMul(labels, inverseScales)) as tf.Tensor2D;
  const angles = tf.add(tf.matMul(scaled, frequencies), phases);
  return tf.mul(tf.cos(angles), Math.sqrt(2 / config.cosines));
}

type Labelled = { readonly images: tf.Tensor4D; readonly labels: Uint8Array };

/** The mean cosines of each class, [classes, cosines in all]; 0 for classes without images. */
function averageCosines(of: Embedding, passes: number, take: (pass: number) => Labelled) {
  const { classes } = of.network;
  let sums: tf.Tensor = tf.zeros([classes, of.tensors.phases.size]);
  let counts: tf.Tensor = tf.zeros([classes, 1]);
  for (let pass = 0; pass < passes; pass++) {
    [sums, counts] = tf.tidy(() => {
      const { images, labels: numbers } = take(pass);
      const labels = encodeLabels(numbers, classes);
      const cosines = computeCosines(of, classify(of, images).features, labels);
      return [
        tf.add(sums, tf.matMul(labels, cosines, true)),
        tf.add(counts, tf.reshape(tf.sum(labels, 0), [classes, 1])),
      ];
    }) as [tf.Tensor, tf.Tensor];
  }
  return tf.div(sums, tf.maximum(counts, 1)) as tf.Tensor2D;
}

/** @param real  The mean cosines, [classes, cosines in all]. @returns  See {@link Matching}. */
function invertKernels(
  real: tf.Tensor2D,
  dataset: Dataset,
  { bandwidths, cosines }: MatchingConfig,
): tf.Tensor2D {
  const { classes } = dataset;
  const shape = [classes.length, bandwidths.length, cosines] as const;
  const count = tf.tensor3d(countLabels(dataset), [classes.length, 1, 1]);
  const squares = tf.sum(tf.square(tf.reshape(real, [...shape])), 2, true);
  // The squared mean is the mean kernel of all pairs; images with themselves, which have 1, go.
  const pairs = tf.div(tf.sub(tf.mul(squares, count), 1), tf.maximum(tf.sub(count, 1), 1));
  const inverse = tf.div(tf.ones([...shape]), tf.maximum(pairs, LEAST_KERNEL));
  return tf.reshape(inverse, real.shape);
}

/** 1 / the median distance of an image to the nearest of its class: [classes, 1]. */
function measureInverseScales(of: With<'classifier'>, dataset: Dataset): tf.Tensor2D {
  const inverseScales = Array.from({ length: of.network.classes }, (_, label) => {
    const places: number[] = [];
    for (let i = 0; i < dataset.count && places.length < COMPARED; i++) {
      if (dataset.labels[i] === label) {
        places.push(i);
      }
    }
    return places.length < 2
      ? tf.scalar(1)
      : measureInverseScale(of, dataset, Uint32Array.from(places));
  });
  return tf.reshape(tf.stack(inverseScales), [-1, 1]);
}

function measureInverseScale(
  of: With<'classifier'>,
  dataset: Dataset,
  places: Uint32Array,
): tf.Scalar {
  return tf.tidy(() => {
    const { features } = classify(of, takeImages(dataset, places, of.range).images);
    const lengths = tf.sum(tf.square(features), 1, true); // [images, 1]
    const products = tf.matMul(features, features, false, true);
    const distances = tf.sub(tf.add(lengths, tf.transpose(lengths)), tf.mul(products, 2));
    const others = tf.add(distances, tf.mul(tf.eye(places.length), FAR));
    const upperHalf = tf.topk(tf.min(others, 1), Math.ceil(places.length / 2)).values;
    return tf.rsqrt(tf.maximum(tf.min(upperHalf), LEAST_DISTANCE ** 2)) as tf.Scalar;
  });
}

function takeImages(dataset: Dataset, places: Uint32Array, range: PixelRange): Labelled {
  const { height, width, channels, labels } = dataset;
  const pixels = decodePixels(gatherImages(dataset, places), range);
  return {
    images: tf.tensor4d(pixels, [places.length, height, width, channels]),
    labels: Uint8Array.from(places, (place) => labels[place] as number),
  };
}

/** Normal numbers over each kernel's bandwidth, [features, cosines in all], flat. */
function drawFrequencies(
  { bandwidths, cosines }: MatchingConfig,
  features: number,
  key: RandomKey,
): Float32Array {
  const count = bandwidths.length * cosines;
  return drawUniform(key, PURPOSES.matchingFrequencies, 0, features * count).map((value, i) => {
    const bandwidth = bandwidths[Math.floor((i % count) / cosines)] as number;
    return computeNormalQuantile((value + 1) / 2 + HALF_STEP) / bandwidth;
  });
}
