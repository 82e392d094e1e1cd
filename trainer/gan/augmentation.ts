/**
 * Random changes of all images that the discriminator sees, so that it cannot learn a small set by
 * heart (Zhao et al. 2020, DiffAugment; Karras et al. 2020, StyleGAN2-ADA). Real and generated
 * images change alike, and rarely enough that the generator does not learn the changes.
 */
import * as tf from '@tensorflow/tfjs';
import type { RandomKey } from '../../shared/model/random.ts';
import type { Dataset } from '../data/dataset.ts';
import { drawUniform } from './noise.ts';
import { PURPOSES, type TrainingConfig } from './preset.ts';

/** The changes of a batch. All of them are tensors, because a recorded step takes no numbers. */
export interface Augmentation {
  /** Which row and which column comes to each place, int32 [batch, height] and [batch, width]. */
  readonly rows: tf.Tensor2D;
  readonly columns: tf.Tensor2D;
  /** 0 where a part is cut out, 1 elsewhere, [batch, height, width, 1]. */
  readonly mask: tf.Tensor4D;
  /** Contrast and brightness, [batch, 1, 1, 1]: pixels become gain * pixel + offset. */
  readonly gain: tf.Tensor4D;
  readonly offset: tf.Tensor4D;
}

/** Parts of an image's side: how far it moves each way, and the square that is cut out. */
const [REACH, CUT] = [1 / 8, 1 / 2];
/** Contrast changes by up to this part, and brightness by this part of half the pixel range. */
const PAINT = 0.5;
/** Random numbers of an image, at most: three changes, each with a chance and two numbers. */
const NUMBERS = 9;

/**
 * Draws a step's changes. The caller disposes them.
 * @param chance  The chance of each of the three changes of an image: a move, a cut, other light.
 */
export function drawAugmentation(
  {
    config: { batchSize, pixelRange },
    dataset: { height, width },
    key,
  }: { readonly config: TrainingConfig; readonly dataset: Dataset; readonly key: RandomKey },
  chance: number,
  step: number,
): Augmentation {
  const numbers = drawUniform(key, PURPOSES.augmentation, step, batchSize * NUMBERS);
  const rows = new Int32Array(batchSize * height);
  const columns = new Int32Array(batchSize * width);
  const mask = new Float32Array(batchSize * height * width).fill(1);
  const [gain, offset] = [new Float32Array(batchSize).fill(1), new Float32Array(batchSize)];
  let taken = 0;
  const next = (): number => numbers[taken++] as number;
  const happens = (): boolean => (next() + 1) / 2 < chance;
  const halfRange = (pixelRange[1] - pixelRange[0]) / 2;
  for (let i = 0; i < batchSize; i++) {
    const reach = happens() ? REACH : 0;
    fillPlaces(rows.subarray(i * height, (i + 1) * height), Math.round(next() * reach * height));
    fillPlaces(columns.subarray(i * width, (i + 1) * width), Math.round(next() * reach * width));
    if (happens()) {
      const [top, bottom] = findCut(next(), height);
      const [left, right] = findCut(next(), width);
      for (let row = i * height + top; row < i * height + bottom; row++) {
        mask.fill(0, row * width + left, row * width + right);
      }
    }
    if (happens()) {
      gain[i] = 1 + PAINT * next();
      offset[i] = PAINT * next() * halfRange;
    }
  }
  return {
    rows: tf.tensor2d(rows, [batchSize, height], 'int32'),
    columns: tf.tensor2d(columns, [batchSize, width], 'int32'),
    mask: tf.tensor4d(mask, [batchSize, height, width, 1]),
    gain: tf.tensor4d(gain, [batchSize, 1, 1, 1]),
    offset: tf.tensor4d(offset, [batchSize, 1, 1, 1]),
  };
}

/** @returns  Where a cut begins and ends on a side. @param centre  In [-1, 1). */
function findCut(centre: number, side: number): [number, number] {
  const first = Math.round(((centre + 1 - CUT) / 2) * side);
  return [Math.max(0, first), Math.min(side, first + Math.round(CUT * side))];
}

/** Lists from where the pixels of a moved side come. The edge's pixels fill the gap. */
function fillPlaces(places: Int32Array, shift: number): void {
  const last = places.length - 1;
  places.forEach((_, place) => (places[place] = Math.min(last, Math.max(0, place - shift))));
}

/** Changes images, [batch, height, width, channels]. The caller disposes the result. */
export function augmentImages(
  images: tf.Tensor4D,
  { rows, columns, mask, gain, offset }: Augmentation,
): tf.Tensor4D {
  return tf.tidy(() => {
    const moved = moveRows(images, rows);
    const turned = moveRows(tf.transpose(moved, [0, 2, 1, 3]), columns);
    const lit = tf.add(tf.mul(tf.transpose(turned, [0, 2, 1, 3]), gain), offset);
    return tf.mul(lit, mask) as tf.Tensor4D;
  });
}

/** Multiplies with ones and zeros, since a gather in each image has no gradient everywhere. */
function moveRows(images: tf.Tensor4D, rows: tf.Tensor2D): tf.Tensor4D {
  const [batch, height] = images.shape;
  // WebAssembly's kernel writes whole numbers, whatever type is asked for.
  const places = tf.cast(tf.oneHot(rows, height), 'float32'); // [batch, height, height]
  const flat = tf.reshape(images, [batch, height, -1]);
  return tf.reshape(tf.matMul(places, flat), images.shape);
}
