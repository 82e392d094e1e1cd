import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { DatasetError } from '../../../trainer/dataset/dataset.ts';
import { encodeIdx, loadIdxFolder } from '../../../trainer/dataset/idx.ts';

const IMAGES = 'train-images-idx3-ubyte';
const LABELS = 'train-labels-idx1-ubyte';
const images = Uint8Array.from({ length: 3 * 4 * 5 }, (_, i) => i);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'digitmint-idx-'));
  await writeFile(join(folder, IMAGES), encodeIdx([3, 4, 5], images));
  await writeFile(join(folder, LABELS), encodeIdx([3], Uint8Array.of(7, 8, 9)));
});

describe('IDX files', () => {
  it('have the header that the format asks for', () => {
    expect(
      Buffer.from(encodeIdx([3, 4, 5], images))
        .subarray(0, 16)
        .toString('hex'),
    ).toBe('00000803000000030000000400000005');
  });

  it('are read as they are', async () => {
    expect(await loadIdxFolder(folder, 'train')).toMatchObject({ count: 3, height: 4, width: 5, labels: Buffer.of(7, 8, 9) });
    expect(Buffer.from((await loadIdxFolder(folder, 'train')).images)).toEqual(Buffer.from(images));
  });

  it('are read gzipped, and by their dotted names', async () => {
    await rm(join(folder, IMAGES));
    await writeFile(join(folder, 'train-images.idx3-ubyte.gz'), gzipSync(encodeIdx([3, 4, 5], images)));
    expect((await loadIdxFolder(folder, 'train')).count).toBe(3);
  });

  it.each([
    [
      'a missing file',
      () => rm(join(folder, LABELS)),
      /expected train-labels-idx1-ubyte or train-labels-idx1-ubyte.gz, the folder holds/,
    ],
    ['a truncated file', () => truncate(join(folder, IMAGES), 50), /so 76 bytes; it has 50: it is truncated/],
    ['a file cut within its header', () => truncate(join(folder, IMAGES), 10), /ends within its header/],
    ['an empty file', () => truncate(join(folder, IMAGES), 0), /starts with 0 bytes/],
    ['a file that goes on', () => writeFile(join(folder, LABELS), Buffer.alloc(3), { flag: 'a' }), /something follows its end/],
    [
      'images in place of labels',
      () => writeFile(join(folder, LABELS), encodeIdx([3, 4, 5], images)),
      /0x00000803, expected.*0x00000801/,
    ],
    [
      'fewer labels than images',
      () => writeFile(join(folder, LABELS), encodeIdx([2], Uint8Array.of(1, 2))),
      /3 images.*2 labels/,
    ],
    ['no images', () => writeFile(join(folder, IMAGES), encodeIdx([0, 4, 5], new Uint8Array())), /0 images|at least one image/],
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
          writeFile(join(folder, `${IMAGES}.gz`), gzipSync(encodeIdx([3, 4, 5], images)).subarray(0, 40)),
        ),
      /cannot be read/,
    ],
    ['a folder in place of a file', () => rm(join(folder, IMAGES)).then(() => mkdir(join(folder, IMAGES))), /cannot be read/],
    ['a folder that is not there', () => rm(folder, { recursive: true }), /no such folder/],
  ] as [string, () => Promise<unknown>, RegExp][])('are refused with %s', async (_, damage, message) => {
    await damage();
    await expect(loadIdxFolder(folder, 'train')).rejects.toThrow(DatasetError);
    await expect(loadIdxFolder(folder, 'train')).rejects.toThrow(message);
  });
});
