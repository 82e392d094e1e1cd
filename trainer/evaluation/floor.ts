/**
 * The floor: the figures of real training digits in the place of samples. It depends on the
 * protocol, the seed, the number of digits, the data, the classifier and the backend alone, so it
 * is kept in a file named after a hash of these.
 */
import { access, constants, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashValue } from '../../shared/model/artifact.ts';
import { deriveKey } from '../../shared/model/random.ts';
import { drawSubset } from '../data/dataset.ts';
import { recover, writeJson } from '../../storage/files.ts';
import { pickDigits } from './digits.ts';
import { computeFigures, type Figures, type Measure, type Reference } from './figures.ts';
import { computeClassAccuracy } from './metrics/classes.ts';
import { PURPOSES } from './protocol.ts';

/** Where floors are kept. It may be deleted at any time. */
export const FLOOR_FOLDER = join(import.meta.dirname, '../../.digitmint/evaluation');

/** Node's `mkdir` calls a read-only disk ENOENT. */
const READ_ONLY = ['EACCES', 'EPERM', 'EROFS', 'ENOENT'];

/**
 * Hashes what a floor depends on: 32 hex digits.
 * @param facts  The number of digits, the hashes of data and classifier, and the backend.
 */
export function hashFloor(
  { protocol, seed }: Pick<Measure, 'protocol' | 'seed'>,
  facts: Readonly<Record<string, string | number>>,
): string {
  return hashValue({ protocol, seed, ...facts }).slice(0, 32);
}

/** Computes the floor of `count` training digits, which the seed draws. */
export async function computeFloor(measure: Measure, reference: Reference, count: number) {
  const { training, against, floorPlaces: places, seed, network } = measure;
  const { classes } = network;
  const key = deriveKey('evaluation', seed);
  const indices = drawSubset(key, PURPOSES.floor, 0, places.length, count).map(
    (index) => places[index] as number,
  );
  const figures = await computeFigures(measure, reference, pickDigits(training, indices), indices);
  // The classifier has learned the training digits; samples can only reach its accuracy on unseen
  // ones. It has learned most validation digits too, so theirs is a little too high.
  const { predictions } = reference.scores;
  const classAccuracy =
    classes < 2 ? null : computeClassAccuracy(against.labels, predictions, classes);
  return { ...figures, classAccuracy };
}

/** Lists the places of a set's pictures but some. */
export function listOtherPlaces(count: number, taken: Uint32Array | undefined): Uint32Array {
  const excluded = new Set(taken);
  const all = Uint32Array.from({ length: count }, (_, place) => place);
  return all.filter((place) => !excluded.has(place));
}

/** @returns  Null when there is no floor that can be read. */
export async function loadFloor(hash: string, folder: string = FLOOR_FOLDER) {
  try {
    const text = await readFile(join(folder, `${hash}.json`), 'utf8');
    const kept = JSON.parse(text) as { hash: unknown; figures: Figures };
    return kept.hash === hash ? kept.figures : null;
  } catch {
    return null;
  }
}

/** Does nothing where the folder is read-only, as a shared bundle is. @throws ExpectedError */
export async function saveFloor(hash: string, figures: Figures, folder: string = FLOOR_FOLDER) {
  const made = mkdir(folder, { recursive: true }).then(() => access(folder, constants.W_OK));
  if ((await recover(made, READ_ONLY, null)) === null) {
    return;
  }
  await writeJson(join(folder, `${hash}.json`), { hash, figures });
}
