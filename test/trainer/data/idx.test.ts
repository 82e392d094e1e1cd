import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { encodeIdx } from '../../../shared/array-headers.ts';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { loadDataFolder } from '../../../trainer/data/data-folder.ts';
import { gatherImages } from '../../../trainer/data/dataset.ts';

const IMAGES = 'train-images-idx3-ubyte';
const LABELS = 'train-labels-idx1-ubyte';
const images = Uint8Array.from({ length: 3 * 4 * 4 }, (_, i) => i);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'digitmint-idx-'));
  await writeFile(join(folder, IMAGES), encodeIdx([3, 4, 4], images));
  await writeFile(join(folder, LABELS), encodeIdx([3], Uint8Array.of(7, 8, 9)));
});

const read = async () => (await loadDataFolder(folder)).dataset;

describe('IDX files', () => {
  it('have the header of the format', () => {
    expect(
      Buffer.from(encodeIdx([3, 4, 4], images))
        .subarray(0, 16)
        .toString('hex'),
    ).toBe('00000803000000030000000400000004');
  });

  it('are read unchanged', async () => {
    const dataset = await read();
    expect(dataset).toMatchObject({ count: 3, height: 4, width: 4, channels: 1 });
    expect(Buffer.from(dataset.images)).toEqual(Buffer.from(images));
  });

  it('have a class for each label that occurs, named by its number', async () => {
    await writeFile(join(folder, LABELS), encodeIdx([3], Uint8Array.of(9, 4, 9)));
    const { labels, classes } = await read();
    expect([...labels]).toEqual([1, 0, 1]);
    expect(classes).toEqual(['4', '9']);
  });

  it('take class names from classes.txt, one per line', async () => {
    await writeFile(join(folder, LABELS), encodeIdx([3], Uint8Array.of(2, 0, 1)));
    await writeFile(join(folder, 'classes.txt'), 'T-shirt/top\r\n Trouser \nCafe\u0301\n\n');
    const { labels, classes } = await read();
    expect([...labels]).toEqual([2, 0, 1]);
    expect(classes).toEqual(['T-shirt/top', 'Trouser', 'Caf\u00e9']);
    for (const encoding of ['latin1', 'utf16le'] as const) {
      const mark = encoding === 'latin1' ? '' : '\ufeff';
      await writeFile(
        join(folder, 'classes.txt'),
        Buffer.from(`${mark}k\u00e4t\nb\nc\n`, encoding),
      );
      expect((await read()).classes[0]).toBe('k\u00e4t');
    }
  });

  it('are read in colour', async () => {
    await rm(join(folder, IMAGES));
    const colours = Uint8Array.from({ length: 3 * 4 * 4 * 3 }, (_, i) => i);
    await writeFile(join(folder, 'train-images-idx4-ubyte'), encodeIdx([3, 4, 4, 3], colours));
    const dataset = await read();
    expect(dataset).toMatchObject({ count: 3, height: 4, width: 4, channels: 3 });
    expect([...gatherImages(dataset, Uint32Array.of(1))]).toEqual([...colours.subarray(48, 96)]);
  });

  it('report a missing test part, without which training goes on', async () => {
    const test = encodeIdx([1, 4, 4], images.subarray(0, 16));
    await writeFile(join(folder, 't10k-images-idx3-ubyte'), test);
    await expect(loadDataFolder(folder, { part: 'test' })).rejects.toThrow(
      /expected t10k-labels.*Training does without the test files/,
    );
    expect((await read()).count).toBe(3);
  });

  it('are read gzipped, and by their dotted names', async () => {
    await rm(join(folder, IMAGES));
    await writeFile(
      join(folder, 'train-images.idx3-ubyte.gz'),
      gzipSync(encodeIdx([3, 4, 4], images)),
    );
    expect((await read()).count).toBe(3);
    await rm(join(folder, LABELS));
    const packed = zstdCompressSync(encodeIdx([3], Uint8Array.of(7, 8, 9)));
    await writeFile(join(folder, `${LABELS}.zst`), packed);
    for (const path of ['', `${LABELS}.zst`, 'train-images.idx3-ubyte.gz']) {
      const { dataset } = await loadDataFolder(join(folder, path));
      expect(dataset.classes).toEqual(['7', '8', '9']);
    }
  });

  it.each([
    [
      'a missing file',
      () => rm(join(folder, LABELS)),
      /expected train-labels-idx1-ubyte or train-labels-idx1-ubyte.gz, the folder holds/,
    ],
    [
      'a truncated file',
      () => truncate(join(folder, IMAGES), 50),
      /so 48 bytes after its header; it has 34: it is truncated/,
    ],
    [
      'a file cut within its header',
      () => truncate(join(folder, IMAGES), 10),
      /ends within its header/,
    ],
    ['an empty file', () => truncate(join(folder, IMAGES), 0), /starts with 0 bytes/],
    [
      'a file that goes on',
      () => writeFile(join(folder, LABELS), Buffer.alloc(3), { flag: 'a' }),
      /something follows its end/,
    ],
    [
      'images in place of labels',
      () => writeFile(join(folder, LABELS), encodeIdx([3, 4, 4], images)),
      /0x00000803, expected.*0x00000801/,
    ],
    [
      'fewer labels than images',
      () => writeFile(join(folder, LABELS), encodeIdx([2], Uint8Array.of(1, 2))),
      /3 images.*2 labels/,
    ],
    [
      'four channels',
      () => writeFile(join(folder, IMAGES), encodeIdx([3, 2, 2, 4], new Uint8Array(48))),
      /says 3 x 2 x 2 x 4: expected 1 \(grey\) or 3 \(RGB\) as the last number/,
    ],
    [
      'a label without a name',
      () => writeFile(join(folder, 'classes.txt'), 'cat\ndog\n'),
      /holds the label 9, .*classes\.txt has 2 lines: expected a name for each of 0 to 9/,
    ],
    [
      'a name given twice',
      () => writeFile(join(folder, 'classes.txt'), 'x\n'.repeat(10)),
      /classes\.txt names the class "x" twice/,
    ],
    [
      'no images',
      () => writeFile(join(folder, IMAGES), encodeIdx([0, 4, 4], new Uint8Array())),
      /0 images|at least one image/,
    ],
    [
      'a huge declared size',
      () => writeFile(join(folder, IMAGES), Buffer.from('00000803ffffffffffffffffffffffff', 'hex')),
      /it is truncated/,
    ],
    [
      'a damaged archive',
      () => rm(join(folder, IMAGES)).then(() => writeFile(join(folder, `${IMAGES}.gz`), 'no gzip')),
      /cannot be read/,
    ],
    [
      'an archive that ends early',
      () =>
        rm(join(folder, IMAGES)).then(() =>
          writeFile(
            join(folder, `${IMAGES}.gz`),
            gzipSync(encodeIdx([3, 4, 4], images)).subarray(0, 40),
          ),
        ),
      /cannot be read/,
    ],
    [
      'a folder in place of a file',
      () => rm(join(folder, IMAGES)).then(() => mkdir(join(folder, IMAGES))),
      /expected train-images-idx3-ubyte or/,
    ],
    ['a folder that is not there', () => rm(folder, { recursive: true }), /no such folder/],
  ] as [string, () => Promise<unknown>, RegExp][])(
    'are refused with %s',
    async (_, damage, message) => {
      await damage();
      await expect(read()).rejects.toThrow(ExpectedError);
      await expect(read()).rejects.toThrow(message);
    },
  );
});
