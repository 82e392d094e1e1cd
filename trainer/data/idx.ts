/**
 * The IDX format of MNIST (LeCun, Cortes and Burges): reading with every count checked, and writing. Of its types data sets
 * have unsigned bytes only; samples to evaluate may have others, and share `splitIdx`.
 */
import { createReadStream, existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { concatBytes } from '@noble/hashes/utils.js';
import { encodeIdxHeader, UNSIGNED_BYTE } from '../../shared/array-headers.ts';
import { checkClassNames, compactLabels, DatasetError, type Dataset } from './dataset.ts';

/** Larger files are refused while they are read: ten times all of MNIST's training images. */
const MAX_FILE_BYTES = 512 * 1024 * 1024;

/** The part of MNIST that a file pair holds. */
export type Split = 'train' | 't10k';

/**
 * Encodes bytes as IDX.
 *
 * @param shape  1 to 255 sizes, whose product is `data.length`.
 */
export function encodeIdx(shape: readonly number[], data: Uint8Array): Uint8Array {
  return concatBytes(encodeIdxHeader(shape), data);
}

/**
 * Decodes IDX bytes.
 *
 * @param what   Names the source in errors.
 * @param ranks  How many dimensions may be there.
 * @throws DatasetError  When the magic number, the dimensions or the length are not as they must be.
 */
export function decodeIdx(
  bytes: Uint8Array,
  what: string,
  ranks: readonly number[],
): { shape: number[]; data: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = bytes.length >= 4 ? view.getUint32(0) : undefined;
  const rank = ranks.find((allowed) => magic === ((UNSIGNED_BYTE << 8) | allowed));
  if (rank === undefined) {
    const format = (number: number): string => `0x${number.toString(16).padStart(8, '0')}`;
    const got = magic === undefined ? `${bytes.length} bytes` : format(magic);
    const expected = ranks.map((allowed) => format((UNSIGNED_BYTE << 8) | allowed)).join(' or ');
    throw new DatasetError(`${what} starts with ${got}, expected the magic number ${expected}`);
  }
  const { shape, body } = splitIdx(bytes, 1, what, (message) => new DatasetError(message));
  return { shape, data: body };
}

/**
 * Splits IDX bytes, whose magic number is known to be right, into shape and numbers.
 *
 * @param bytes      At least the 4 of the magic number; the last of these is the number of dimensions.
 * @param itemBytes  Of one number.
 * @param what       Names the source in errors.
 * @param fail       Makes the caller's error of a message.
 * @returns          `body` shares the memory of `bytes`; its numbers are big-endian, as many as the shape says.
 * @throws What `fail` makes, when the length is not what the header says.
 */
export function splitIdx(
  bytes: Uint8Array,
  itemBytes: number,
  what: string,
  fail: (message: string) => Error,
): { shape: number[]; body: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rank = view.getUint8(3);
  const header = 4 + rank * 4;
  if (bytes.length < header) {
    throw fail(`${what} ends within its header of ${header} bytes: it is truncated`);
  }
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + i * 4));
  const body = bytes.subarray(header);
  checkLength(shape, itemBytes, body.length, what, fail);
  return { shape, body };
}

/**
 * Checks that an array has as many bytes as its shape says.
 *
 * @returns  How many numbers that is.
 * @throws What `fail` makes, when there are fewer or more.
 */
export function checkLength(
  shape: readonly number[],
  itemBytes: number,
  bytes: number,
  what: string,
  fail: (message: string) => Error,
): number {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count * itemBytes !== bytes) {
    const why = bytes < count * itemBytes ? 'it is truncated' : 'something follows its end';
    throw fail(
      `${what} says ${shape.join(' x ')}, so ${count * itemBytes} bytes after its header; it has ${bytes}: ${why}`,
    );
  }
  return count;
}

/** Names of an MNIST-like folder's files. The original site unpacked to names with a dot, which many copies still have. */
const FILE_NAME = /^(?:train|t10k)-(?:images[-.]idx[34]|labels[-.]idx1)-ubyte(?:\.gz)?$/;

/** Beside the files: a name for each label, one a line. */
const CLASS_NAMES_FILE = 'classes.txt';

/** Tells whether a file name is that of an MNIST-like folder's file. */
export function isIdxFileName(name: string): boolean {
  return FILE_NAME.test(name);
}

/**
 * Reads one part of an MNIST-like folder: `<split>-images-idx3-ubyte` (grey, [count, height, width]) or
 * `<split>-images-idx4-ubyte` (RGB, [count, height, width, 3]) and `<split>-labels-idx1-ubyte`, each plain or `.gz`. The
 * classes are the labels that occur, named by the numbers that they have in the file, or by the lines of `classes.txt`.
 *
 * @throws DatasetError  When a file is missing, unreadable or not what its name says, the counts differ, or a label has
 *                       no line in `classes.txt`.
 */
export async function loadIdxFolder(folder: string, split: Split): Promise<Dataset> {
  const imagesPath = await findIdxFile(folder, split, [
    `${split}-images-idx3-ubyte`,
    `${split}-images-idx4-ubyte`,
  ]);
  const labelsPath = await findIdxFile(folder, split, [`${split}-labels-idx1-ubyte`]);
  const images = decodeIdx(await readMaybeGzipped(imagesPath), imagesPath, [3, 4]);
  const labels = decodeIdx(await readMaybeGzipped(labelsPath), labelsPath, [1]);
  const [count = 0, height = 0, width = 0, channels = 1] = images.shape;
  if (labels.shape[0] !== count) {
    throw new DatasetError(
      `${imagesPath} has ${count} images, ${labelsPath} has ${labels.shape[0]} labels: expected as many`,
    );
  }
  if (count === 0 || height === 0 || width === 0) {
    throw new DatasetError(
      `${imagesPath} says ${images.shape.join(' x ')}: expected at least one image with pixels`,
    );
  }
  if (channels !== 1 && channels !== 3) {
    throw new DatasetError(
      `${imagesPath} says ${images.shape.join(' x ')}: expected 1 (grey) or 3 (RGB) as the last number`,
    );
  }
  const { labels: compact, kept } = compactLabels(labels.data);
  const classes = await nameLabels(join(folder, CLASS_NAMES_FILE), kept, labelsPath);
  return {
    name: `IDX files, ${split}`,
    count,
    height,
    width,
    channels,
    images: images.data,
    labels: compact,
    classes,
  };
}

async function nameLabels(
  path: string,
  labels: readonly number[],
  labelsPath: string,
): Promise<string[]> {
  if (!existsSync(path)) {
    return labels.map(String);
  }
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  const last = labels.at(-1) ?? 0;
  if (last >= lines.length) {
    throw new DatasetError(
      `${labelsPath} holds the label ${last}, ${path} has ${lines.length} lines: expected a name for each of 0 to ${last}`,
    );
  }
  return checkClassNames(
    labels.map((label) => lines[label] ?? ''),
    path,
  );
}

async function findIdxFile(
  folder: string,
  split: Split,
  names: readonly string[],
): Promise<string> {
  const found = names
    .flatMap((name) => [name, name.replace('-idx', '.idx')])
    .flatMap((name) => [name, `${name}.gz`])
    .map((name) => join(folder, name))
    .find(existsSync);
  if (found !== undefined) {
    return found;
  }
  if (!existsSync(folder)) {
    throw new DatasetError(`--data ${folder}: no such folder`);
  }
  const present = (await readdir(folder)).slice(0, 10).join(', ') || 'nothing';
  const hint =
    split === 't10k' ? '. Training does without the test files (t10k), this does not' : '';
  throw new DatasetError(
    `--data ${folder}: expected ${names.map((name) => `${name} or ${name}.gz`).join(' or ')}, the folder holds ${present}${hint}`,
  );
}

async function readMaybeGzipped(path: string): Promise<Uint8Array> {
  const file = createReadStream(path);
  const stream = path.endsWith('.gz') ? file.pipe(createGunzip()) : file;
  // A pipe does not pass its source's errors on.
  file.on('error', (error) => stream.destroy(error));
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_FILE_BYTES) {
        throw new DatasetError(
          `${path} holds more than ${MAX_FILE_BYTES} bytes: too large for a data set`,
        );
      }
    }
  } catch (cause) {
    if (cause instanceof DatasetError) {
      throw cause;
    }
    throw new DatasetError(`${path} cannot be read: ${(cause as Error).message}`, { cause });
  } finally {
    file.destroy();
  }
  return Buffer.concat(chunks);
}
