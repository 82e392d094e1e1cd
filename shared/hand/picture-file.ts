/**
 * Decodes a picture of handwriting: PNG, JPEG, or the numbers of a digit as JSON. Looks at the size
 * before it decodes, and never decodes more than the size promises.
 */
import { concatBytes } from '@noble/hashes/utils.js';
import { Unzlib } from 'fflate';
import decodeJpeg from 'jpeg-js/lib/decoder.js';
import { orient, readOrientation } from '../orientation.ts';
import { findChunks, IDAT, openPngPicture, parsePngHeader, TRNS } from '../picture/png-picture.ts';
import type { GreyPicture } from './ink-map.ts';

/** A picture that cannot be read. The message says why, as the end of a sentence. */
export class PictureError extends Error {
  override name = 'PictureError' as const;
}

export interface PictureFile {
  readonly width: number;
  readonly height: number;
  /**
   * Decodes to grey.
   * @param paper  The level behind transparent pixels: 255 for white, 0 for black.
   * @throws PictureError
   */
  decode(paper: number): Promise<GreyPicture>;
  /** Whether `paper` makes a difference. */
  readonly isTransparent: boolean;
}

const PNG_SIGNATURE = 0x89;
const JPEG_SIGNATURE = 0xff;
/** `{` and `[`. */
const JSON_STARTS = [0x7b, 0x5b];
/** MNIST's. */
const SIDE = 28;

/** Reads what a file is, and its size. @throws PictureError */
export function openPicture(bytes: Uint8Array): PictureFile {
  if (bytes.length === 0) {
    throw new PictureError('is empty');
  }
  const first = bytes.find((byte) => byte > 0x20);
  if (bytes[0] === PNG_SIGNATURE) {
    return openPng(bytes);
  }
  if (bytes[0] === JPEG_SIGNATURE && bytes[1] === 0xd8) {
    return openJpeg(bytes);
  }
  if (first !== undefined && JSON_STARTS.includes(first)) {
    const pixels = parseNumbers(bytes);
    const picture = { width: SIDE, height: SIDE, pixels };
    return { ...picture, isTransparent: false, decode: () => Promise.resolve(picture) };
  }
  throw new PictureError('is neither PNG nor JPEG nor JSON');
}

/** The colour types from this on have an alpha channel. Others may have a tRNS chunk. */
const GREY_ALPHA = 4;

function openPng(bytes: Uint8Array): PictureFile {
  const header = explain(() => parsePngHeader(bytes));
  const { width, height, colourType } = header;
  let show: ReturnType<typeof openPngPicture> | undefined;
  const openChecked = () => {
    explain(() => checkInflated(bytes, header), 'is a PNG that cannot be decoded');
    return openPngPicture(bytes);
  };
  return {
    width,
    height,
    isTransparent: colourType >= GREY_ALPHA || findChunks(bytes, TRNS).length > 0,
    async decode(paper) {
      const picture = explain(() => {
        show ??= openChecked();
        return show([paper, paper, paper]);
      });
      return { ...picture, pixels: toGrey(picture.pixels) };
    },
  };
}

/** DEFLATE makes at most so many bytes of one. */
const MOST_INFLATED = 1032;
/** As many bytes as the largest allowed picture has do no harm. */
const HARMLESS_BYTES = 8 * 1024 * 1024;
const PIECE_BYTES = 4096;

/**
 * Inflates the pixels piece by piece without keeping them: a bomb holds more than its size
 * promises. The edge runtime's DecompressionStream inflates all of it before it can be stopped.
 */
function checkInflated(
  bytes: Uint8Array,
  { width, height, depth }: ReturnType<typeof parsePngHeader>,
): void {
  // Four channels; interlaced passes add at most a byte for each row of each of them.
  const most = height * (Math.ceil((width * 4 * depth) / 8) + 1) + 7 * (height + width + 8);
  const packed = concatBytes(...findChunks(bytes, IDAT));
  if (packed.length * MOST_INFLATED <= HARMLESS_BYTES) {
    return;
  }
  let inflated = 0;
  const inflator = new Unzlib(({ length }) => {
    inflated += length;
    if (inflated > most) {
      throw new PictureError('is a PNG with more pixels than its header says');
    }
  });
  for (let at = 0; at < packed.length; at += PIECE_BYTES) {
    inflator.push(packed.subarray(at, at + PIECE_BYTES));
  }
}

/** A progressive JPEG has some ten scans, and each costs as much as a pass over all pixels. */
const MAX_SCANS = 64;

/** Counts what may be scans: entropy-coded data holds no such marker, metadata may. */
function countScans(bytes: Uint8Array): number {
  let scans = 0;
  for (let at = bytes.indexOf(0xff); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    scans += bytes[at + 1] === 0xda ? 1 : 0;
  }
  return scans;
}

/** The largest allowed picture takes half of it. */
const MAX_JPEG_MB = 48;

/** Markers of JPEG frames that hold the size: all SOFs but DHT, JPG and DAC. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

function openJpeg(bytes: Uint8Array): PictureFile {
  if (countScans(bytes) > MAX_SCANS) {
    throw new PictureError(`is a JPEG of more than ${MAX_SCANS} scans`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let orientation: number | undefined;
  for (let at = 2; at + 9 < bytes.length && bytes[at] === JPEG_SIGNATURE;) {
    const marker = bytes[at + 1] as number;
    if (marker === EXIF_MARKER) {
      orientation ??= readSegment(bytes.subarray(at + 4, at + 2 + view.getUint16(at + 2)));
    }
    if (isFrame(marker)) {
      const [height, width] = [view.getUint16(at + 5), view.getUint16(at + 7)];
      const options = {
        useTArray: true,
        formatAsRGBA: false,
        // Later frames of the file may be larger.
        maxResolutionInMP: (width * height) / 1e6,
        maxMemoryUsageInMB: MAX_JPEG_MB,
      } as const;
      return {
        width,
        height,
        isTransparent: false,
        async decode() {
          const { data } = explain(
            () => decodeJpeg(bytes, options),
            'is a JPEG that cannot be decoded',
          );
          if (data.length !== width * height * 3) {
            throw new PictureError('is a JPEG of more than one size');
          }
          return orient({ width, height, pixels: toGrey(data) }, orientation);
        },
      };
    }
    at += marker === JPEG_SIGNATURE ? 1 : 2 + view.getUint16(at + 2);
  }
  throw new PictureError('is a JPEG without a size');
}

const EXIF_MARKER = 0xe1;
/** An Exif segment's first bytes: "Exif", then two zeros. */
const EXIF_START = [0x45, 0x78, 0x69, 0x66, 0, 0];

/** Reads how a camera was held from an Exif segment; undefined where it does not say. */
function readSegment(segment: Uint8Array): number | undefined {
  return EXIF_START.every((byte, i) => segment[i] === byte)
    ? readOrientation(segment.subarray(EXIF_START.length))
    : undefined;
}

function parseNumbers(bytes: Uint8Array): Uint8Array {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new PictureError('is malformed JSON', { cause });
  }
  const listed = Array.isArray(value) ? value : (value as { pixels?: unknown } | null)?.pixels;
  // NumPy writes rows as lists, and often a list of one channel or of one picture.
  const numbers: unknown = Array.isArray(listed) ? listed.flat(3) : undefined;
  if (!Array.isArray(numbers) || numbers.length !== SIDE * SIDE) {
    const got = Array.isArray(numbers) ? `${numbers.length} numbers` : 'no list of numbers';
    throw new PictureError(`is JSON with ${got}`);
  }
  const wrong = numbers.findIndex(
    (each) => typeof each !== 'number' || !Number.isInteger(each) || each < 0 || each > 255,
  );
  if (wrong >= 0) {
    throw new PictureError(`is JSON whose number ${wrong + 1} is no whole number from 0 to 255`);
  }
  return Uint8Array.from(numbers as number[]);
}

/** Weighs red, green and blue as eyes do. @param rgb  [pixels, 3] */
function toGrey(rgb: Uint8Array): Uint8Array {
  const grey = new Uint8Array(rgb.length / 3);
  for (let i = 0; i < grey.length; i++) {
    const [r, g, b] = [rgb[3 * i] as number, rgb[3 * i + 1] as number, rgb[3 * i + 2] as number];
    grey[i] = (77 * r + 150 * g + 29 * b + 128) >> 8;
  }
  return grey;
}

/** Words the errors of decoders. @param text  By default that of the error. */
function explain<T>(decode: () => T, text?: string): T {
  try {
    return decode();
  } catch (cause) {
    if (cause instanceof PictureError) {
      throw cause;
    }
    throw new PictureError(text ?? (cause as Error).message.slice(0, 200), { cause });
  }
}
