/** Measures the paper of a data set: the colour at the borders of its pictures. Pure. */

/** Levels of a channel that count as one: the noise of JPEG and of scans. */
const TOLERANCE = 16;
/** The part of the border pixels that must have the paper's colour. */
const LEAST_SHARE = 0.5;
/** Paper nearer to black or white than this is black or white. */
const NEAR = 8;
/** More pictures do not make it better. */
const MAX_PICTURES = 4096;

interface Pictures {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Row-major [count, height, width, channels]. */
  readonly images: Uint8Array;
}

/**
 * Finds the colour that at least half of all border pixels have.
 * @returns  A byte for each channel. Undefined for black, and for pictures without paper, such as
 *           photographs: black is what a manifest without paper means.
 */
export function measurePaper(pictures: Pictures): number[] | undefined {
  const { count, height, width, channels, images } = pictures;
  const step = Math.ceil(count / MAX_PICTURES);
  const levels = Array.from({ length: channels }, () => new Float64Array(256));
  const borders: number[] = [];
  for (let picture = 0; picture < count; picture += step) {
    for (let pixel = 0; pixel < height * width; pixel++) {
      const [x, y] = [pixel % width, Math.floor(pixel / width)];
      if (x === 0 || y === 0 || x === width - 1 || y === height - 1) {
        borders.push((picture * height * width + pixel) * channels);
      }
    }
  }
  for (const at of borders) {
    levels.forEach((counts, channel) => {
      const value = images[at + channel] as number;
      counts[value] = (counts[value] as number) + 1;
    });
  }
  const paper = levels.map((counts) => findMedian(counts, borders.length));
  const isPaper = (at: number) =>
    paper.every((level, c) => Math.abs((images[at + c] as number) - level) <= TOLERANCE);
  const share = borders.filter(isPaper).length / borders.length;
  return share < LEAST_SHARE ? undefined : omitBlack(paper.map(snap));
}

/** Black is what a manifest without paper means. */
export function omitBlack(paper: readonly number[]): number[] | undefined {
  return paper.some((level) => level > 0) ? [...paper] : undefined;
}

function findMedian(counts: Float64Array, total: number): number {
  let sum = 0;
  return counts.findIndex((count) => (sum += count) * 2 >= total);
}

function snap(level: number): number {
  return level <= NEAR ? 0 : level >= 255 - NEAR ? 255 : level;
}
