import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { decodeArrayFile } from '../../../trainer/data/array-file.ts';
import {
  decodeImages,
  decodeLabels,
  readSamples,
} from '../../../trainer/evaluation/sample-file.ts';

/** Writes the same bytes as numpy.save. */
function writeNpy(
  type: string,
  shape: string,
  body: Buffer,
  { order = 'False', major = 1 } = {},
): Buffer {
  const header = Buffer.from(
    `{'descr': '${type}', 'fortran_order': ${order}, 'shape': (${shape}), }\n`,
    'latin1',
  );
  const length = major === 1 ? Buffer.alloc(2) : Buffer.alloc(4);
  if (major === 1) {
    length.writeUInt16LE(header.length);
  } else {
    length.writeUInt32LE(header.length);
  }
  return Buffer.concat([
    Buffer.from([0x93]),
    Buffer.from('NUMPY', 'latin1'),
    Buffer.from([major, 0]),
    length,
    header,
    body,
  ]);
}

function writeIdx(type: number, shape: readonly number[], body: Buffer): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, type, shape.length]);
  shape.forEach((size, i) => header.writeUInt32BE(size, 4 + 4 * i));
  return Buffer.concat([header, body]);
}

function floats(values: readonly number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}

/** Makes two pictures that start with the given pixels. */
function makePictures(first: readonly number[]): number[] {
  return Array.from({ length: 2 * 784 }, (_, i) => first[i] ?? first[0] ?? 0);
}

describe('a file of pictures', () => {
  const bytes = Buffer.from(makePictures([0, 128, 255]));
  const transposed = Buffer.from(bytes.map((_, i) => bytes[(i % 2) * 784 + (i >> 1)] as number));

  it.each([
    ['IDX', writeIdx(8, [2, 28, 28], bytes)],
    ['gzipped IDX', gzipSync(writeIdx(8, [2, 28, 28], bytes))],
    ['npy', writeNpy('|u1', '2, 28, 28', bytes)],
    ['flat npy', writeNpy('|u1', '2, 784', bytes)],
    ['npy with a channel', writeNpy('|u1', '2, 28, 28, 1', bytes)],
    ['npy with a channel first', writeNpy('|u1', '2, 1, 28, 28', bytes)],
    ['npy of version 2', writeNpy('|u1', '2, 28, 28', bytes, { major: 2 })],
    ['column-major npy', writeNpy('|u1', '2, 784', transposed, { order: 'True' })],
  ])('is read: %s of bytes', (_, file) => {
    const { count, images, range } = decodeImages(decodeArrayFile(file), 'f');
    expect([count, range]).toEqual([2, '0..255']);
    expect(Buffer.compare(images, bytes)).toBe(0);
  });

  it.each([
    ['0..1', [0, 1, 0.5]],
    ['-1..1', [-1, 1, 0]],
    ['0..255', [0, 255, 127.5]],
  ] as const)('of floats in %s is recognised by its range', (range, [low, high, middle]) => {
    const file = writeNpy('<f4', '2, 28, 28', floats(makePictures([low, high, middle])));
    const decoded = decodeImages(decodeArrayFile(file), 'f');
    expect(decoded.range).toBe(range);
    expect([...decoded.images.subarray(0, 3)]).toEqual([0, 255, 128]);
  });

  it('of floats is read in the given range', () => {
    const file = writeNpy('<f4', '2, 784', floats(makePictures([0, 1, 0.5])));
    expect([...decodeImages(decodeArrayFile(file), 'f', [-1, 1]).images.subarray(0, 3)]).toEqual([
      128, 255, 191,
    ]);
    const bigEndian = Buffer.alloc(4 * 2 * 784);
    makePictures([0, 1, 0.5]).forEach((value, i) => bigEndian.writeFloatBE(value, 4 * i));
    expect([
      ...decodeImages(decodeArrayFile(writeIdx(0x0d, [2, 28, 28], bigEndian)), 'f').images.subarray(
        0,
        3,
      ),
    ]).toEqual([0, 255, 128]);
  });

  it.each([
    ['is text', Buffer.from('hello, world'), /neither IDX nor \.npy: it starts with 68 65 6c 6c/],
    ['is empty', Buffer.alloc(0), /starts with nothing/],
    [
      'is truncated',
      writeIdx(8, [2, 28, 28], bytes.subarray(1)),
      /2 x 28 x 28, so 1568 bytes after its header; it has 1567: it is truncated/,
    ],
    [
      'has something behind its end',
      writeNpy('|u1', '1, 28, 28', bytes),
      /something follows its end/,
    ],
    [
      'is truncated in its header',
      writeIdx(8, [2, 28, 28], Buffer.alloc(0)).subarray(0, 10),
      /header of 16 bytes/,
    ],
    [
      'is of complex numbers',
      writeNpy('<c8', '2, 784', Buffer.alloc(2 * 784 * 8)),
      /type <c8; expected IDX or \.npy .* of bool, whole or decimal numbers/,
    ],
    ['is IDX of an unknown type', writeIdx(0x0a, [2, 28, 28], bytes), /type 0x0a/],
    [
      'is a cut gzip file',
      gzipSync(writeIdx(8, [2, 28, 28], bytes)).subarray(0, 30),
      /cannot be unzipped: unexpected end/,
    ],
    [
      'has a damaged header',
      writeNpy('|u1', '2, 784', bytes).subarray(0, 20),
      /damaged \.npy header/,
    ],
  ])('is refused when it %s', (_, file, message) => {
    expect(() => decodeArrayFile(file)).toThrow(ExpectedError);
    expect(() => decodeArrayFile(file)).toThrow(message);
  });

  it.each([
    [
      'has another size',
      writeIdx(8, [2, 14, 56], bytes),
      /shape \[2, 14, 56\], expected \[n, 28, 28\], \[n, 784\], \[n, 28, 28, 1\] or/,
    ],
    ['holds none', writeIdx(8, [0, 28, 28], Buffer.alloc(0)), /no pictures/],
    [
      'holds NaN',
      writeNpy('<f4', '2, 784', floats(makePictures([0, NaN]))),
      /holds NaN: expected finite/,
    ],
    [
      'is in no known range',
      writeNpy('<f4', '2, 784', floats(makePictures([-3, 300]))),
      /from -3 to 300, expected 0\.\.1, -1\.\.1 or 0\.\.255/,
    ],
    [
      'is bytes of 0 and 1',
      writeIdx(8, [2, 28, 28], Buffer.from(makePictures([0, 1]))),
      /multiply by 255/,
    ],
    [
      'is integers',
      writeNpy('<i4', '2, 784', Buffer.alloc(2 * 784 * 4)),
      /expected pictures as uint8 or float32/,
    ],
  ])('is refused when it %s', (_, file, message) => {
    expect(() => decodeImages(decodeArrayFile(file), 'f')).toThrow(ExpectedError);
    expect(() => decodeImages(decodeArrayFile(file), 'f')).toThrow(message);
  });

  it('is refused when its numbers are outside of the given range', () => {
    const file = decodeArrayFile(writeNpy('<f4', '2, 784', floats(makePictures([-1, 1]))));
    expect(() => decodeImages(file, 'f', [0, 1])).toThrow(
      /f: --range 0\.\.1: the pictures have numbers from -1 to 1/,
    );
    expect(() =>
      decodeImages(decodeArrayFile(writeIdx(8, [2, 28, 28], bytes)), 'f', [-1, 1]),
    ).toThrow(/whose pixels are 0\.\.255/);
  });
});

describe('a file of labels', () => {
  it.each([
    ['IDX', writeIdx(8, [3], Buffer.from([0, 9, 4]))],
    ['npy of bytes', writeNpy('|u1', '3,', Buffer.from([0, 9, 4]))],
    ['npy of int32', writeNpy('<i4', '3,', Buffer.from(Int32Array.of(0, 9, 4).buffer))],
    ['npy of int64', writeNpy('<i8', '3,', Buffer.from(BigInt64Array.of(0n, 9n, 4n).buffer))],
  ])('is read: %s', (_, file) => {
    expect([...decodeLabels(decodeArrayFile(file), 'f', 3)]).toEqual([0, 9, 4]);
  });

  it.each([
    ['too few', writeIdx(8, [2], Buffer.from([0, 1])), /holds 2 labels for 3 samples/],
    [
      'a label that is no digit',
      writeIdx(8, [3], Buffer.from([0, 10, 1])),
      /label 10 at place 1, expected 0 to 9/,
    ],
    [
      'a negative label',
      writeNpy('<i4', '3,', Buffer.from(Int32Array.of(0, 1, -1).buffer)),
      /label -1 at place 2/,
    ],
    [
      'a label beyond 32 bits',
      writeNpy('<i8', '3,', Buffer.from(BigInt64Array.of(0n, 1n, 2n ** 32n).buffer)),
      /at place 2/,
    ],
    ['one-hot vectors', writeIdx(8, [3, 10], Buffer.alloc(30)), /shape \[3, 10\], expected \[n\]/],
  ])('is refused when it holds %s', (_, file, message) => {
    expect(() => decodeLabels(decodeArrayFile(file), 'f', 3)).toThrow(message);
  });
});

describe('samples of another program', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'digitmint-samples-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('are read with their labels, and report how they were interpreted', async () => {
    const [samples, labels] = [join(folder, 'a.npy.gz'), join(folder, 'labels.npy')];
    await writeFile(samples, gzipSync(writeNpy('<f4', '2, 28, 28', floats(makePictures([-1, 1])))));
    await writeFile(labels, writeNpy('<i8', '2,', Buffer.from(BigInt64Array.of(3n, 4n).buffer)));
    const { set, source } = await readSamples(samples, labels, undefined);
    expect([...(set.labels ?? [])]).toEqual([3, 4]);
    expect(source).toContain('npy, float32, pixels -1..1, found out');
  });

  it('are refused by name when the file is missing', async () => {
    await expect(readSamples(join(folder, 'none.npy'), undefined, undefined)).rejects.toThrow(
      /--samples .*none\.npy cannot be read: ENOENT/,
    );
    await expect(readSamples(folder, undefined, undefined)).rejects.toThrow(
      /--samples \S+ is a folder, expected one IDX or \.npy file\. In Python: numpy\.save/,
    );
  });
});
