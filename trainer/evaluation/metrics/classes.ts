/** Metrics by class: whether samples show the requested digit, how often, and how varied. */
import { computeSquaredDistance, getPoint, type Points } from './points.ts';

/**
 * Computes the part of the predictions that equal their label, 0..1, and the label with the least
 * agreement, the lowest of equals.
 * @param labels  At least one, each below `classes`.
 */
export function computeClassAccuracy(labels: Uint8Array, predictions: Uint8Array, classes: number) {
  const requested = countLabels(labels, classes);
  const right = countLabels(
    labels.filter((label, i) => predictions[i] === label),
    classes,
  );
  let worst = { label: -1, accuracy: Infinity };
  right.forEach((count, label) => {
    const accuracy = count / (requested[label] as number);
    if (accuracy < worst.accuracy) {
      worst = { label, accuracy };
    }
  });
  return { accuracy: right.reduce((sum, count) => sum + count, 0) / labels.length, worst };
}

/**
 * Computes the Kullback-Leibler divergence of the classes' frequencies from equal ones, in nats: 0
 * for equal frequencies, log(classes) when one class takes all.
 */
export function computeClassBalance(labels: Uint8Array, classes: number): number {
  return countLabels(labels, classes).reduce((sum, count) => {
    const frequency = count / labels.length;
    return sum + (frequency === 0 ? 0 : frequency * Math.log(frequency * classes));
  }, 0);
}

function countLabels(labels: Uint8Array, classes: number): Float64Array {
  const counts = new Float64Array(classes);
  labels.forEach((label) => (counts[label] = (counts[label] as number) + 1));
  return counts;
}

/** Points of a class that are paired with each other: half a million pairs. */
const MAX_PER_CLASS = 1000;

/**
 * Computes each class's mean Euclidean distance over all pairs of its first 1,000 points.
 * @returns  [classes]; NaN for a class of fewer than two points.
 */
export function computeClassSpreads(points: Points, labels: Uint8Array, classes: number) {
  return Float64Array.from({ length: classes }, (_, label) => {
    const members: Float32Array[] = [];
    for (let i = 0; i < points.count && members.length < MAX_PER_CLASS; i++) {
      if (labels[i] === label) {
        members.push(getPoint(points, i));
      }
    }
    let sum = 0;
    for (const [i, x] of members.entries()) {
      for (let j = 0; j < i; j++) {
        sum += Math.sqrt(computeSquaredDistance(x, members[j] as Float32Array));
      }
    }
    return sum / ((members.length * (members.length - 1)) / 2);
  });
}

/**
 * Computes diversity within classes: the mean over classes of the samples' spread over the real
 * one, both from {@link computeClassSpreads}. It is 1 when as diverse as real digits, 0 when each
 * class is one picture. Classes of fewer than two samples are left out: the class balance shows
 * those. NaN when all are left out.
 */
export function computeClassDiversity(samples: Float64Array, real: Float64Array): number {
  const ratios = Array.from(samples, (spread, label) => spread / (real[label] as number)).filter(
    (ratio) => !Number.isNaN(ratio),
  );
  return ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
}
