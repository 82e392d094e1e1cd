/**
 * The look and the subject of a model's pictures, for the manifest. Their paper is the colour
 * at the borders of the set's pictures. Pure.
 */
import { ExpectedError } from '../../shared/expected-error.ts';
import { HANDWRITTEN_DIGITS, type Subject } from '../../shared/model/subject.ts';
import { formatColour } from '../../shared/picture/colour.ts';
import type { Dataset } from '../data/dataset.ts';

/** The user's choices. `paper` is red, green and blue. */
interface Given {
  readonly paper?: readonly number[];
  readonly subject?: Subject;
}

/** Absent fields mean black paper and handwritten digits. */
interface Presentation {
  readonly paper: readonly number[] | undefined;
  readonly subject: Subject | undefined;
}

const PICTURES: Subject = { one: 'picture', many: 'pictures' };

/** @throws ExpectedError  When grey pictures are given coloured paper. */
export function planPresentation(
  dataset: Pictures & Pick<Dataset, 'classes'>,
  { paper, subject }: Given = {},
): Presentation {
  const { channels, classes } = dataset;
  if (paper !== undefined && channels === 1 && paper.some((level) => level !== paper[0])) {
    throw new ExpectedError(
      `--paper ${nameColour(paper)}: the pictures are grey. Give a grey, such as ffffff, or leave --paper out.`,
    );
  }
  const areDigits = classes.length === 10 && classes.every((name, i) => name === String(i));
  return {
    paper: paper === undefined ? measurePaper(dataset) : omitBlack(paper.slice(0, channels)),
    subject: subject ?? (areDigits ? undefined : PICTURES),
  };
}

/** Describes a presentation in two lines of a plan. */
export function describePresentation(
  { paper, subject }: Presentation,
  given: Given = {},
): [name: string, value: string][] {
  const colour = nameColour(paper ?? [0]);
  const source =
    given.paper === undefined ? 'measured at the borders; --paper gives another' : 'given';
  const { one, many } = subject ?? HANDWRITTEN_DIGITS;
  const words = given.subject === undefined ? '; --subject ONE,MANY names them' : '';
  return [
    ['paper', `${colour}, ${source}`],
    ['subject', `${one}, ${many}${words}`],
  ];
}

function nameColour(paper: readonly number[]): string {
  const [red = 0, green = red, blue = red] = paper;
  return formatColour([red, green, blue, 255]);
}

/** Levels of a channel that count as one: the noise of JPEG and of scans. */
const TOLERANCE = 16;
/** The part of the border pixels that must have the paper's colour. */
const LEAST_SHARE = 0.5;
/** Paper nearer to black or white than this is black or white. */
const NEAR = 8;
/** More pictures do not make it better. */
const MAX_PICTURES = 4096;

type Pictures = Pick<Dataset, 'channels' | 'count' | 'height' | 'images' | 'width'>;

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

function omitBlack(paper: readonly number[]): number[] | undefined {
  return paper.some((level) => level > 0) ? [...paper] : undefined;
}

function findMedian(counts: Float64Array, total: number): number {
  let sum = 0;
  return counts.findIndex((count) => (sum += count) * 2 >= total);
}

function snap(level: number): number {
  return level <= NEAR ? 0 : level >= 255 - NEAR ? 255 : level;
}
