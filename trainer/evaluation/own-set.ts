/** The real pictures of an evaluation of any set: its test part, or a third of it. */
import { resolve } from 'node:path';
import { ExpectedError } from '../../shared/expected-error.ts';
import { deriveKey } from '../../shared/model/random.ts';
import {
  loadAndReport,
  loadData,
  reportLeftOut,
  type ReadingRequest,
} from '../data/data-folder.ts';
import { drawSubset, hashDataset, type Dataset } from '../data/dataset.ts';
import { MNIST_TRAINING_SHA256, pickDigits, type RealDigits } from './digits.ts';
import { SAMPLES_LIMITS } from './protocol.ts';
import type { OpenedModel } from './samples.ts';

/** Pictures that samples are compared with, at most, so that figures of large sets are alike. */
const MAX_COMPARED = 10_000;
/** Fewer make figures that vary visibly from draw to draw. */
const FEW_COMPARED = 1000;
const MNIST_SHAPE = '28 x 28 x 1';

/** The real pictures of an evaluation. */
export interface Ground {
  readonly training: RealDigits;
  /** The pictures that samples are compared with. */
  readonly reference: RealDigits;
  /** Places, in `training`, of the pictures for the floor. */
  readonly floorPlaces: Uint32Array;
  /** Other pictures of `training`, for a classifier; null for MNIST: the repository has one. */
  readonly learned: Dataset | null;
}

/** Whether the repository's classifier of digits, white on black, cannot judge a model. */
export function drawsOtherThings({ manifest }: Pick<OpenedModel, 'manifest'>): boolean {
  const { image, classes, subject } = manifest;
  const shape = `${image.width} x ${image.height} x ${image.channels}`;
  return (
    shape !== MNIST_SHAPE ||
    image.paper !== undefined ||
    subject !== undefined ||
    classes.some((name, label) => name !== String(label)) ||
    (classes.length !== 0 && classes.length !== 10)
  );
}

type LoadedSet = Awaited<ReturnType<typeof loadData>>;

/**
 * Opens the set that models were trained on.
 * @param loaded  The set, where it was read before.
 * @throws ExpectedError  When it is missing, of another shape, or too small.
 */
export async function openOwnSet(
  data: string | undefined,
  models: readonly OpenedModel[],
  loaded: LoadedSet | null,
): Promise<Ground> {
  const [first] = models;
  if (data === undefined) {
    throw new ExpectedError(
      `--model ${first?.folder}: draws no digits of MNIST. Name its data by --data, or its run's folder by --model.`,
    );
  }
  const reading = chooseReading(first);
  const own = loaded ?? (await loadData(resolve(data), { reading }));
  reportLeftOut(data, own);
  const { dataset, findings } = own;
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
  if (count < 3 * SAMPLES_LIMITS.min) {
    throw new ExpectedError(
      `--data ${data}: holds ${count} pictures; an evaluation needs ${3 * SAMPLES_LIMITS.min}: to compare with, for the floor, and to learn from. ` +
        'Other pictures of the same size and classes may be its data, too: --data FOLDER',
    );
  }
  const training = {
    dataset,
    sha256: hashDataset(dataset),
    source: `${name}, ${count.toLocaleString('en')} pictures`,
  };
  const shuffled = drawSubset(deriveKey('own-set', '1'), 1, 0, count, count);
  const { test = 0, val = 0 } = findings?.parts ?? {};
  const kept = test > 0 ? test : val;
  const read = { reading: own.reading ?? reading, part: 'test' } as const; // As it was read.
  const part =
    kept >= SAMPLES_LIMITS.min
      ? takeClasses((await loadAndReport(resolve(data), read)).dataset, classes)
      : null;
  const usable = part?.count ?? kept;
  if (part !== null && usable >= SAMPLES_LIMITS.min) {
    const held =
      part.count <= MAX_COMPARED
        ? part
        : pickDigits(part, drawSubset(deriveKey('own-set', '1'), 2, 0, part.count, MAX_COMPARED));
    const forFloor = Math.min(MAX_COMPARED, held.count, Math.floor(count / 2));
    return {
      training,
      reference: describeReference(held, 'its part for evaluation'),
      floorPlaces: shuffled.slice(0, forFloor),
      learned: pickDigits(dataset, shuffled.slice(forFloor)),
    };
  }
  const third = Math.min(MAX_COMPARED, Math.floor(count / 3));
  const places = shuffled.slice(0, third);
  const how =
    usable > 0
      ? `drawn from it because its part for evaluation has ${usable}, of ${SAMPLES_LIMITS.min} needed`
      : 'drawn from it';
  return {
    training,
    reference: { ...describeReference(pickDigits(dataset, places), how), places },
    floorPlaces: shuffled.slice(third, 2 * third),
    learned: pickDigits(dataset, shuffled.slice(2 * third)),
  };
}

/**
 * Numbers the classes of a part as the training part does. Pictures of other classes are left out:
 * a class whose training pictures are all unusable is none there.
 */
function takeClasses(part: Dataset, classes: readonly string[]): Dataset {
  if (classes.length === 0) {
    return part;
  }
  const labels = Array.from(part.labels, (label) => classes.indexOf(part.classes[label] ?? ''));
  const kept = Uint32Array.from(labels.keys()).filter((i) => labels[i] !== -1);
  return {
    ...pickDigits(part, kept),
    labels: Uint8Array.from(kept, (i) => labels[i] as number),
    classes,
  };
}

function describeReference(dataset: Dataset, how: string): RealDigits {
  const count = dataset.count.toLocaleString('en');
  const noise = dataset.count < FEW_COMPARED ? '; so few make noisy figures' : '';
  const source = `${count} pictures of ${dataset.name}, ${how}, which its classifier has not seen${noise}`;
  return { dataset, sha256: hashDataset(dataset), source };
}

/** How the run read the pictures, or what gives pictures like those of the model. */
function chooseReading(model: OpenedModel | undefined): ReadingRequest {
  if (model === undefined || model.reading !== undefined) {
    return model?.reading ?? {};
  }
  const { width, channels } = model.manifest.image;
  return { resolution: width, ...(channels === 1 && { grey: true }) };
}

/**
 * Reads `data` for models of digits.
 * @returns  Null unless they were trained on these very pictures, other than MNIST's.
 */
export async function loadTrainedSet(
  models: readonly OpenedModel[],
  data: string,
): Promise<LoadedSet | null> {
  const trained = new Set(models.map(({ manifest }) => manifest.training.dataset.sha256));
  const [sha256] = trained;
  if (trained.size !== 1 || sha256 === MNIST_TRAINING_SHA256) {
    return null;
  }
  const loaded = await loadData(resolve(data), { reading: chooseReading(models[0]) });
  return hashDataset(loaded.dataset) === sha256 ? loaded : null;
}
