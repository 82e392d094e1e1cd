/** Samples that another program made: 28 x 28 pixels each, with or without requested labels. */
import { stat } from 'node:fs/promises';
import { ExpectedError } from '../../shared/expected-error.ts';
import { hashBytes } from '../../shared/model/artifact.ts';
import { encodePixels, type PixelRange } from '../../shared/picture/pixels.ts';
import { decodeArrayFile, type ArrayFile } from '../data/array-file.ts';
import { within } from '../data/layouts/source.ts';
import { locateFile, readFile } from '../data/layouts/tree.ts';
import { decideRange, findExtremes } from '../data/number-range.ts';
import { CLASSES } from './digits.ts';

export interface SampleSet {
  readonly count: number;
  /** Row-major [count, 28, 28], from 0 (paper) to 255 (full ink). */
  readonly images: Uint8Array;
  /** [count]: the digit that was requested; null for samples without labels. */
  readonly labels: Uint8Array | null;
}

export interface OpenedSamples {
  readonly set: SampleSet;
  /** In words. */
  readonly source: string;
  /** The same for programs. */
  readonly facts: Readonly<Record<string, string | number | null>>;
}

const JOIN_PICTURES =
  'In Python: numpy.save("samples.npy", numpy.stack([PIL.Image.open(f).convert("L") for f in sorted(glob.glob("FOLDER/*.png"))]))';

/** Larger files are refused. */
const MAX_FILE_BYTES = 1024 * 1024 * 1024;

/**
 * Turns an array into pictures.
 * @param what   Names the file in errors.
 * @param range  Paper and full ink; by default found out. Bytes are always 0 to 255.
 * @throws ExpectedError  When shape, type or numbers are not those of digits.
 */
export function decodeImages(array: ArrayFile, what: string, range?: PixelRange) {
  const { shape, values, format } = array;
  const [count = 0, ...picture] = shape;
  if (!['28 x 28', '784', '28 x 28 x 1', '1 x 28 x 28'].includes(picture.join(' x '))) {
    throw new ExpectedError(
      `${what} has the shape [${shape.join(', ')}], expected [n, 28, 28], [n, 784], [n, 28, 28, 1] or [n, 1, 28, 28]`,
    );
  }
  if (count === 0) {
    throw new ExpectedError(`${what} holds no pictures`);
  }
  if (values instanceof Int32Array) {
    throw new ExpectedError(`${what} is ${format}: expected pictures as uint8 or float32`);
  }
  const extremes = findExtremes(values);
  if ('notFinite' in extremes) {
    throw new ExpectedError(`${what} holds ${values[extremes.notFinite]}: expected finite numbers`);
  }
  if (values instanceof Uint8Array) {
    const given = range?.join('..') ?? '0..255';
    if (given !== '0..255') {
      throw new ExpectedError(`--range ${given}: ${what} is ${format}, whose pixels are 0..255`);
    }
    if (extremes.largest === 1) {
      throw new ExpectedError(
        `${what} is ${format} and its largest number is 1: expected 0..255, so multiply by 255`,
      );
    }
    return { count, images: values, range: given };
  }
  const decided = decideRange(extremes, range, `${what}: `).range;
  if (range === undefined && decided[1] > 255) {
    const { least, largest } = extremes;
    throw new ExpectedError(
      `${what} has numbers from ${least} to ${largest}, expected 0..1, -1..1 or 0..255, or their --range`,
    );
  }
  return { count, images: encodePixels(values, decided), range: decided.join('..') };
}

/**
 * Turns an array into labels.
 * @throws ExpectedError  When there are not `count`, or one is no whole number from 0 to 9.
 */
export function decodeLabels({ shape, values, texts }: ArrayFile, what: string, count: number) {
  if (texts !== undefined) {
    throw new ExpectedError(`${what} holds text, expected whole numbers from 0 to ${CLASSES - 1}`);
  }
  if (shape.length !== 1 && !(shape.length === 2 && shape[1] === 1)) {
    throw new ExpectedError(`${what} has the shape [${shape.join(', ')}], expected [n]`);
  }
  if (values.length !== count) {
    throw new ExpectedError(
      `${what} holds ${values.length} labels for ${count} samples: expected as many`,
    );
  }
  const place = values.findIndex(
    (value) => !Number.isInteger(value) || value < 0 || value >= CLASSES,
  );
  if (place !== -1) {
    throw new ExpectedError(
      `${what} holds the label ${values[place]} at place ${place}, expected 0 to ${CLASSES - 1}`,
    );
  }
  return Uint8Array.from(values);
}

/** Reads samples. @throws ExpectedError  When a file holds no digits, or the counts differ. */
export async function readSamples(
  file: string,
  labelsFile: string | undefined,
  range: PixelRange | undefined,
): Promise<OpenedSamples> {
  const read = (path: string, what: string): Promise<ArrayFile> =>
    within(`${what} `, async () => {
      if ((await stat(path)).isDirectory()) {
        throw new ExpectedError(`is a folder, expected one IDX or .npy file. ${JOIN_PICTURES}`);
      }
      return decodeArrayFile(await readFile(locateFile(path, path), MAX_FILE_BYTES));
    });
  const what = `--samples ${file}`;
  const array = await read(file, what);
  const { count, images, range: understood } = decodeImages(array, what, range);
  let labels: Uint8Array | null = null;
  if (labelsFile !== undefined) {
    const labelsWhat = `--labels ${labelsFile}`;
    labels = decodeLabels(await read(labelsFile, labelsWhat), labelsWhat, count);
  }
  const notes = [
    range === undefined ? ', found out' : '',
    labels === null ? ', without labels' : '',
  ];
  return {
    set: { count, images, labels },
    source: `${file} (${array.format}, pixels ${understood}${notes[0]})${notes[1]}`,
    facts: {
      kind: 'file',
      file,
      format: array.format,
      range: understood,
      samplesSha256: hashBytes(images),
      labels: labelsFile ?? null,
    },
  };
}
