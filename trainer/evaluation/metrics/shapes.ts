/** Plain figures of grey pictures: which values their pixels have, and the place of their ink. */
import { findBox } from '../../../shared/box.ts';
import { measurePen } from '../../../shared/picture/pen.ts';

/** Computes the part of the values of each kind, 0..1. @param images  0..255; at least one. */
export function computeValueShares(images: Uint8Array) {
  const counts = new Float64Array(256);
  for (const value of images) {
    counts[value] = (counts[value] as number) + 1;
  }
  const share = (first: number, last: number): number =>
    counts.slice(first, last + 1).reduce((sum, count) => sum + count, 0) / images.length;
  return {
    valuesOf0: share(0, 0),
    values1To4: share(1, 4),
    values250To255: share(250, 255),
    valuesOf255: share(255, 255),
  };
}

/** Row-major [count, side, side], 0 for paper. */
export interface GreyPictures {
  readonly count: number;
  readonly side: number;
  readonly images: Uint8Array;
}

/** Measures the larger side of the box around all values above 0 of each picture; 0 of paper. */
export function measureBoxes({ count, side, images }: GreyPictures): Uint32Array {
  return Uint32Array.from({ length: count }, (_, picture) => {
    const first = picture * side * side;
    const box = findBox(side, side, (pixel) => images[first + pixel] !== 0);
    return box === undefined ? 0 : Math.max(box.width, box.height);
  });
}

/** A point in pixels, from the upper left corner. */
type Place = readonly [x: number, y: number];

/** Measures the centre of mass of each picture; pictures without ink are left out. */
export function measureCentres({ count, side, images }: GreyPictures): Place[] {
  const centres: Place[] = [];
  for (let picture = 0; picture < count; picture++) {
    let [mass, right, down] = [0, 0, 0];
    for (let i = 0; i < side * side; i++) {
      const value = images[picture * side * side + i] as number;
      mass += value;
      right += value * (i % side);
      down += value * Math.floor(i / side);
    }
    if (mass > 0) {
      centres.push([right / mass, down / mass]);
    }
  }
  return centres;
}

/** Computes the mean of places; NaN of none. */
export function computeMiddle(places: readonly Place[]): Place {
  const sum = (axis: 0 | 1): number => places.reduce((total, place) => total + place[axis], 0);
  return [sum(0) / places.length, sum(1) / places.length];
}

/**
 * Computes how far places stray from a middle along each axis: the root of the mean square, in
 * pixels. Null when there are no places, or no middle.
 */
export function computeStray(places: readonly Place[], [x, y]: Place): number | null {
  const sum = places.reduce((total, place) => total + (place[0] - x) ** 2 + (place[1] - y) ** 2, 0);
  const stray = Math.sqrt(sum / (2 * places.length));
  return Number.isNaN(stray) ? null : stray;
}

/** Pictures whose strokes are measured, at most: outlines of 10,000 take a second. */
const TRACED = 2000;

/** Measures the width of the strokes in pixels; null when no pixel reaches half ink. */
export function measureStrokeWidth({ count, side, images }: GreyPictures): number | null {
  const traced = Math.min(count, TRACED);
  const pixels = images.subarray(0, traced * side * side);
  if (pixels.every((value) => value <= 127)) {
    return null;
  }
  const size = { height: side, width: side, channels: 1 };
  return 2 * measurePen({ ...size, count: traced, pixels, labels: null }).radius;
}
