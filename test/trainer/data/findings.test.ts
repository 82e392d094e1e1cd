/** The trainer's warnings before it starts. */
import { randomBytes } from 'node:crypto';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import type { Dataset } from '../../../trainer/data/dataset.ts';
import { findWarnings } from '../../../trainer/data/findings.ts';
import { loadTestDigits } from '../../../trainer/evaluation/digits.ts';

const { dataset: mnist } = await loadTestDigits();

/** The first digits, of which `change` may replace one's pixels. */
function take(count: number, change?: (i: number) => Uint8Array | undefined): Dataset {
  const images = mnist.images.slice(0, count * 784);
  for (let i = 0; i < count; i++) {
    images.set(change?.(i) ?? [], i * 784);
  }
  return { ...mnist, count, images, labels: mnist.labels.slice(0, count) };
}

it('says nothing of MNIST, whose digits are alike but no copies', () => {
  expect(findWarnings(mnist)).toEqual([]);
});

it('warns of few pictures, and of classes that are uneven or have a single picture', () => {
  const classes = ['rare', 'frequent'];
  const label = (rare: number) => Uint8Array.from({ length: 400 }, (_, i) => (i < rare ? 0 : 1));
  expect(findWarnings({ ...take(400), classes, labels: label(20) })).toEqual([
    expect.stringMatching(/^400 pictures are few/),
    expect.stringMatching(
      /uneven: frequent has 380 pictures, rare 20\. All are drawn equally often/,
    ),
  ]);
  expect(findWarnings({ ...take(400), classes, labels: label(1) })[1]).toMatch(
    /^Classes with one picture \(rare\) are learned by heart, and drawn as often as the others/,
  );
  expect(findWarnings({ ...take(400), classes, labels: label(150) })).toHaveLength(1);
});

it('warns of copies that were compressed again, and of pictures of almost one colour', async () => {
  const compress = async (i: number) => {
    const raw = { width: 28, height: 28, channels: 1 } as const;
    const digit = mnist.images.subarray(i * 784, (i + 1) * 784);
    const jpeg = await sharp(digit, { raw }).jpeg({ quality: 92 }).toBuffer();
    return await sharp(jpeg).toColourspace('b-w').raw().toBuffer();
  };
  const again = await Promise.all(Array.from({ length: 60 }, (_, i) => compress(i)));
  const copied = take(1200, (i) => (i >= 1100 && i < 1160 ? again[i - 1100] : undefined));
  const [warning = '', ...others] = findWarnings(copied);
  const found = Number(/^(\d+) pictures are nearly the same as an earlier one/.exec(warning)?.[1]);
  expect(found).toBeGreaterThan(20);
  expect(found).toBeLessThanOrEqual(60);
  expect(others).toEqual([]);
  const plain = take(1200, (i) => (i % 50 === 0 ? new Uint8Array(784).fill(i % 251) : undefined));
  expect(findWarnings(plain)).toContain(
    '24 pictures are almost one colour. If they are transparent, try another --background.',
  );
});

it('warns of copies wherever they lie in a large set', () => {
  const [count, half] = [42_000, randomBytes(64 * 21_000)];
  const images = Buffer.concat([half, half]);
  const set = { ...mnist, count, width: 8, height: 8, images, labels: new Uint8Array(count) };
  expect(findWarnings({ ...set, classes: [] })).toEqual([
    '21,000 pictures are nearly the same as an earlier one: copies are drawn more often.',
  ]);
});
