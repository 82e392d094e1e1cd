/**
 * The IDX format of MNIST (LeCun, Cortes and Burges): reading with every count checked, and writing. Of its types only
 * unsigned bytes occur here.
 */
import { createReadStream, existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { DatasetError, type Dataset } from './dataset.ts';

const UNSIGNED_BYTE = 0x08;

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
  const header = 4 + shape.length * 4;
  const bytes = new Uint8Array(header + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, (UNSIGNED_BYTE << 8) | shape.length);
  shape.forEach((size, i) => view.setUint32(4 + i * 4, size));
  bytes.set(data, header);
  return bytes;
}

/**
 * Decodes IDX bytes.
 *
 * @param what   Names the source in errors.
 * @param ranks  How many dimensions are expected.
 * @throws DatasetError  When the magic number, the dimensions or the length are not as they must be.
 */
export function decodeIdx(bytes: Uint8Array, what: string, rank: number): { shape: number[]; data: Uint8Array } {
  const header = 4 + rank * 4;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const expectedMagic = (UNSIGNED_BYTE << 8) | rank;
  const magic = bytes.length >= 4 ? view.getUint32(0) : undefined;
  if (magic !== expectedMagic) {
    const got = magic === undefined ? `${bytes.length} bytes` : `0x${magic.toString(16).padStart(8, '0')}`;
    throw new DatasetError(
      `${what} starts with ${got}, expected the magic number 0x${expectedMagic.toString(16).padStart(8, '0')}`,
    );
  }
  if (bytes.length < header) {
    throw new DatasetError(`${what} ends within its header of ${header} bytes: it is truncated`);
  }
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + i * 4));
  const expectedBytes = header + shape.reduce((product, size) => product * size, 1);
  if (bytes.length !== expectedBytes) {
    const why = bytes.length < expectedBytes ? 'it is truncated' : 'something follows its end';
    throw new DatasetError(`${what} says ${shape.join(' x ')}, so ${expectedBytes} bytes; it has ${bytes.length}: ${why}`);
  }
  return { shape, data: bytes.subarray(header) };
}

/**
 * Reads one part of an MNIST-like folder: `<split>-images-idx3-ubyte` and `<split>-labels-idx1-ubyte`, each plain or `.gz`.
 *
 * @throws DatasetError  When a file is missing, unreadable or not what its name says, or the counts differ.
 */
export async function loadIdxFolder(folder: string, split: Split): Promise<Dataset> {
  const imagesPath = await findIdxFile(folder, `${split}-images-idx3-ubyte`);
  const labelsPath = await findIdxFile(folder, `${split}-labels-idx1-ubyte`);
  const images = decodeIdx(await readMaybeGzipped(imagesPath), imagesPath, 3);
  const labels = decodeIdx(await readMaybeGzipped(labelsPath), labelsPath, 1);
  const [count = 0, height = 0, width = 0] = images.shape;
  if (labels.shape[0] !== count) {
    throw new DatasetError(`${imagesPath} has ${count} images, ${labelsPath} has ${labels.shape[0]} labels: expected as many`);
  }
  if (count === 0 || height === 0 || width === 0) {
    throw new DatasetError(`${imagesPath} says ${images.shape.join(' x ')}: expected at least one image with pixels`);
  }
  return { name: `IDX files, ${split}`, count, height, width, images: images.data, labels: labels.data };
}

async function findIdxFile(folder: string, name: string): Promise<string> {
  // The original site unpacked to names with a dot, which many copies still have.
  const dotted = name.replace('-idx', '.idx');
  const found = [name, `${name}.gz`, dotted, `${dotted}.gz`].map((file) => join(folder, file)).find(existsSync);
  if (found !== undefined) {
    return found;
  }
  if (!existsSync(folder)) {
    throw new DatasetError(`--data ${folder}: no such folder`);
  }
  const present = (await readdir(folder)).slice(0, 10).join(', ') || 'nothing';
  throw new DatasetError(`--data ${folder}: expected ${name} or ${name}.gz, the folder holds ${present}`);
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
        throw new DatasetError(`${path} holds more than ${MAX_FILE_BYTES} bytes: too large for a data set`);
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
