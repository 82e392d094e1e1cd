/** A sheet of real pictures as the networks see them, ordered by class. */
import { buildSheet, encodePng } from '../../shared/picture/sheet.ts';
import { pngEncoder } from '../node-kernels.ts';
import { viewImage, type Dataset } from './dataset.ts';

const COLS = 12;
const MAX_ROWS = 40;
/** Rows of a set without classes. */
const ROWS = 8;
/** Between black and white, where a class has fewer pictures than a row has places. */
const EMPTY = 128;

/** @returns  A PNG: a row for each of the first classes, or some rows without classes. */
export function buildContactSheet(dataset: Dataset): Uint8Array {
  const { width, height, channels } = dataset;
  const chosen = choosePictures(dataset);
  const size = width * height * channels;
  const pixels = new Uint8Array(chosen.length * size).fill(EMPTY);
  chosen.forEach((place, i) => {
    if (place !== null) {
      pixels.set(viewImage(dataset, place), i * size);
    }
  });
  const samples = { count: chosen.length, width, height, channels, pixels, labels: null };
  return encodePng(
    pngEncoder,
    buildSheet(samples, { cols: COLS, scale: width > 64 ? 1 : 2, gap: 2 }),
  );
}

/** Places of the pictures, spread over each class; null for an empty place. */
function choosePictures({ count, classes, labels }: Dataset): (number | null)[] {
  if (classes.length < 2) {
    return spread(
      Array.from({ length: count }, (_, i) => i),
      COLS * ROWS,
    );
  }
  const members = Array.from(classes, (): number[] => []);
  labels.forEach((label, i) => members[label]?.push(i));
  return members.slice(0, MAX_ROWS).flatMap((own) => spread(own, COLS));
}

function spread(places: readonly number[], wanted: number): (number | null)[] {
  const step = Math.max(1, places.length / wanted);
  return Array.from({ length: wanted }, (_, i) => places[Math.floor(i * step)] ?? null);
}
