/**
 * Measures an encoder on MNIST's test digits: how much its hands differ from the written digits,
 * and how far stroke width, slant and size carry over to the other classes.
 */
import * as tf from '@tensorflow/tfjs';
import type { ParsedEncoder } from '../../shared/model/encoder.ts';
import type { ParsedManifest } from '../../shared/model/artifact.ts';
import type { Sampler } from '../../shared/model/sampler.ts';
import { compareInk, readHand, type HandReader } from '../../shared/hand/reader.ts';
import { measurePen } from '../../shared/picture/pen.ts';
import { buildSheet, encodePng } from '../../shared/picture/sheet.ts';
import { viewImage, type Dataset } from '../data/dataset.ts';
import { CLASSIFIER_CONFIG, scoreImages } from '../evaluation/classifier/network.ts';
import { pngEncoder } from '../node-kernels.ts';
import { createWeights, drawInk } from './network.ts';

interface EncoderSubject {
  readonly parsed: ParsedManifest;
  readonly weights: readonly Float32Array[];
  readonly encoder: ParsedEncoder;
  readonly sampler: Sampler;
  readonly reader: HandReader;
  /** The evaluation's classifier. */
  readonly classifier: Float32Array;
}

/** A row of the table of errors. */
interface ErrorRow {
  readonly name: string;
  readonly digits: number;
  /** Root mean squared error, of 255: median, and 90% of the digits have less. */
  readonly median: number;
  readonly p90: number;
  /** Median distance of the classifier's features. */
  readonly features: number;
}

interface TransferRow {
  readonly name: 'stroke width' | 'slant' | 'height';
  /** Correlation of the written digit with the mean of the other nine classes in its hand. */
  readonly own: number;
  /** The same with the hand of another digit. */
  readonly random: number;
}

/** Steps after which the refined rows are measured. */
const STEPS = [1, 2, 10] as const;
/** Digits of the gradient search, which takes half a second each. */
const SEARCHED = 24;

/** A row of the table of pictures that are taken for digits. */
interface TakenRow {
  readonly name: string;
  readonly pictures: number;
  readonly taken: number;
}

/**
 * Counts the pictures that get a hand without a label.
 * @param pictures  Those of no class have the number of the classes as their label.
 * @param count     The most of each kind.
 */
export function measureTaken(
  { sampler, reader }: EncoderSubject,
  pictures: Dataset,
  count: number,
): TakenRow[] {
  const classes = sampler.manifest.classes.length;
  return [false, true].flatMap((isOther) => {
    const places = [...pictures.labels.keys()]
      .filter((i) => (pictures.labels[i] === classes) === isOther)
      .slice(0, count);
    const taken = places.filter((i) => {
      const pixels = viewImage(pictures, i);
      const [digit] = readHand(reader, sampler, [{ pixels }]).next().value.digits;
      return digit?.isRecognised;
    });
    const name = `${isOther ? 'no digits' : 'digits'}, ${pictures.name}`;
    return { name, pictures: places.length, taken: taken.length };
  });
}

/** Measures the first `count` digits. */
export function measureEncoder(subject: EncoderSubject, test: Dataset, count: number) {
  const size = test.height * test.width;
  const labels = Array.from(test.labels.subarray(0, count));
  const written = test.images.subarray(0, count * size);
  const hands = [0, ...STEPS].map(() => [] as Float32Array[]);
  let right = 0;
  for (const [i, label] of labels.entries()) {
    const readings = readHand(subject.reader, subject.sampler, [
      { pixels: viewImage(test, i), label },
    ]);
    let reading = readings.next().value;
    hands[0]?.push(reading.latents);
    for (let step = 1, next = 1; step <= Math.max(...STEPS); step++) {
      reading = readings.next().value;
      if (step === STEPS[next - 1]) {
        hands[next++]?.push(reading.latents);
      }
    }
    const guess = readHand(subject.reader, subject.sampler, [{ pixels: viewImage(test, i) }]).next()
      .value;
    right += guess.digits[0]?.label === label ? 1 : 0;
  }
  /** Draws each digit's class in its hand. */
  const draw = (own: readonly Float32Array[]): Uint8Array[] =>
    own.map((latents, i) => drawHand(subject.sampler, latents, [labels[i] as number]));
  const means = drawMeans(test);
  const rows = [
    compare(
      'mean digit of the class',
      written,
      labels.map((label) => means[label] as Uint8Array),
    ),
    ...hands.map((latents, i) =>
      compare(i === 0 ? 'first guess' : describeSteps(STEPS[i - 1] ?? 0), written, draw(latents)),
    ),
    compare('gradient search', written, draw(searchByGradient(subject, test, SEARCHED))),
  ];

  function compare(name: string, images: Uint8Array, drawn: readonly Uint8Array[]): ErrorRow {
    const flat = new Uint8Array(drawn.length * size);
    drawn.forEach((picture, i) => flat.set(picture, i * size));
    const some = images.subarray(0, flat.length);
    const errors = drawn.map((picture, i) =>
      compareInk(toInk(picture), toInk(images.subarray(i * size, (i + 1) * size))),
    );
    const [a, b] = [flat, some].map(
      (set) => scoreImages(CLASSIFIER_CONFIG, subject.classifier, set).features,
    ) as [Float32Array, Float32Array];
    const { features: width } = CLASSIFIER_CONFIG;
    const distances = drawn.map((_, i) =>
      Math.hypot(
        ...Array.from(
          { length: width },
          (__, k) => (a[i * width + k] ?? 0) - (b[i * width + k] ?? 0),
        ),
      ),
    );
    return {
      name,
      digits: drawn.length,
      median: findQuantile(errors, 0.5),
      p90: findQuantile(errors, 0.9),
      features: findQuantile(distances, 0.5),
    };
  }

  return {
    rows,
    accuracy: right / count,
    transfer: measureTransfer(subject, test, labels, hands.at(-1) as Float32Array[]),
  };
}

const describeSteps = (steps: number): string => `refined, ${steps} step${steps === 1 ? '' : 's'}`;
const toInk = (pixels: Uint8Array): Float32Array => Float32Array.from(pixels, (each) => each / 255);

export function findQuantile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(part * (values.length - 1))] ?? NaN;
}

/**
 * Draws a sheet with a row for each digit: the written one, all classes in the hand of the first
 * guess, and all classes in the refined hand.
 * @returns  A PNG, black on white.
 */
export function drawHands(subject: EncoderSubject, test: Dataset, count: number): Uint8Array {
  const { height, width, classes } = test;
  const size = height * width;
  const cols = 1 + 2 * classes.length;
  const pixels = new Uint8Array(count * cols * size);
  for (let i = 0; i < count; i++) {
    const written = viewImage(test, i);
    pixels.set(written, i * cols * size);
    const readings = readHand(subject.reader, subject.sampler, [
      { pixels: written, label: test.labels[i] },
    ]);
    for (let step = 0; step <= Math.max(...STEPS); step++) {
      const { latents } = readings.next().value;
      if (step === 0 || step === Math.max(...STEPS)) {
        const drawn = drawHand(subject.sampler, latents, [...classes.keys()]);
        pixels.set(drawn, (i * cols + 1 + (step === 0 ? 0 : classes.length)) * size);
      }
    }
  }
  const samples = { count: count * cols, height, width, channels: 1, pixels, labels: null };
  const sheet = buildSheet(samples, { cols, gap: 2, margin: 8, scale: 1 });
  return encodePng(pngEncoder, sheet, { bg: [255, 255, 255, 255], fg: [0, 0, 0, 255] });
}

function drawHand(sampler: Sampler, latents: Float32Array, labels: readonly number[]): Uint8Array {
  const hand = { latents, vary: 0 };
  return sampler.drawHand({ seed: '', start: 0, labels: Uint8Array.from(labels), hand }).pixels;
}

/** Draws the mean of each class's test digits. */
function drawMeans(test: Dataset): Uint8Array[] {
  const { labels, classes, height, width } = test;
  return classes.map((_, label) => {
    const sums = new Float64Array(height * width);
    let count = 0;
    labels.forEach((each, i) => {
      if (each === label) {
        count++;
        viewImage(test, i).forEach((value, k) => (sums[k] = (sums[k] as number) + value));
      }
    });
    return Uint8Array.from(sums, (sum) => Math.round(sum / count));
  });
}

/** Searches latent vectors by Adam through the generator: slow, and the measure of the others. */
function searchByGradient(
  { parsed: { plan, manifest }, weights }: EncoderSubject,
  test: Dataset,
  count: number,
): Float32Array[] {
  const [starts, steps, rate] = [8, 250, 0.08];
  const { latentSize, classes } = plan.config;
  const rows = count * starts;
  const ink = toInk(test.images.subarray(0, count * test.height * test.width));
  let errors: Float32Array = new Float32Array();
  let latents = errors;
  tf.tidy(() => {
    const frozen = createWeights(plan, weights);
    const repeat = (x: tf.Tensor): tf.Tensor =>
      tf.reshape(tf.tile(tf.expandDims(x, 1), [1, starts, 1]), [rows, -1]);
    const wanted = repeat(tf.tensor2d(ink, [count, ink.length / count]));
    const own = tf.tensor1d(test.labels.subarray(0, count), 'int32');
    const oneHot = repeat(tf.cast(tf.oneHot(own, classes), 'float32'));
    const u = tf.variable(tf.randomNormal([rows, latentSize], 0, 0.5, 'float32', 1));
    const measureErrors = (): tf.Tensor => {
      const input = tf.concat([tf.tanh(u), oneHot], 1);
      const drawn = drawInk(plan, frozen, input, manifest.image.range);
      return tf.sum(tf.squaredDifference(tf.reshape(drawn, [rows, -1]), wanted), 1);
    };
    const adam = tf.train.adam(rate);
    for (let step = 0; step < steps; step++) {
      adam.minimize(
        () =>
          tf.tidy(() => {
            const shrink = tf.mul(0.5, tf.mean(tf.square(u), 1));
            return tf.sum(tf.add(measureErrors(), shrink)) as tf.Scalar;
          }),
        false,
        [u],
      );
    }
    errors = measureErrors().dataSync<'float32'>();
    latents = tf.tanh(u).dataSync<'float32'>().slice();
    adam.dispose();
    u.dispose();
  });
  return Array.from({ length: count }, (_, i) => {
    const group = errors.slice(i * starts, (i + 1) * starts);
    const best = i * starts + group.indexOf(Math.min(...group));
    return latents.slice(best * latentSize, (best + 1) * latentSize);
  });
}

/** Correlates the pens of written digits with those of the other classes in their hands. */
function measureTransfer(
  { sampler }: EncoderSubject,
  test: Dataset,
  labels: readonly number[],
  hands: readonly Float32Array[],
): TransferRow[] {
  const { height, width, classes } = test;
  const measure = (count: number, pixels: Uint8Array): number[] => {
    const pen = measurePen({ count, height, width, channels: 1, pixels, labels: null });
    return [2 * pen.radius, pen.lean, pen.bottom - pen.top];
  };
  const written = labels.map((_, i) => measure(1, viewImage(test, i)));
  const others = hands.map((latents, i) => {
    const rest = classes.map((_, label) => label).filter((label) => label !== labels[i]);
    return measure(rest.length, drawHand(sampler, latents, rest));
  });
  // Every class writes in its own way: differences within a class alone count.
  const centre = (values: readonly (readonly number[])[], k: number): number[] => {
    const sums = classes.map((_, label) => {
      const own = values.filter((__, i) => labels[i] === label).map((each) => each[k] as number);
      return own.reduce((sum, value) => sum + value, 0) / own.length;
    });
    return values.map((each, i) => (each[k] as number) - (sums[labels[i] as number] as number));
  };
  return (['stroke width', 'slant', 'height'] as const).map((name, k) => {
    const [a, b] = [centre(written, k), centre(others, k)];
    const shifted = b.map((_, i) => b[(i + 1) % b.length] as number);
    return { name, own: correlate(a, b), random: correlate(a, shifted) };
  });
}

function correlate(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((x, y) => x + y, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((value, i) => {
    const [x, y] = [value - meanA, (b[i] as number) - meanB];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  });
  return ab / Math.sqrt(aa * bb);
}
