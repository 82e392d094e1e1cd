/**
 * The layouts that people have: one set of pictures, written by NumPy, PyArrow and Python's
 * archives, is read from each with the same pixels, labels and parts.
 */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { loadDataFolder, type LoadOptions } from '../../../trainer/data/data-folder.ts';
import { hasTools, runPython } from '../../support/data-tools/data-tools.ts';
import { writePicture } from '../../support/pictures.ts';

const SIDE = 8;
/** Written by scipy.io.savemat as those of SVHN and EMNIST are, and with cells of texts. */
const MATS = ['train_32x32.mat', 'emnist-letters.mat', 'cells.mat'];
const LABELS = Array.from({ length: 12 }, (_, i) => i % 3);
/** Pixel `k` of picture `i`, as write-layouts.py has it. */
const pixel = (i: number, k: number): number => (((i * 64 + k) * 7) % 251) + 2;
const GREY = LABELS.map((_, i) => Array.from({ length: 64 }, (__, k) => pixel(i, k)));
/** The picture, upside down, and transposed. */
const RGB = GREY.map((picture) =>
  picture.flatMap((value, k) => {
    const [y, x] = [Math.floor(k / SIDE), k % SIDE];
    return [value, picture[(SIDE - 1 - y) * SIDE + x] as number, picture[x * SIDE + y] as number];
  }),
);

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'digitmint-layouts-'));
  const write = (path: string, i: number): Promise<void> =>
    writePicture(join(root, path), SIDE, SIDE, (x, y) => {
      const grey = GREY[i]?.[y * SIDE + x] as number;
      return [grey, grey, grey];
    });
  const names = ['cat', 'dog', 'eel'];
  for (const i of LABELS.keys()) {
    const name = String(i).padStart(2, '0');
    await write(`pngs/${name}.png`, i);
    await write(`splits/training/${names[i % 3]}/deep/${name}.png`, i);
    await write(`stylegan/${i < 6 ? '00000' : '00001'}/${name}.png`, i);
    await write(`shards/${i < 6 ? '00000' : '00001'}/${name}.png`, i);
    await write(`mixed/${i < 6 ? 'train' : 'dog'}/${name}.png`, i);
    await write(
      `sets/${i < 6 ? 'training_set/training_set' : 'test_set/test_set'}/${names[i % 3]}/${name}.png`,
      i,
    );
    await write(`without/test/${names[i % 3]}/${name}.png`, i);
    await write(`within/${names[i % 3]}/${i < 6 ? 'train' : 'test'}/${name}.png`, i);
  }
  await write('splits/test/dog/a.png', 1);
  await write('splits/val/cat/b.png', 0);
  const labels = LABELS.map((label, i) => [
    `${i < 6 ? '00000' : '00001'}/${String(i).padStart(2, '0')}.png`,
    label,
  ]);
  await writeFile(join(root, 'stylegan/dataset.json'), JSON.stringify({ labels }));
  for (const name of MATS) {
    const folder = join(root, 'mat', name.replace(/[-_].*/, ''));
    await mkdir(folder, { recursive: true });
    await copyFile(
      new URL(`../../support/data-tools/${name}`, import.meta.url),
      join(folder, name),
    );
  }
  if (hasTools('tables')) {
    const program = new URL('../../support/data-tools/write-layouts.py', import.meta.url);
    runPython('tables', await readFile(program, 'utf8'), root);
  }
});
afterAll(() => rm(root, { recursive: true, force: true }));

const load = (path: string, options?: LoadOptions) => loadDataFolder(join(root, path), options);

interface Expected {
  readonly classes: readonly string[];
  readonly pictures?: readonly (readonly number[])[];
  readonly labels?: readonly number[];
  readonly kept?: Readonly<Record<string, number>>;
}

async function expectSet(path: string, expected: Expected): Promise<void> {
  const { classes, pictures = GREY, labels = LABELS, kept = {} } = expected;
  const { dataset, findings } = await load(path);
  expect(dataset.classes).toEqual(classes);
  expect([...dataset.labels]).toEqual(labels);
  expect([...dataset.images]).toEqual(pictures.flat());
  const { train: _train, ...others } = findings.parts;
  expect(others).toEqual(kept);
}

const NUMBERS = ['0', '1', '2'];
const NAMES = ['cat', 'dog', 'eel'];
/** Places in the order of classes, in which folders are read. */
const BY_CLASS = [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11];
const SORTED = {
  pictures: BY_CLASS.map((i) => GREY[i] as number[]),
  labels: BY_CLASS.map((i) => i % 3),
};

describe('pictures in folders', () => {
  it('are read by splits, with classes that are nested deeper', () =>
    expectSet('splits', { classes: NAMES, ...SORTED, kept: { test: 1, val: 1 } }));

  it('may have splits within classes', async () => {
    const { dataset, findings } = await load('within');
    expect([dataset.classes, dataset.count, findings.parts]).toEqual([
      NAMES,
      6,
      { train: 6, test: 6 },
    ]);
  });

  it('are told to be parts when all folders are named alike, and need a training part', async () => {
    const { findings, notes } = await load('sets');
    expect(findings.parts).toEqual({ train: 6, test: 6 });
    expect(notes).toEqual([
      expect.stringMatching(/^The folders .* are taken for parts of the set/),
    ]);
    await expect(load('without')).rejects.toThrow(
      /has no training part, only test\. Give a folder/,
    );
    expect((await load('without/test')).dataset.classes).toEqual(NAMES);
  });

  it('give the part for evaluation on request, with the classes of the training part', async () => {
    const { dataset } = await load('splits', { part: 'test' });
    expect([dataset.count, dataset.classes, [...dataset.labels]]).toEqual([1, NAMES, [1]]);
    expect([...dataset.images]).toEqual(GREY[1]);
  });

  it('have the labels of StyleGAN’s dataset.json', () =>
    expectSet('stylegan', { classes: NUMBERS }));

  it.each([
    ['shards', /subfolders 00000, 00001 are named like shards.*--folders none/],
    ['mixed', /subfolders train are named like parts of a set, dog like classes.*--folders splits/],
  ])('raise a question when names mean several things: %s', async (path, message) => {
    await expect(load(path)).rejects.toThrow(message);
    const reading = { folders: 'none' } as const;
    expect((await load(path, { reading })).dataset).toMatchObject({ count: 12, classes: [] });
    const { dataset } = await load(path, { reading: { folders: 'classes' } });
    expect(dataset.classes).toHaveLength(2);
  });
});

it('reads MATLAB’s files as those of SVHN and EMNIST, and texts in cells', async () => {
  await expectSet('mat/cells.mat', { classes: ['cat', 'dög', '猫'] });
  await expectSet('mat/train', { classes: NUMBERS, pictures: RGB }); // 10 is the digit 0.
  await expectSet('mat/train/train_32x32.mat', { classes: NUMBERS, pictures: RGB });
  await expectSet('mat/emnist', { classes: ['A', 'B', 'C'], kept: { test: 6 } });
});

describe.skipIf(!hasTools('tables'))('data of other programs', () => {
  it('has no part for evaluation when its test part has no labels', async () => {
    await expect(load('kaggle', { part: 'test' })).rejects.toThrow(
      /no part for evaluation, or no labels/,
    );
    expect((await load('keras.npz', { part: 'test' })).dataset.count).toBe(6);
    expect((await load('medmnist.npz', { part: 'test' })).dataset.count).toBe(2);
  });

  it.each<[string, Expected]>([
    ['splits.zip', { classes: NAMES, ...SORTED, kept: { test: 1, val: 1 } }],
    ['stylegan.zip', { classes: NUMBERS }],
    ['keras.npz', { classes: NUMBERS, kept: { test: 6 } }],
    ['floats.npz', { classes: NUMBERS }],
    ['medmnist.npz', { classes: NUMBERS, pictures: RGB, kept: { val: 2 } }],
    ['kmnist', { classes: NUMBERS, kept: { test: 6 } }],
    ['quickdraw', { classes: NAMES, ...SORTED }],
    ['kaggle', { classes: NUMBERS }],
    ['plain.csv', { classes: NUMBERS }],
    ['words.csv', { classes: NAMES }],
    ['fer.csv', { classes: NAMES, kept: { test: 6 } }],
    ['words.npz', { classes: NAMES }],
    ['bytes.npz', { classes: NAMES }],
    ['named.npz', { classes: NAMES }],
    ['npzs', { classes: NUMBERS, kept: { test: 6 } }],
    ['objects.npz', { classes: NAMES }],
    ['ids.npz', { classes: NUMBERS }],
    ['files.npz', { classes: NUMBERS }],
    ['dictionary', { classes: NAMES }],
    ['pickled', { classes: NUMBERS, kept: { test: 6 } }],
    ['parted', { classes: NUMBERS, kept: { test: 6 } }],
    ['single', { classes: NAMES, ...SORTED }],
    ['classes.txt.d', { classes: NAMES }],
    ['class_names.json.d', { classes: NAMES }],
    ['renamed', { classes: NUMBERS }],
    ['indexed.csv', { classes: [], labels: LABELS.map(() => 0) }],
    ...['Xtr', 'Xtrain', 'trainX', 'X_tr', 'trainimages', 'imgs_trn'].map(
      (name): [string, Expected] => [`names/${name}.d`, { classes: NUMBERS, kept: { test: 6 } }],
    ),
    ['names/tables', { classes: NUMBERS, kept: { test: 6 } }],
    ['bunch', { classes: NUMBERS }],
    ['pairs', { classes: NUMBERS }],
    ['rows', { classes: NAMES }],
    ['scalars-2', { classes: NAMES }],
    ['scalars-5', { classes: NAMES }],
    ['scalars', { classes: NUMBERS }],
    ...['listed', 'one-hot-lists'].flatMap((name) =>
      ['parquet', 'jsonl'].map((ending): [string, Expected] => [
        `${name}.${ending}`,
        { classes: NUMBERS },
      ]),
    ),
    ['four', { classes: NUMBERS, kept: { test: 6 } }],
    ['four.npz', { classes: NUMBERS, kept: { test: 6 } }],
    ['parts.parquet', { classes: NAMES, kept: { val: 1 } }],
    ['lists.csv', { classes: NAMES }],
    ['numpy.csv', { classes: NAMES }],
    ['planes.csv', { classes: NAMES, pictures: RGB }],
    ['two.csv', { classes: NAMES }],
    ['records', { classes: NAMES }],
    ['lines', { classes: NAMES, kept: { test: 6 } }],
    ['columns', { classes: NAMES }],
    ['one-hot', { classes: NUMBERS }],
    ['one-hot-bare', { classes: NUMBERS }],
    ['pandas', { classes: NUMBERS }],
    ['pixels', { classes: NAMES }],
    ['pixels-arrow', { classes: NAMES }],
    ['described.parquet', { classes: ['zebra', 'ant', 'moth'] }],
    ['wide', { classes: NUMBERS }],
    ['qmnist', { classes: NUMBERS }],
    ['qmnist-renamed', { classes: NUMBERS }],
    ['numbered', { classes: NUMBERS, ...SORTED, kept: { test: 6 } }],
    ['train.tar.zst', { classes: NAMES, ...SORTED }],
    ['csv-zst', { classes: NUMBERS }],
    ['tables', { classes: NAMES, ...SORTED }],
    ['words-indexed.csv', { classes: NAMES }],
    ['shuffled.csv', { classes: NUMBERS }],
    ['indexed-labels.csv', { classes: NUMBERS }],
    ['counted.csv', { classes: [], labels: LABELS.map(() => 0) }],
    ['counted-last.csv', { classes: NUMBERS }],
    ['savetxt.txt', { classes: NUMBERS }],
    ['wide.csv', { classes: NUMBERS }],
    ['european.csv', { classes: NUMBERS }],
    ['flags.csv', { classes: ['class_0', 'class_1', 'class_2'] }],
    ['emnist-letters-train.csv', { classes: NUMBERS }],
    ['saved', { classes: ['zebra', 'ant', 'moth'], kept: { test: 12 } }],
    ...['none', 'gzip', 'brotli', 'zstd', 'lz4'].map((compression): [string, Expected] => [
      compression,
      { classes: ['zebra', 'ant', 'moth'] },
    ]),
    ['zips', { classes: NAMES, ...SORTED, kept: { test: 1 } }],
    ['nested.zip', { classes: NAMES, ...SORTED, kept: { test: 1 } }],
    ...['ustar', 'gnu', 'pax'].map((format): [string, Expected] => [
      `${format}.tar.gz`,
      { classes: NAMES, ...SORTED },
    ]),
    ['wrapped.tar', { classes: ['package'], labels: LABELS.map(() => 0) }],
    ['hf', { classes: ['zebra', 'ant', 'moth'], kept: { test: 12 } }],
    ['folders', { classes: NUMBERS }],
    ['more.npz', { classes: NUMBERS }],
    ['torchvision', { classes: NUMBERS, kept: { test: 6 } }],
    ['torchvision/MNIST/raw/train-images-idx3-ubyte', { classes: NUMBERS, kept: { test: 6 } }],
    [
      'emnist/emnist-letters-train-images-idx3-ubyte.gz',
      { classes: ['A', 'B', 'C'], kept: { test: 6 } },
    ],
    [
      'emnist.zip/gzip/emnist-digits-train-labels-idx1-ubyte.gz',
      { classes: ['1', '2', '3'], kept: { test: 6 } },
    ],
  ])('is read as it is: %s', expectSet);

  it('may be a table whose first picture Pandas took for a header', async () => {
    const { dataset, notes } = await load('mangled.csv');
    expect([...dataset.labels]).toEqual([1, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
    expect([...dataset.images.subarray(0, 65)]).toEqual(Array.from({ length: 65 }, () => 0));
    expect(notes).toEqual([expect.stringContaining('column 1 is taken for the classes')]);
  });

  it.each([
    'cifar-python-2',
    ...[2, 3, 4, 5].map((protocol) => `cifar-protocol-${protocol}`),
    'cifar-10-binary',
    'cifar-100-binary',
  ])('has three colours and names of classes as CIFAR has them: %s', async (path) => {
    const { dataset, findings } = await load(path);
    expect([dataset.classes, [...dataset.labels]]).toEqual([NAMES, LABELS]);
    expect(findings.parts['test'] ?? 0).toBe(path.includes('binary') ? 0 : 3);
    const red = (i: number, k: number) => dataset.images[(i * 1024 + (k >> 3) * 32 + (k & 7)) * 3];
    expect(GREY.map((picture, i) => picture.map((_, k) => red(i, k)))).toEqual(GREY);
  });

  it('may have channels first, half precision, numbers from -1 to 1 and one-hot labels', async () => {
    const { dataset } = await load('signed.npz');
    expect([...dataset.labels]).toEqual(LABELS);
    const most = Math.max(...RGB.flat().map((v, i) => Math.abs(v - (dataset.images[i] as number))));
    expect(most).toBeLessThanOrEqual(1); // Half precision has 11 bits.
  });

  it.each([
    ['nan.npz', /nan\.npz: images holds NaN in picture 5: expected finite numbers/],
    ['missing.csv', /has 63 columns of pixels.*which is no square; after pixel16 comes pixel18/],
    ['emnist', /holds 2 sets of IDX files .*emnist-digits.*give one of their files/],
    ['bomb.zip', /would inflate to 4294967280: too much for an honest archive/],
    ['out.zip', /it holds nothing\. Not read: \.\.\/\.\.\/a\.png has a path out of the archive/],
    ['configs', /holds several sets \(large\/, small\/\): name the folder that you mean/],
    [
      'beyond',
      /1 of 12 pictures cannot be used: train\.parquet, row 11 has the label 4, but only 4/,
    ],
    ['old', /a\.pkl is no pickle of protocol 2 or later, which are read\. Read it in Python/],
    ['frame', /a\.pkl has a DataFrame of Pandas: .*to_json\("set\.jsonl", orient="records"/],
    ['tar-bz2', /a\.tar\.bz2 is not read: unpack it: tar xf a\.tar\.bz2/],
    ['tar-xz', /a\.tar\.xz is not read: unpack it: tar xf a\.tar\.xz/],
    ['csv-bz2', /a\.csv\.bz2 is not read: unpack it: bunzip2 -k a\.csv\.bz2/],
    ['csv-xz', /a\.csv\.xz is not read: unpack it: xz -dk a\.csv\.xz/],
    ['sheet', /a\.xlsx is not read: save it as CSV/],
    ['nothing.csv', /nothing\.csv is no table of pixels: it begins with "label,image"/],
    ['evil.pkl', /evil\.pkl has no array of NumPy\. Read it in Python/],
    ['cifar-cut', /data_batch_1\.bin is no file of CIFAR: it has 5000 bytes, expected a multiple/],
    ['cifar-eval', /data_batch_1 is no file of CIFAR/],
    ['cut.tar.gz', /is no whole archive \(unexpected end of file\)/],
    ['hdf', /set\.h5 is not read: read it in Python, and save numpy\.savez/],
    ['hdf5.mat', /is MATLAB 7\.3, expected level 5: save it in MATLAB with -v7/],
  ])('is refused with what is wrong: %s', async (path, message) => {
    await expect(load(path)).rejects.toThrow(message);
    await expect(load(path)).rejects.toThrow(ExpectedError);
  });

  it.each(['several.parquet', 'several.jsonl', 'objects.parquet', 'objects.jsonl'])(
    'has no classes where labels are lists of several, or objects, and says so: %s',
    async (path) => {
      const { dataset, notes } = await load(path);
      expect(dataset.classes).toEqual([]);
      expect(notes).toContain(
        `${path}, column label, has lists or objects: expected a text or a whole number in each row as its class.`,
      );
    },
  );

  it('leaves out a few rows that cannot be used, and names them', async () => {
    const { dataset, findings } = await load('short.csv');
    expect(dataset.count).toBe(60);
    expect(findings.problems).toEqual([
      { name: 'short.csv, line 62', reason: 'has 40 columns, expected 65', split: 'train' },
    ]);
    expect(findings.warnings[0]).toBe(
      'LEFT OUT: 1 of 61 pictures (1.6%). unusable.txt names all: short.csv, line 62 has 40 columns, expected 65',
    );
  });
});

it('names what there is when several things could be meant', async () => {
  await mkdir(join(root, 'several'));
  await writePicture(join(root, 'several/a.png'), SIDE, SIDE, () => [0, 0, 0]);
  await writeFile(join(root, 'several/x.npy'), '');
  await expect(load('several')).rejects.toThrow(
    /holds 1 pictures \(a\.png\) and 1 arrays \(x\.npy\): name the file or the folder/,
  );
});
