/**
 * The floor: what real training digits get when they stand in for samples. It depends on the protocol, the seed, the
 * number of digits, the data, the classifier and the backend, and on nothing else, so it is kept under a hash of these.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import canonicalize from 'canonicalize';
import { deriveKey } from '../../shared/model/random.ts';
import { writeAtomically } from '../../storage/files.ts';
import { CLASSES, pickDigits } from './digits.ts';
import { computeFigures, type Figures, type Measure, type Reference } from './figures.ts';
import { computeClassAccuracy } from './metrics/class-accuracy.ts';
import { PURPOSES } from './protocol.ts';
import { drawSubset } from './subset.ts';

/** Where floors are kept; nothing is lost when it is deleted. */
export const FLOOR_FOLDER = join(import.meta.dirname, '..', '..', '.digitmint', 'evaluation');

/** What a floor depends on, beside the measure's protocol and seed. */
export interface FloorFacts {
  readonly count: number;
  /** Of the digits held against: it tells test digits from validation digits, and those of one draw from another's. */
  readonly testSha256: string;
  readonly trainingSha256: string;
  readonly classifierSha256: string;
  readonly backend: string;
}

/** Hashes all that a floor depends on: 32 hex digits. */
export function hashFloor(
  { protocol, seed }: Pick<Measure, 'protocol' | 'seed'>,
  facts: FloorFacts,
): string {
  const text = canonicalize({ protocol, seed, ...facts }) as string;
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/**
 * Computes the floor.
 *
 * @param count  How many training digits, at most `countFloorDigits`; drawn by the seed.
 */
export async function computeFloor(
  measure: Measure,
  reference: Reference,
  count: number,
): Promise<Figures> {
  const { training, against, seed } = measure;
  const places = listFloorPlaces(measure);
  const indices = drawSubset(
    deriveKey('evaluation', seed),
    PURPOSES.floor,
    0,
    places.length,
    count,
  ).map((index) => places[index] as number);
  const { images, labels } = pickDigits(training, indices);
  const figures = await computeFigures(measure, reference, { count, images, labels }, indices);
  // The classifier has learnt the training digits: what it makes of digits that it never saw is what samples can reach.
  // Of validation digits it has learnt most: there this is a little too high, and the report says so.
  return {
    ...figures,
    classAccuracy: computeClassAccuracy(against.labels, reference.scores.predictions, CLASSES),
  };
}

/** How many training digits a floor may take: those that are not held against. */
export function countFloorDigits({
  training,
  againstPlaces,
}: Pick<Measure, 'training' | 'againstPlaces'>): number {
  return training.count - (againstPlaces?.length ?? 0);
}

function listFloorPlaces({ training, againstPlaces }: Measure): Uint32Array {
  const taken = new Set(againstPlaces);
  return Uint32Array.from({ length: training.count }, (_, place) => place).filter(
    (place) => !taken.has(place),
  );
}

/** Reads a floor that was kept; null when there is none, or none that can be read: it is computed anew then. */
export async function loadFloor(
  hash: string,
  folder: string = FLOOR_FOLDER,
): Promise<Figures | null> {
  try {
    const { hash: kept, figures } = JSON.parse(
      await readFile(join(folder, `${hash}.json`), 'utf8'),
    ) as {
      hash: unknown;
      figures: Figures;
    };
    return kept === hash ? figures : null;
  } catch {
    return null;
  }
}

/** Keeps a floor. @throws WriteError  When it cannot be written. */
export async function saveFloor(
  hash: string,
  figures: Figures,
  folder: string = FLOOR_FOLDER,
): Promise<void> {
  const path = join(folder, `${hash}.json`);
  await mkdir(dirname(path), { recursive: true });
  await writeAtomically(path, `${JSON.stringify({ hash, figures }, null, 2)}\n`);
}
