/** Data sets in the files of MNIST: IDX of unsigned bytes. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { concatBytes } from '@noble/hashes/utils.js';
import { encodeIdxHeader } from '../../shared/array-headers.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import { checkClassNames, type Dataset } from './dataset.ts';
import { groupSets, readClassNames, readIdxPair } from './layouts/idx-files.ts';
import { within } from './layouts/source.ts';
import { locateFile } from './layouts/tree.ts';

/** Encodes bytes as IDX. @param shape  1 to 255 sizes, whose product is `data.length`. */
export function encodeIdx(shape: readonly number[], data: Uint8Array): Uint8Array {
  return concatBytes(encodeIdxHeader(shape), data);
}

/**
 * Reads one part of a folder like MNIST's: `<split>-images-idx3-ubyte` (grey, [count, height,
 * width]) or `<split>-images-idx4-ubyte` (RGB, [count, height, width, 3]), and
 * `<split>-labels-idx1-ubyte`, each plain or `.gz`. The labels that occur become the classes. The
 * lines of `classes.txt` name them, or else their numbers in the file.
 * @throws ExpectedError  When files are missing or malformed, or a label has no name.
 */
export function loadIdxFolder(folder: string, split: 'train' | 't10k'): Promise<Dataset> {
  return within(`--data ${folder}: `, async () => {
    const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
      throw cause.code === 'ENOENT' ? new ExpectedError('no such folder', { cause }) : cause;
    });
    const files = names.sort().map((name) => locateFile(join(folder, name), name));
    const own = groupSets(files).find(({ prefix }) => prefix === '');
    const set = own ?? { folder: '', prefix: '', files: new Map() };
    const { images, labels } = await readIdxPair(files, set, split === 'train' ? split : 'test');
    const [count, height, width, channels] = images.shape as [number, number, number, number];
    // A class without images cannot be learned: the labels that occur are numbered from 0.
    const kept = [...new Set(labels)].sort((a, b) => a - b);
    const classNames = await readClassNames(files, set, kept);
    const shown = kept.map((label) => classNames?.[label] ?? String(label));
    return {
      name: `IDX files, ${split}`,
      count,
      height,
      width,
      channels,
      images: images.values,
      labels: labels.map((label) => kept.indexOf(label)),
      classes: checkClassNames(shown),
    };
  });
}
