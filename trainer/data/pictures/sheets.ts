/** Cuts sheets, files with many pictures in rows and columns, into the pictures. */
import { ExpectedError } from '../../../shared/expected-error.ts';
import { UnusablePicture, type RawPicture, type Sample, type Source } from '../layouts/source.ts';
import { describeFault } from '../layouts/tree.ts';
import type { PictureDecoder } from './decoder.ts';

/** Sheets are in memory until all of their pictures are read. */
const MAX_BYTES = 1024 * 1024 * 1024;

/** Pixels of one picture of a sheet. */
export type CutSize = readonly [width: number, height: number];

/**
 * Takes each picture of a source for a sheet. Pictures of one colour are left out: sheets are
 * filled up with them.
 * @throws ExpectedError  When the sheets are too large for memory.
 */
export async function cutSheets(
  source: Source,
  size: CutSize,
  decoder: Pick<PictureDecoder, 'decodeWhole'>,
): Promise<Source> {
  const [width, height] = size;
  const samples: Sample[] = [];
  const problems = [...source.problems];
  let [bytes, empty] = [0, 0];
  for (const sheet of source.samples) {
    try {
      const whole = await decoder.decodeWhole(await sheet.read());
      for (const one of listPictures(sheet, whole, size)) {
        if (isPlain(one.read())) {
          empty++;
        } else {
          samples.push({ ...one, read: () => Promise.resolve(one.read()) });
        }
      }
      bytes += whole.pixels.byteLength + (whole.deep?.values.byteLength ?? 0);
    } catch (error) {
      problems.push({ name: sheet.name, reason: describeFault(error), split: sheet.split });
    }
    if (bytes > MAX_BYTES) {
      throw new ExpectedError(`--cut: the sheets have more than ${MAX_BYTES} bytes: take fewer`);
    }
  }
  const note = `${source.samples.length} sheets are cut into ${samples.length} pictures of ${size.join(' x ')}`;
  const rest = empty > 0 ? `; ${empty} of one colour are left out` : '';
  return {
    ...source,
    ...(source.shape && { shape: { ...source.shape, width, height } }),
    samples,
    problems,
    notes: [...source.notes, `${note}${rest}.`],
  };
}

/** @throws UnusablePicture  When a sheet is no whole number of pictures. */
function listPictures(sheet: Sample, whole: RawPicture, [width, height]: CutSize) {
  const { channels, pixels, deep } = whole;
  const [columns, rows] = [whole.width / width, whole.height / height];
  if (!Number.isInteger(columns) || !Number.isInteger(rows)) {
    throw new UnusablePicture(
      `has ${whole.width} x ${whole.height} pixels, no whole number of ${width} x ${height}`,
    );
  }
  return Array.from({ length: rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    const cut = <T extends Uint8Array | Int32Array>(values: T, depth: number, own: T): T => {
      for (let y = 0; y < height; y++) {
        const from = ((row * height + y) * whole.width + column * width) * depth;
        own.set(values.subarray(from, from + width * depth), y * width * depth);
      }
      return own;
    };
    const size = width * height;
    const cutDeep = ({ channels: depth, values }: NonNullable<typeof deep>) => ({
      deep: { channels: depth, values: cut(values, depth, new Int32Array(size * depth)) },
    });
    const read = (): RawPicture => ({
      width,
      height,
      channels,
      pixels: cut(pixels, channels, new Uint8Array(size * channels)),
      ...(deep && cutDeep(deep)),
    });
    return { ...sheet, name: `${sheet.name}, row ${row + 1}, column ${column + 1}`, read };
  });
}

function isPlain({ deep, ...picture }: RawPicture): boolean {
  const { channels } = deep ?? picture;
  const values: Uint8Array | Int32Array = deep?.values ?? picture.pixels;
  return values.every((value, i) => value === values[i % channels]);
}
