/** Data sets in the files of MNIST: IDX of unsigned bytes. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { concatBytes } from '@noble/hashes/utils.js';
import { ExpectedError } from '../../shared/expected-error.ts';
import { encodeIdxHeader, UNSIGNED_BYTE } from '../../shared/array-headers.ts';
import { decodeIdx, readBoundedFile } from './array-file.ts';
import { checkClassNames, type Dataset } from './dataset.ts';

/** Of an unpacked file: ten times all of MNIST's training images. */
export const MAX_IDX_BYTES = 512 * 1024 * 1024;

/** The part of MNIST that a pair of files holds. */
type Split = 'train' | 't10k';

/** Encodes bytes as IDX. @param shape  1 to 255 sizes, whose product is `data.length`. */
export function encodeIdx(shape: readonly number[], data: Uint8Array): Uint8Array {
  return concatBytes(encodeIdxHeader(shape), data);
}

/** Of labels that are integers of 32 bits, as QMNIST has them. */
const INTEGERS = [0x0c01, 0x0c02];

/** Decodes a file of unsigned bytes in one of the `ranks`, the allowed numbers of dimensions. */
function decodeBytes(
  { name, bytes }: NamedBytes,
  ranks: readonly number[],
  others: readonly number[] = [],
) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = bytes.length >= 4 ? view.getUint32(0) : undefined;
  const allowed = [...ranks.map((rank) => (UNSIGNED_BYTE << 8) | rank), ...others];
  if (magic === undefined || !allowed.includes(magic)) {
    const format = (number: number): string => `0x${number.toString(16).padStart(8, '0')}`;
    const got = magic === undefined ? `${bytes.length} bytes` : format(magic);
    throw new ExpectedError(
      `${name} starts with ${got}, expected the magic number ${allowed.map(format).join(' or ')}`,
    );
  }
  const { shape, values } = decodeIdx(bytes, name);
  const place = values.findIndex((value) => value < 0 || value > 255);
  if (shape.length === 2 || place !== -1) {
    const found = place === -1 ? `${shape[1]} numbers for each` : `the label ${values[place]}`;
    throw new ExpectedError(`${name} holds ${found}: expected a label from 0 to 255 for each`);
  }
  return { shape, values: Uint8Array.from(values) };
}

/** The content of a file, with its name for errors. */
export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * Decodes images, [count, height, width] or [count, height, width, 1 or 3], with a label each.
 * @throws ExpectedError  When they are malformed, or do not belong together.
 */
export function decodeIdxPair(imagesFile: NamedBytes, labelsFile: NamedBytes) {
  const { shape, values: images } = decodeBytes(imagesFile, [3, 4]);
  const { values: labels } = decodeBytes(labelsFile, [1], INTEGERS);
  const [count = 0, height = 0, width = 0, channels = 1] = shape;
  if (labels.length !== count) {
    throw new ExpectedError(
      `${imagesFile.name} has ${count} images, ${labelsFile.name} has ${labels.length} labels: expected as many`,
    );
  }
  if (count === 0 || height === 0 || width === 0) {
    throw new ExpectedError(
      `${imagesFile.name} says ${shape.join(' x ')}: expected at least one image with pixels`,
    );
  }
  if (channels !== 1 && channels !== 3) {
    throw new ExpectedError(
      `${imagesFile.name} says ${shape.join(' x ')}: expected 1 (grey) or 3 (RGB) as the last number`,
    );
  }
  return { count, height, width, channels, images, labels };
}

async function readFileOf(path: string): Promise<NamedBytes> {
  return {
    name: path,
    bytes: await readBoundedFile(path, path, MAX_IDX_BYTES, path.endsWith('.gz')),
  };
}

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
  const pair = decodeIdxPair(await readFileOf(imagesPath), await readFileOf(labelsPath));
  const { labels } = pair;
  // A class without images cannot be learned: the labels that occur are numbered from 0.
  const kept = [...new Set(labels)].sort((a, b) => a - b);
  const places = new Map(kept.map((label, place) => [label, place]));
  return {
    name: `IDX files, ${split}`,
    ...pair,
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
