/** The parts of a set as people have them: folders around them, beside them, and in tables. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { binary, tableFromArrays, tableToIPC, utf8 } from '@uwdata/flechette';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadDataFolder, type LoadOptions } from '../../../trainer/data/data-folder.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'digitmint-parts-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function write(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
}

const pixelsOf = (i: number): number[] =>
  Array.from({ length: 16 }, (_, k) => (k * 7 + i * 50) % 256);
const drawPgm = (i: number): Uint8Array =>
  Buffer.concat([Buffer.from('P5 4 4 255\n'), Buffer.from(pixelsOf(i))]);

/** Two grey pictures of 4 x 4 for each beginning of a path. */
async function draw(...places: readonly string[]): Promise<void> {
  for (const place of places) {
    for (const i of [0, 1]) {
      await write(`${place}${i}.pgm`, drawPgm(i));
    }
  }
}

/** The classes, how many pictures each part has, and the notes. */
async function read(options: LoadOptions = {}) {
  const { dataset, findings, notes } = await loadDataFolder(root, options);
  return { classes: dataset.classes, count: dataset.count, parts: findings.parts, notes };
}

describe('folders around the pictures of a part', () => {
  it.each(['train/train', 'train/images', 'training_set/training_set', 'train/JPEGImages'])(
    'are no class, so a table of labels counts: %s',
    async (folder) => {
      await draw(`${folder}/a`, `${folder}/b`, 'test/test/c');
      await write('train.csv', 'image,label\na0.pgm,cat\na1.pgm,cat\nb0.pgm,dog\nb1.pgm,dog');
      expect(await read()).toMatchObject({ classes: ['cat', 'dog'], parts: { train: 4 } });
    },
  );

  it('are no class, so names of files may have the classes', async () => {
    await draw('train/train/cat.', 'train/train/dog.', 'test1/test1/');
    await draw('train/train/cat.1', 'train/train/cat.2', 'train/train/dog.1', 'train/train/dog.2');
    expect(await read()).toMatchObject({
      classes: [],
      parts: { train: 12, test: 2 },
      notes: ['Names of files begin like classes (cat, dog): --folders names takes these.'],
    });
  });

  it('are no class at the top of the set', async () => {
    await draw('train_images/a');
    expect(await read()).toMatchObject({ classes: [], count: 2 });
  });

  it('are a class where they have another name', async () => {
    await draw('train/cat/a', 'test/cat/b');
    expect(await read()).toMatchObject({ classes: ['cat'], parts: { train: 2, test: 2 } });
  });
});

describe('a part without classes of the training part', () => {
  it('is not kept for evaluation, and another part is', async () => {
    await draw('train/cat/a', 'train/dog/a', 'val/cat/b', 'val/dog/b', 'test/unknown/c');
    expect((await read()).parts).toEqual({ train: 4, val: 4 });
    expect(await read({ part: 'test' })).toMatchObject({ classes: ['cat', 'dog'], count: 4 });
  });

  it('is not kept where its pictures lie in a folder images, as those of Tiny ImageNet', async () => {
    await draw('train/n1/images/a', 'train/n2/images/a', 'val/images/b', 'test/images/c');
    expect((await read()).parts).toEqual({ train: 4 });
    await expect(read({ part: 'test' })).rejects.toThrow(/no part for evaluation, or no labels/);
  });
});

it('leaves out folders that are no parts where folders are said to be parts', async () => {
  const parts = ['train', 'test'].flatMap((part) =>
    ['cat', 'dog'].map((name) => `seg_${part}/seg_${part}/${name}/a`),
  );
  await draw(...parts, 'seg_pred/seg_pred/a');
  await expect(read()).rejects.toThrow(/seg_pred like classes.*--folders splits/);
  expect(await read({ reading: { folders: 'splits' } })).toEqual({
    classes: ['cat', 'dog'],
    count: 4,
    parts: { train: 4, test: 4 },
    notes: ['Folders that are no parts, named train, val and test, are left out: seg_pred.'],
  });
});

it('takes names of classes for one that only differ in blanks and the form of their accents', async () => {
  await draw('train/caf\u00e9/a', 'train/cafe\u0301 /b', 'train/bar/a', 'test/cafe\u0301/c');
  expect((await read()).parts).toEqual({ train: 6, test: 2 });
  expect((await read({ part: 'test' })).classes).toEqual(['bar', 'caf\u00e9']);
});

describe('a column with the parts of the rows', () => {
  const label = ['cat', 'dog', 'cat', 'dog'];
  const list = (header: string, row: (i: number) => unknown[]): string =>
    [header, ...label.map((_, i) => row(i).join())].join('\n');

  describe.each<[string, string, (name: string, parts: readonly string[]) => string | Uint8Array]>([
    [
      'beside pictures',
      'set.csv',
      (name, parts) =>
        list(`file,label,${name}`, (i) => [`${'ab'[i >> 1]}${i % 2}.pgm`, label[i], parts[i]]),
    ],
    [
      'of pixels',
      'set.csv',
      (name, parts) =>
        list(
          `label,${name},${pixelsOf(0)
            .map((_, k) => `p${k}`)
            .join()}`,
          (i) => [label[i], parts[i], ...pixelsOf(i)],
        ),
    ],
    [
      'of pixels in JSON',
      'set.jsonl',
      (name, parts) =>
        label
          .map((one, i) => JSON.stringify({ label: one, [name]: parts[i], image: pixelsOf(i) }))
          .join('\n'),
    ],
    [
      'of pictures',
      'set.arrow',
      (name, parts) => {
        const types = { image: binary(), label: utf8(), [name]: utf8() };
        const columns = { image: label.map((_, i) => drawPgm(i)), label, [name]: [...parts] };
        return tableToIPC(tableFromArrays(columns, { types }), { format: 'file' }) as Uint8Array;
      },
    ],
  ])('in a table %s', (what, path, build) => {
    beforeEach(async () => {
      if (what === 'beside pictures') {
        await draw('images/a', 'images/b');
      }
    });

    it('may have one that is not understood, which is told', async () => {
      await write(path, build('split', ['train', 'train', 'test', 'holdout']));
      const { parts, notes } = await read();
      expect(parts).toEqual({ train: 3, test: 1 });
      expect(notes).toContain(
        `${path}, column split: some parts are not understood, so their rows are trained on: holdout. Call the parts train, val and test.`,
      );
    });

    it.each(['tvt', 'data_split', 'ml_use'])(
      'may be called %s where each cell is a part',
      async (name) => {
        await write(path, build(name, ['train', 'train', 'validation', 'test']));
        expect((await read()).parts).toEqual({ train: 2, val: 1, test: 1 });
      },
    );
  });

  it('is none where it has the classes', async () => {
    await draw('a', 'b');
    await write('a.csv', 'file,label\na0.pgm,train\na1.pgm,test\nb0.pgm,train\nb1.pgm,test');
    expect(await read()).toMatchObject({ classes: ['test', 'train'], parts: { train: 4 } });
  });
});

describe('lists of the parts beside folders of the classes', () => {
  const lists = (...names: string[]) =>
    Promise.all(names.map((name, i) => write(`${name}.txt`, `cat/a${i}.pgm\ndog/a${i}.pgm`)));

  it('keep pictures for evaluation', async () => {
    await draw('set/cat/a', 'set/dog/a');
    await lists('train', 'test');
    await write('meta/val.txt', 'cat/b0\ndog/b0');
    await draw('set/cat/b', 'set/dog/b');
    expect(await read()).toMatchObject({
      classes: ['cat', 'dog'],
      parts: { train: 4, val: 2, test: 2 },
      notes: [
        'The folders are the classes; the parts are those of meta/val.txt, test.txt, train.txt',
      ],
    });
  });

  it('may be a column', async () => {
    await draw('cat/a', 'dog/a');
    const rows = ['cat/a0.pgm,train', 'cat/a1.pgm,valid', 'dog/a0.pgm,train', 'dog/a1.pgm,valid'];
    await write('set.csv', ['filepaths,data set', ...rows].join('\n'));
    expect((await read()).parts).toEqual({ train: 2, val: 2 });
  });

  it.each([
    ['of several partitions', ['train', 'test', 'test2', 'train2'], 'cat/a', 'dog/a'],
    ['where the folders tell the parts', ['train', 'test'], 'train/cat/a', 'train/dog/a'],
    ['that leave a class nothing', ['test', 'val'], 'cat/a', 'dog/a'],
  ])('are not used %s', async (_, names, ...places) => {
    await draw(...places);
    await lists(...names);
    await write('train2.txt', 'cat/a1.pgm');
    const { parts, notes } = await read();
    expect(parts).toEqual({ train: 4 });
    expect(notes.join()).toMatch(/The folders are the classes; not used: test\.txt/);
  });
});

describe('lists in JSON that are named as parts', () => {
  const rows = (key: string, values: readonly unknown[]) =>
    values.map((value, i) => ({ [key]: value, label: i % 2 === 0 ? 'cat' : 'dog' }));
  const files = (...letters: string[]) => letters.flatMap((one) => [`${one}0.pgm`, `${one}1.pgm`]);
  const KEPT = { classes: ['cat', 'dog'], count: 2, parts: { train: 2, test: 2 } };

  it.each([
    ['the test part comes first', 'test', 'train'],
    ['only the test part has such a name', 'data', 'test'],
  ])('are its parts where %s', async (_, first, second) => {
    const pictures = (of: number) => rows('image', [pixelsOf(of), pixelsOf(of + 1)]);
    await write(
      'set.json',
      JSON.stringify({ [first]: pictures(1), [second]: pictures(3), info: [{}] }),
    );
    expect(await read()).toMatchObject(KEPT);
    await rm(join(root, 'set.json'));
    await draw('images/a', 'images/b');
    const listed = { [first]: rows('file', files('a')), [second]: rows('file', files('b')) };
    await write('set.json', JSON.stringify(listed));
    expect(await read()).toMatchObject(KEPT);
  });

  it.each([
    ['parts.json', JSON.stringify({ train: files('a'), val: files('b') })],
    [
      'parts.json',
      JSON.stringify({ 'a0.pgm': 'train', 'a1.pgm': 'train', 'b0.pgm': 'val', 'b1.pgm': 'val' }),
    ],
    [
      'parts.csv',
      files('a', 'b')
        .map((file) => `${file},${file < 'b' ? 'train' : 'val'}`)
        .join('\n'),
    ],
  ])('are no classes where they only have names of files: %s', async (path, content) => {
    await draw('a', 'b');
    await write(path, content);
    expect(await read()).toMatchObject({ classes: [], parts: { train: 2, val: 2 } });
  });
});

describe('what Pandas writes as JSON', () => {
  const columns = { label: ['cat', 'dog'], file: ['a0.pgm', 'a1.pgm'] };
  const index = { 0: { label: 'cat', file: 'a0.pgm' }, 1: { label: 'dog', file: 'a1.pgm' } };
  const listed = {
    columns: ['label', 'file'],
    data: [
      ['cat', 'a0.pgm'],
      ['dog', 'a1.pgm'],
    ],
  };
  const counted = { label: { 0: 'cat', 1: 'dog' }, file: { 0: 'a0.pgm', 1: 'a1.pgm' } };
  const byName = { 'a0.pgm': { label: 'cat' }, 'a1.pgm': { label: 'dog' } };

  it.each([columns, index, listed, counted, byName])('has labels of files: %j', async (content) => {
    await draw('a');
    await write('set.json', JSON.stringify(content));
    expect((await read()).classes).toEqual(['cat', 'dog']);
  });

  it('has a row for each number, also where as many rows as pixels of a square are there', async () => {
    const pixels = (i: number) =>
      Object.fromEntries(pixelsOf(i).map((value, k) => [`pixel${k}`, value]));
    const set = Array.from({ length: 16 }, (_, i) => ({ label: i % 2, ...pixels(i) }));
    await write('set.json', JSON.stringify({ ...set }));
    expect(await read()).toMatchObject({ classes: ['0', '1'], count: 16 });
  });
});

describe('a file dataset.json', () => {
  it.each(['{"name": "pets", "version": 1}', '{"labels": {"background": 0}}', '[]', '5'])(
    'of another program leaves the classes as they are: %s',
    async (content) => {
      await draw('cat/a', 'dog/a');
      await write('dog/dataset.json', content);
      expect((await read()).classes).toEqual(['cat', 'dog']);
    },
  );

  it('of StyleGAN may have one-hot labels, or none', async () => {
    await draw('00000/a', '00001/b');
    const labels = ['00000/a0', '00000/a1', '00001/b0', '00001/b1'].map((path, i) => [
      `${path}.pgm`,
      i % 2 === 0 ? [0, 1, 0] : 2,
    ]);
    await write('dataset.json', JSON.stringify({ labels }));
    expect((await read()).classes).toEqual(['1', '2']);
    await write('dataset.json', '{"labels": null}');
    expect(await read()).toMatchObject({ classes: [], count: 4 });
    await write('dataset.json', '{"labels": [["00000/a0.pgm", [0, 1, 1]]]}');
    await expect(read()).rejects.toThrow(/entry 0 is \["00000.*expected \[file, label\]/);
    await write('dataset.json', '{"labels": [["0');
    await expect(read()).rejects.toThrow(/dataset\.json cannot be read/);
  });
});
