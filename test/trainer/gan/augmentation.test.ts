/** Tests the changes of images that the discriminator sees. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { deriveKey } from '../../../shared/model/random.ts';
import { augmentImages, drawAugmentation } from '../../../trainer/gan/augmentation.ts';
import { makeTinyDataset, makeValues, TINY_CONFIG } from '../../support/training/tensors.ts';

const [BATCH, SIDE, CHANNELS] = [64, 8, 3];
const source = {
  config: { ...TINY_CONFIG, batchSize: BATCH, pixelRange: [-1, 1] as const },
  dataset: { ...makeTinyDataset(), height: SIDE, width: SIDE },
  key: deriveKey('train', 'augment'),
};

beforeAll(() => tf.setBackend('cpu'));

const draw = (chance: number, step = 0) => drawAugmentation(source, chance, step);
const values = (phase: number) => makeValues(BATCH * SIDE * SIDE * CHANNELS, phase);
const images = (phase: number) => tf.tensor4d(values(phase), [BATCH, SIDE, SIDE, CHANNELS]);

it('without a chance nothing changes', async () => {
  const x = images(0);
  expect(await augmentImages(x, draw(0)).data()).toEqual(await x.data());
});

it('about as many images change as the chance says, by the step’s own draws', async () => {
  const count = async (chance: number, step: number) => {
    const gains = await draw(chance, step).gain.data();
    return gains.filter((gain) => gain !== 1).length;
  };
  expect(await count(0.25, 0)).toBeGreaterThan(BATCH * 0.05);
  expect(await count(0.25, 0)).toBeLessThan(BATCH * 0.5);
  expect(await count(1, 0)).toBe(BATCH);
  const [first, again, next] = [draw(1), draw(1), draw(1, 1)];
  expect(await first.rows.data()).toEqual(await again.rows.data());
  expect(await first.rows.data()).not.toEqual(await next.rows.data());
});

it('a moved image is filled up from its edge, in all colours alike', async () => {
  const { rows, columns, ...rest } = draw(1);
  const [mask, gain] = [tf.onesLike(rest.mask), tf.onesLike(rest.gain)];
  const x = images(0);
  const moved = augmentImages(x, { rows, columns, mask, gain, offset: tf.zerosLike(rest.offset) });
  const [from, to] = [await x.array(), await moved.array()];
  const [down, right] = [await rows.array(), await columns.array()];
  const expected = from.map((image, i) =>
    down[i]!.map((row) => right[i]!.map((column) => image[row]![column])),
  );
  expect(to).toEqual(expected);
  expect(new Set(down.map(([first, second]) => `${first} ${second}`))).toEqual(
    new Set(['0 0', '0 1', '1 2']),
  );
});

it('a cut takes a part of an image, at most a quarter', async () => {
  const mask = await draw(1).mask.array();
  const cut = mask.map((image) => image.flat(2).filter((value) => value === 0).length);
  expect(Math.max(...cut)).toBe((SIDE / 2) ** 2);
  expect(Math.min(...cut)).toBeGreaterThan(0);
});

it('the gradient goes back through the changes', async () => {
  const [augmentation, x, dy] = [draw(0.7), images(0), images(1)];
  const shifted = tf.sub(
    augmentImages(x, augmentation),
    augmentImages(tf.zerosLike(x), augmentation),
  );
  const dx = tf.grad((one) => augmentImages(one as tf.Tensor4D, augmentation))(x, dy);
  // The changes are linear but for the brightness: <A x, dy> is <x, A' dy>.
  const [forward] = await tf.sum(tf.mul(shifted, dy)).data();
  const [back] = await tf.sum(tf.mul(x, dx)).data();
  expect(back).toBeCloseTo(forward as number, 2);
});
