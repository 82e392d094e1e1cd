/** MATLAB's files, pickles and .npy as people have them, and as a stranger may send them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeNpy } from '../../../shared/array-headers.ts';
import { loadDataFolder } from '../../../trainer/data/data-folder.ts';
import { readList } from '../../../trainer/data/labels/number-lists.ts';
import { listTar } from '../../../trainer/data/layouts/archives.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'digitmint-arrays-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function load(name: string, content: Uint8Array) {
  await writeFile(join(root, name), content);
  return await loadDataFolder(join(root, name));
}

const COUNT = 12;
const LABELS = Array.from({ length: COUNT }, (_, i) => i % 3);
const IMAGES = Uint8Array.from({ length: 64 * COUNT }, (_, i) => (i * 7) % 251);

describe('a file of MATLAB', () => {
  const element = (type: number, data: Uint8Array): Buffer => {
    const tag = Buffer.alloc(8);
    tag.writeUInt32LE(type, 0);
    tag.writeUInt32LE(data.length, 4);
    return Buffer.concat([tag, data, Buffer.alloc((8 - (data.length % 8)) % 8)]);
  };
  const ints = (...values: number[]) => Buffer.from(Int32Array.from(values).buffer);
  const build = (kind: number, name: string, shape: number[], ...rest: Buffer[]): Buffer =>
    element(
      14,
      Buffer.concat([
        element(6, ints(kind, 0)),
        element(5, ints(...shape)),
        element(1, Buffer.from(name)),
        ...rest,
      ]),
    );
  const bytes = (name: string, shape: number[], values: Uint8Array): Buffer =>
    build(9, name, shape, element(2, values));
  const text = (name: string, shape: number[], letters: string): Buffer =>
    build(4, name, shape, element(16, Buffer.from(letters)));
  const cells = (name: string, inner: readonly Buffer[]): Buffer =>
    build(1, name, [inner.length, 1], ...inner);
  const save = (...matrices: Buffer[]): Buffer => {
    const header = Buffer.alloc(128, ' ');
    header.write('MATLAB 5.0 MAT-file');
    header.writeUInt16LE(0x0100, 124);
    header.write('IM', 126);
    return Buffer.concat([header, ...matrices]);
  };
  const images = bytes('images', [8, 8, COUNT], IMAGES);
  const letters = LABELS.map((label) => 'ABC'[label] as string);
  const words = LABELS.map((label) => ['cat', 'ox ', 'eel'][label] as string);

  it.each<[string, Buffer, string[]]>([
    ['letters', text('labels', [COUNT, 1], letters.join('')), ['A', 'B', 'C']],
    [
      'texts of one length',
      text(
        'labels',
        [COUNT, 3],
        [0, 1, 2].map((i) => words.map((word) => word[i]).join('')).join(''),
      ),
      ['cat', 'eel', 'ox'],
    ],
    [
      'cells of numbers',
      cells(
        'labels',
        LABELS.map((label) => bytes('', [1, 1], Uint8Array.of(label))),
      ),
      ['0', '1', '2'],
    ],
  ])('may have labels that are %s', async (_, labels, classes) => {
    const { dataset } = await load('a.mat', save(images, labels));
    expect([dataset.classes, dataset.labels[0], dataset.labels[3]]).toEqual([classes, 0, 0]);
  });

  it('names what is not read, and is refused where that seems to be the labels', async () => {
    const mixed = [text('', [1, 1], 'a'), bytes('', [1, 1], Uint8Array.of(1))];
    const { notes } = await load('a.mat', save(images, cells('remarks', mixed)));
    expect(notes).toEqual([`a.mat: not used, because it is no array: remarks`]);
    const head = [element(6, ints(17, 0)), element(1, Buffer.from('labels'))];
    const categorical = element(14, Buffer.concat([...head, element(1, Buffer.from('MCOS'))]));
    const field = Buffer.alloc(8);
    field.write('labels');
    const names = [element(5, ints(8)), element(1, field)];
    const struct = build(2, 'set', [1, 1], ...names, cells('', mixed));
    for (const lost of [cells('labels', mixed), categorical, struct]) {
      await expect(load('a.mat', save(images, lost))).rejects.toThrow(
        /a\.mat has (?:set_)?labels, which cannot be read as labels/,
      );
    }
  });

  it('has labels from 1 with as many names, and flat pictures that may be on their sides', async () => {
    const flat = bytes('X', [COUNT, 64], IMAGES);
    const y = bytes(
      'y',
      [COUNT, 1],
      Uint8Array.from(LABELS, (label) => label + 1),
    );
    const names = cells(
      'class_names',
      ['plane', 'bird', 'car'].map((one) => text('', [1, one.length], one)),
    );
    const { dataset, notes } = await load('a.mat', save(flat, y, names));
    expect([dataset.classes, [...dataset.labels.subarray(0, 3)]]).toEqual([
      ['plane', 'bird', 'car'],
      [0, 1, 2],
    ]);
    expect(notes.slice(0, 2)).toEqual([
      expect.stringMatching(
        /^X is read row by row\. .* images=a\.reshape\(-1, 8, 8\)\.transpose\(0, 2, 1\)/,
      ),
      'The classes are named by class_names: 1 is plane.',
    ]);
  });

  it('is refused when its pictures may be rows or columns', async () => {
    const faces = bytes('faces', [64, 16], new Uint8Array(1024).fill(200));
    await expect(load('a.mat', save(faces))).rejects.toThrow(
      /64 pictures of 4 x 4, or 16 of 8 x 8\? .*images\.npy", a\); .*a\.T\.reshape\(-1, 8, 8\)/,
    );
    const y = bytes(
      'y',
      [64, 1],
      Uint8Array.from({ length: 64 }, (_, i) => i % 2),
    );
    expect((await load('a.mat', save(faces, y))).dataset.count).toBe(64);
  });
});

describe('a pickle', () => {
  const latin = (content: string) => Buffer.from(content, 'latin1');
  const sized = (code: string, content: Uint8Array) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(content.length);
    return Buffer.concat([latin(code), size, content]);
  };
  const name = (content: string) => sized('X', Buffer.from(content));
  const int = (value: number) => Buffer.of(0x4b, value);
  const list = (items: readonly Buffer[]) => Buffer.concat([latin(']('), ...items, latin('e')]);
  const array = (values: Uint8Array, shape: readonly number[]) =>
    Buffer.concat([
      latin('cnumpy.core.numeric\n_frombuffer\n('),
      sized('B', values),
      latin('cnumpy\ndtype\n('),
      name('u1'),
      latin('tR('),
      ...shape.map(int),
      latin('t'),
      name('C'),
      latin('tR'),
    ]);
  const save = (...parts: Buffer[]) => Buffer.concat([latin('\x80\x05'), ...parts, latin('.')]);
  const dictionary = (entries: Readonly<Record<string, Buffer>>) =>
    save(
      latin('}('),
      ...Object.entries(entries).flatMap(([key, value]) => [name(key), value]),
      latin('u'),
    );
  const images = array(IMAGES, [COUNT, 8, 8]);
  const flags = (label: number) => list([0, 1, 2].map((i) => int(Number(i === label))));

  it.each<[string, (label: number) => Buffer]>([
    ['lists of one label', (label) => list([int(label)])],
    ['one-hot lists', flags],
  ])('may have labels that are %s', async (_, encode) => {
    const labels = list(LABELS.map(encode));
    const { dataset } = await load('a.pkl', dictionary({ images, labels }));
    expect([dataset.classes, [...dataset.labels]]).toEqual([['0', '1', '2'], LABELS]);
  });

  it('may have names of the features, which are no classes', async () => {
    const labels = list(LABELS.map(int));
    const names = list(['pixel_0', 'pixel_1', 'pixel_2'].map(name));
    const { dataset } = await load('a.pkl', dictionary({ images, labels, feature_names: names }));
    expect(dataset.classes).toEqual(['0', '1', '2']);
  });

  it('may have the labels of an array beside it', async () => {
    await writeFile(join(root, 'images.npy'), encodeNpy([COUNT, 8, 8], IMAGES));
    await writeFile(join(root, 'labels.pkl'), save(list(LABELS.map(int))));
    // As scikit-learn's encoder, it holds no array.
    await writeFile(join(root, 'label_encoder.pkl'), dictionary({ cat: int(0) }));
    const { dataset, notes } = await loadDataFolder(root);
    expect([dataset.classes, [...dataset.labels]]).toEqual([['0', '1', '2'], LABELS]);
    expect(notes).toEqual(['Passed over what is no picture: label_encoder.pkl']);
  });

  it('may lack some labels', async () => {
    const some = (count: number) =>
      list(Array.from({ length: count }, (_, i) => (i === 7 ? latin('N') : int(i % 2))));
    const many = array(new Uint8Array(64 * 40).fill(200), [40, 8, 8]);
    const { dataset, findings } = await load(
      'a.pkl',
      dictionary({ images: many, labels: some(40) }),
    );
    expect([dataset.count, dataset.classes]).toEqual([39, ['0', '1']]);
    expect(findings.problems).toEqual([{ name: 'images, picture 7', reason: 'has no label' }]);
  });

  it('names lists that are no arrays, and is refused where they seem to be the labels', async () => {
    const uneven = list([list([int(1), int(2)]), list([int(1)]), list([])]);
    const info = list([name('a'), name('a'), name('b')]);
    const { notes } = await load('a.pkl', dictionary({ images, boxes: uneven, info }));
    expect(notes).toEqual([
      'a.pkl: not used, because it is no array: boxes',
      'Used: images; not used: info [3]',
    ]);
    const lost = load('a.pkl', dictionary({ images, labels: uneven }));
    await expect(lost).rejects.toThrow(/a\.pkl has labels, which cannot be read as labels/);
  });

  it('of a few bytes cannot hold lists or numbers without an end', async () => {
    const pairs = Array.from({ length: 40 }, (_, i) =>
      Buffer.of(0x68, i, 0x68, i, 0x86, 0x71, i + 1),
    );
    const start = latin(']q\0');
    await expect(load('a.pkl', save(start, ...pairs))).rejects.toThrow(/too many lists in lists/);
    const large = array(new Uint8Array(65_536), [128, 128, 4]);
    const refs = Array.from({ length: 20_000 }, () => latin('h\0'));
    const repeated = save(large, latin('q\0'), latin(']('), ...refs, latin('e'));
    await expect(load('a.pkl', repeated)).rejects.toThrow(/too many\. Take a part/);
  });
});

it('texts of no letters, and arrays of many axes, are no arrays', async () => {
  const npy = (descr: string, shape: string) => {
    const bytes = Buffer.from(encodeNpy([10, 10, 10, 10, 10, 10, 10, 10, 10], new Uint8Array(0)));
    const header = `{'descr': '${descr}', 'fortran_order': True, 'shape': (${shape}), }`;
    bytes.write(`${header.padEnd(bytes.length - 11)}\n`, 10);
    return bytes;
  };
  await expect(load('a.npy', npy('<U0', '2000000000,'))).rejects.toThrow(/\.npy of the type <U0/);
  await expect(load('a.npy', npy('|u1', '1, 1, 1, 1, 1, 1, 1, 1, 0'))).rejects.toThrow(
    /has 9 axes, at most 8 allowed/,
  );
});

it('a tar file whose size is negative is damaged, and a packed one has a limit', async () => {
  const tar = Buffer.alloc(1024);
  tar.write('a/', 0);
  tar.write('-0000001000', 124);
  tar.write('5', 156);
  tar.write('ustar', 257);
  await expect(load('a.tar', tar)).rejects.toThrow(
    /a\.tar is no whole archive \(the size at byte 0 is no number\)/,
  );
  expect(() => listTar(gzipSync(Buffer.alloc(4096)), 2048)).toThrow(
    'it unpacks to more than 2048 bytes',
  );
});

it('lists in thousands of lists are no pixels', () => {
  const deep: unknown = JSON.parse(`${'['.repeat(20_000)}${']'.repeat(20_000)}`);
  expect([readList(deep), readList([...Array(20).fill(0), deep])]).toEqual([null, null]);
});
