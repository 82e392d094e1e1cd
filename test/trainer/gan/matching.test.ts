/** Tests the distance between real and generated images that the generator lowers. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { deriveKey } from '../../../shared/model/random.ts';
import { decodePixels } from '../../../shared/picture/pixels.ts';
import type { Dataset } from '../../../trainer/data/dataset.ts';
import { scoreImages } from '../../../trainer/evaluation/classifier/network.ts';
import {
  computeMatchingLoss,
  createMatching,
  disposeMatching,
  planMatchingClassifier,
  refreshMatching,
} from '../../../trainer/gan/matching.ts';
import { encodeLabels } from '../../../trainer/gan/networks.ts';
import { drawMatchingClassifier } from '../../../trainer/run/matching-classifier.ts';
import { countLeaks, makeTinyDataset } from '../../support/training/tensors.ts';

const key = deriveKey('train', 'matching');
const range = [-0.8, 0.8] as const;
const config = { weight: 1, labelWeight: 0, bandwidths: [1, 2], cosines: 1024 };
const dataset = makeTinyDataset(64);
const classifier = drawMatchingClassifier(dataset, key);
const open = (change = {}) =>
  createMatching({
    config: { ...config, ...change },
    dataset,
    range,
    key,
    classifier,
    generated: null,
  });

beforeAll(() => tf.setBackend('cpu'));

/** The dataset's images of each class, with one row of paper more. */
function dim({ images, count }: Dataset) {
  const all = decodePixels(
    images.map((value, i) => (i % 16 < 4 ? 0 : value)),
    range,
  );
  const next = [0, 0];
  // Each image of a class as often as the others.
  const pick = (classes: Uint8Array) =>
    tf.tensor1d(
      Array.from(classes, (label) => (next[label]!++ * 2 + label) % count),
      'int32',
    );
  const generate = (classes: Uint8Array, from = tf.tensor4d(all, [count, 4, 4, 1])): tf.Tensor4D =>
    tf.gather(from, pick(classes));
  return { all, generate };
}

/** Squared distance of the kernel means of two sets, by the kernels themselves. */
function computeDiscrepancy(a: number[][], b: number[][], bandwidth: number): number {
  const mean = (x: number[][], y: number[][]) => {
    const kernels = x.flatMap((p) =>
      y.map((q) => Math.exp(-p.reduce((s, v, i) => s + (v - q[i]!) ** 2, 0) / 2 / bandwidth ** 2)),
    );
    return kernels.reduce((sum, value) => sum + value) / kernels.length;
  };
  return mean(a, a) + mean(b, b) - 2 * mean(a, b);
}

it('is the maximum mean discrepancy of a classifier’s features, class by class', async () => {
  const matching = open();
  const { all, generate } = dim(dataset);
  refreshMatching(matching, 0, (classes) => generate(classes));
  const network = planMatchingClassifier(dataset);
  const toBytes = (pixels: Float32Array) =>
    Uint8Array.from(pixels, (value) => Math.round(((value + 0.8) / 1.6) * 255));
  const [real, made] = [dataset.images, toBytes(all)].map((images) => {
    const { features } = scoreImages(network, classifier, images);
    return Array.from({ length: 64 }, (_, i) => [...features.subarray(i * 64, (i + 1) * 64)]);
  }) as [number[][], number[][]];
  const ofClass = (rows: number[][], label: number) => rows.filter((_, i) => i % 2 === label);
  const difference = tf.sub(matching.tensors.generated, matching.tensors.real) as tf.Tensor2D;
  const found = await difference.array();
  const inverseScales = await matching.tensors.inverseScales.array();
  for (const label of [0, 1]) {
    const own = ofClass(real, label);
    const distances = own.map((p) =>
      Math.min(...own.filter((q) => q !== p).map((q) => Math.hypot(...p.map((v, i) => v - q[i]!)))),
    );
    distances.sort((a, b) => a - b);
    const scale = distances[16]!; // of 32: the median, or the number above it
    expect(1 / inverseScales[label]![0]!).toBeCloseTo(scale, 3);
    for (const [kernel, bandwidth] of config.bandwidths.entries()) {
      const cosines = found[label]!.slice(kernel * 1024, (kernel + 1) * 1024);
      const squared = cosines.reduce((sum, value) => sum + value ** 2, 0);
      const exact = computeDiscrepancy(own, ofClass(made, label), bandwidth * scale);
      expect(squared / exact).toBeGreaterThan(0.75);
      expect(squared / exact).toBeLessThan(1.3);
    }
  }
  disposeMatching(matching);
});

it('its gradient brings generated images nearer to real ones', async () => {
  const matching = open({ cosines: 256 });
  const { all, generate } = dim(dataset);
  const labels = encodeLabels(dataset.labels, 2);
  let images = tf.tensor4d(all, [64, 4, 4, 1]);
  const gradient = tf.grad((x) => computeMatchingLoss(matching, x as tf.Tensor4D, labels));
  const distances: number[] = [];
  for (let i = 0; i < 6; i++) {
    refreshMatching(matching, 0, (classes) => generate(classes, images)); // the first draw, anew
    const { generated, real } = matching.tensors;
    distances.push(tf.sum(tf.square(tf.sub(generated, real))).dataSync()[0] as number);
    const slope = gradient(images);
    images = tf.sub(images, tf.mul(slope, 0.6 / (tf.norm(slope).dataSync()[0] as number)));
  }
  expect(distances.at(-1)).toBeLessThan((distances[0] as number) * 0.75);
  disposeMatching(matching);
});

it('counts doubt about the class only where it is large', () => {
  const matching = open({ weight: 0, labelWeight: 1, cosines: 16 });
  const images = tf.tensor4d(decodePixels(dataset.images, range), [64, 4, 4, 1]);
  const loss = (labels: Uint8Array) =>
    computeMatchingLoss(matching, images, encodeLabels(labels, 2)).dataSync()[0] as number;
  // A classifier that has learned nothing is 0.69 nats from either class, more or less.
  const [right, wrong] = [loss(dataset.labels), loss(dataset.labels.map((label) => 1 - label))];
  expect(right + wrong).toBeGreaterThan(0);
  disposeMatching(matching);
});

it('draws generated images every 20 steps, and leaves no tensor behind', () => {
  const asked: number[] = [];
  const { generate } = dim(dataset);
  expect(
    countLeaks(() => {
      const matching = open({ cosines: 16 });
      for (let step = 0; step < 45; step++) {
        refreshMatching(matching, step, (classes, call) => {
          asked.push(call);
          return generate(classes);
        });
      }
      disposeMatching(matching);
    }),
  ).toBe(0);
  // Three draws of ten parts, each with a number of its own, in each of the two goes.
  expect(asked.slice(0, 30)).toEqual(Array.from({ length: 30 }, (_, i) => i));
  expect(asked).toHaveLength(60);
});
