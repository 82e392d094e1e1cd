/** Data sets in the files of MNIST: IDX of unsigned bytes. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { concatBytes } from '@noble/hashes/utils.js';
import { ExpectedError } from '../../shared/expected-error.ts';
import { encodeIdxHeader, UNSIGNED_BYTE } from '../../shared/array-headers.ts';
import { decodeIdx, readBoundedFile } from './array-file.ts';
import { checkClassNames, type Dataset } from './dataset.ts';

/** Ten times all of MNIST's training images. */
const MAX_FILE_BYTES = 512 * 1024 * 1024;

/** The part of MNIST that a pair of files holds. */
type Split = 'train' | 't10k';

/** Encodes bytes as IDX. @param shape  1 to 255 sizes, whose product is `data.length`. */
export function encodeIdx(shape: readonly number[], data: Uint8Array): Uint8Array {
  return concatBytes(encodeIdxHeader(shape), data);
}

/** Reads a file of unsigned bytes in one of the `ranks`, the allowed numbers of dimensions. */
async function readIdxFile(path: string, ranks: readonly number[]) {
  const bytes = await readBoundedFile(path, path, MAX_FILE_BYTES, path.endsWith('.gz'));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = bytes.length >= 4 ? view.getUint32(0) : undefined;
  const allowed = ranks.map((rank) => (UNSIGNED_BYTE << 8) | rank);
  if (magic === undefined || !allowed.includes(magic)) {
    const format = (number: number): string => `0x${number.toString(16).padStart(8, '0')}`;
    const got = magic === undefined ? `${bytes.length} bytes` : format(magic);
    throw new ExpectedError(
      `${path} starts with ${got}, expected the magic number ${allowed.map(format).join(' or ')}`,
    );
  }
  const { shape, values } = decodeIdx(bytes, path);
  return { shape, values: values as Uint8Array };
}

/**
 * The name of a file of MNIST, or of a data set like it. Many copies have a dot before "idx", as
 * the original site's archives had.
 */
export const IDX_FILE_NAME = /^(?:train|t10k)-(?:images[-.]idx[34]|labels[-.]idx1)-ubyte(?:\.gz)?$/;

/**
 * Reads one part of a folder like MNIST's: `<split>-images-idx3-ubyte` (grey, [count, height,
 * width]) or `<split>-images-idx4-ubyte` (RGB, [count, height, width, 3]), and
 * `<split>-labels-idx1-ubyte`, each plain or `.gz`. The labels that occur become the classes. The
 * lines of `classes.txt` name them, or else their numbers in the file.
 * @throws ExpectedError  When files are missing or malformed, or a label has no name.
 */
export async function loadIdxFolder(folder: string, split: Split): Promise<Dataset> {
  const imagesPath = await findIdxFile(folder, split, [
    `${split}-images-idx3-ubyte`,
    `${split}-images-idx4-ubyte`,
  ]);
  const labelsPath = await findIdxFile(folder, split, [`${split}-labels-idx1-ubyte`]);
  const { shape, values: images } = await readIdxFile(imagesPath, [3, 4]);
  const { values: labels } = await readIdxFile(labelsPath, [1]);
  const [count = 0, height = 0, width = 0, channels = 1] = shape;
  if (labels.length !== count) {
    throw new ExpectedError(
      `${imagesPath} has ${count} images, ${labelsPath} has ${labels.length} labels: expected as many`,
    );
  }
  if (count === 0 || height === 0 || width === 0) {
    throw new ExpectedError(
      `${imagesPath} says ${shape.join(' x ')}: expected at least one image with pixels`,
    );
  }
  if (channels !== 1 && channels !== 3) {
    throw new ExpectedError(
      `${imagesPath} says ${shape.join(' x ')}: expected 1 (grey) or 3 (RGB) as the last number`,
    );
  }
  // A class without images cannot be learned: the labels that occur are numbered from 0.
  const kept = [...new Set(labels)].sort((a, b) => a - b);
  const places = new Map(kept.map((label, place) => [label, place]));
  return {
    name: `IDX files, ${split}`,
    count,
    height,
    width,
    channels,
    images,
    labels: labels.map((label) => places.get(label) as number),
    classes: await nameLabels(join(folder, 'classes.txt'), kept, labelsPath),
  };
}

async function nameLabels(path: string, labels: readonly number[], labelsPath: string) {
  if (!existsSync(path)) {
    return labels.map(String);
  }
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  const last = labels.at(-1) ?? 0;
  if (last >= lines.length) {
    throw new ExpectedError(
      `${labelsPath} holds the label ${last}, ${path} has ${lines.length} lines: expected a name for each of 0 to ${last}`,
    );
  }
  const names = labels.map((label) => lines[label] ?? '');
  return checkClassNames(names, path);
}

async function findIdxFile(folder: string, split: Split, names: readonly string[]) {
  const found = names
    .flatMap((name) => [name, name.replace('-idx', '.idx')])
    .flatMap((name) => [name, `${name}.gz`])
    .map((name) => join(folder, name))
    .find(existsSync);
  if (found !== undefined) {
    return found;
  }
  if (!existsSync(folder)) {
    throw new ExpectedError(`--data ${folder}: no such folder`);
  }
  const present = (await readdir(folder)).slice(0, 10).join(', ') || 'nothing';
  const hint =
    split === 't10k' ? '. Training does without the test files (t10k), this does not' : '';
  throw new ExpectedError(
    `--data ${folder}: expected ${names.map((name) => `${name} or ${name}.gz`).join(' or ')}, the folder holds ${present}${hint}`,
  );
}
