/** Tests the pictures of no class from which an encoder learns what to refuse. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { planEncoder } from '../../../shared/model/encoder.ts';
import { planGenerator } from '../../../shared/model/generator.ts';
import { deriveKey } from '../../../shared/model/random.ts';
import { encodeIdx } from '../../../shared/array-headers.ts';
import { loadOtherPictures, makeOtherPictures } from '../../../trainer/encoder/other-pictures.ts';
import { configureEncoder } from '../../../trainer/encoder/network.ts';
import { loadWritten } from '../../../trainer/encoder/train-encoder.ts';
import { loadTestDigits, pickDigits } from '../../../trainer/evaluation/digits.ts';

const { dataset } = await loadTestDigits();
const written = pickDigits(
  dataset,
  Uint32Array.from({ length: 20 }, (_, i) => i),
);
const key = deriveKey('encoder', 'test');

test('made pictures are in MNIST’s form, of no class, all different, and equal for a key', () => {
  const made = makeOtherPictures(written, key, 1, 27);
  expect([made.count, made.height, made.width]).toEqual([27, 28, 28]);
  expect(new Set(made.labels)).toEqual(new Set([10]));
  expect(makeOtherPictures(written, key, 1, 27)).toEqual(made);
  const texts = Array.from({ length: 27 }, (_, i) =>
    made.images.subarray(i * 784, (i + 1) * 784).join(),
  );
  expect(new Set(texts).size).toBe(27);
  const ink = made.images.reduce((sum, value) => sum + value, 0) / made.images.length;
  expect(ink).toBeGreaterThan(20);
});

test('a folder’s pictures count as digits where the model has their class', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'others-'));
  try {
    const save = async (names: string) => {
      await writeFile(join(folder, 'classes.txt'), `${[...names].join('\n')}\n`);
      const labels = Uint8Array.from(written.labels, (label) => label % names.length);
      await writeFile(
        join(folder, 'train-images-idx3-ubyte'),
        encodeIdx([20, 28, 28], written.images),
      );
      await writeFile(join(folder, 'train-labels-idx1-ubyte'), encodeIdx([20], labels));
      return labels;
    };
    const labels = await save('A7');
    const read = await loadOtherPictures(folder, dataset.classes, 'train', key, 1);
    const count = (wanted: number) => read.labels.filter((label) => label === wanted).length;
    const sevens = labels.filter((label) => label === 1).length;
    expect([count(7), count(10)]).toEqual([sevens, 20 - sevens]);
    const digits = await loadWritten(folder, ['A', '7']);
    expect(digits.classes).toEqual(['A', '7']);
    const inverted = written.images.map((level) => 255 - level);
    await writeFile(join(folder, 'train-images-idx3-ubyte'), encodeIdx([20, 28, 28], inverted));
    expect(await loadWritten(folder, ['A', '7'])).toEqual(digits);
    await expect(loadWritten(folder, dataset.classes)).rejects.toThrow(
      'has the classes A, 7, expected those of the model: 0, 1, 2',
    );
    await save('67');
    await expect(loadOtherPictures(folder, dataset.classes, 'train', key, 1)).rejects.toThrow(
      'every picture is of a class of the model',
    );
    const many = Array.from({ length: 256 }, String);
    await expect(loadOtherPictures(folder, many, 'train', key, 1)).rejects.toThrow('at most 255');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('an encoder has room for letters, and for what is no letter', () => {
  for (const [classes, units] of [
    [10, 112],
    [26, 67],
    [62, 33],
  ] as const) {
    const latents = { latentSize: 64, classes };
    const layers = [{ type: 'dense', units: 784, activation: 'tanh' }] as const;
    const generator = planGenerator({
      ...latents,
      layers: [...layers, { type: 'reshape', shape: [28, 28, 1] }],
    });
    const { layers: own } = configureEncoder(generator);
    expect(own.at(-2)).toMatchObject({ units });
    const wider = { ...own.at(-1), units: classes * 65 + 1 } as (typeof own)[number];
    expect(planEncoder({ layers: [...own.slice(0, -1), wider] }, generator).logits).toBe(
      classes + 1,
    );
  }
});
