/**
 * Decodes a picture of handwriting: PNG, JPEG, or the numbers of a digit as JSON. Looks at the size
 * before it decodes, and never decodes more than the size promises.
 */
import { concatBytes } from '@noble/hashes/utils.js';
import { Unzlib } from 'fflate';
import decodeJpeg from 'jpeg-js/lib/decoder.js';
import { orient, readOrientation } from '../orientation.ts';
import { findChunks, openPngPicture, parsePngHeader } from '../picture/png-picture.ts';
import type { GreyPicture } from './ink-map.ts';

/** A picture that cannot be read. The message says why, as the end of a sentence. */
export class PictureError extends Error {
  override name = 'PictureError' as const;
}

export interface PictureFile {
  readonly width: number;
  readonly height: number;
  /** Pixels that the decoder passes over: for a JPEG those of each scan. */
  readonly decoded: number;
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
    const file = { ...picture, decoded: pixels.length, isTransparent: false };
    return { ...file, decode: () => Promise.resolve(picture) };
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
    decoded: width * height,
    isTransparent: colourType >= GREY_ALPHA || findChunks(bytes, 'tRNS').length > 0,
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
  const packed = concatBytes(...findChunks(bytes, 'IDAT'));
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

/** A progressive JPEG has some ten scans. */
const MAX_SCANS = 64;

/** The largest allowed picture takes half of it. */
const MAX_JPEG_MB = 48;

const UNDECODABLE = 'is a JPEG that cannot be decoded';

/** Markers of JPEG (ITU-T T.81, table B.1): their bytes after 0xff. */
const MARKER = { scan: 0xda, end: 0xd9, quantizers: 0xdb, exif: 0xe1, adobe: 0xee, comment: 0xfe };

/** Frames hold the size: all SOFs but DHT, JPG and DAC. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** Applications' segments and comments. Adobe's segment tells how colours are stored. */
const isMetadata = (marker: number): boolean =>
  ((marker & 0xf0) === 0xe0 && marker !== MARKER.adobe) || marker === MARKER.comment;

function openJpeg(bytes: Uint8Array): PictureFile {
  const { picture, orientation } = stripMetadata(bytes);
  const [frame, ...others] = findMarkers(picture, isFrame);
  if (frame === undefined) {
    throw new PictureError('is a JPEG without a size');
  }
  if (others.length > 0) {
    throw new PictureError('is a JPEG of more than one frame');
  }
  const [height, width] = [readUint16(picture, frame + 5), readUint16(picture, frame + 7)];
  return {
    width,
    height,
    decoded: measureScans(picture, frame),
    isTransparent: false,
    async decode() {
      const options = {
        useTArray: true,
        formatAsRGBA: false,
        maxResolutionInMP: (width * height) / 1e6,
        maxMemoryUsageInMB: MAX_JPEG_MB,
      } as const;
      const { data } = explain(() => decodeJpeg(picture, options), UNDECODABLE);
      return orient({ width, height, pixels: toGrey(data) }, orientation);
    },
  };
}

/**
 * Leaves out metadata and what follows the picture, as both may hold markers of other pictures.
 * `findMarkers` then finds every marker that the decoder can come to, even through wrong lengths.
 */
function stripMetadata(bytes: Uint8Array) {
  const picture = new Uint8Array(bytes.length);
  let length = 0;
  const keep = (part: Uint8Array) => {
    picture.set(part, length);
    length += part.length;
  };
  keep(bytes.subarray(0, 2));
  let orientation: number | undefined;
  let at = 2;
  while (bytes[at] === JPEG_SIGNATURE && bytes[at + 1] !== MARKER.scan) {
    const marker = bytes[at + 1] as number;
    const segment = bytes.subarray(at, at + 2 + readUint16(bytes, at + 2));
    if (marker === MARKER.exif) {
      orientation ??= readSegment(segment.subarray(4));
    } else if (marker === MARKER.quantizers) {
      // Quantizers of 255 look like the start of a marker, and 254 makes no visible difference.
      keep(segment.map((byte, i) => (i > 0 ? Math.min(byte, 254) : byte)));
    } else if (marker !== JPEG_SIGNATURE && !isMetadata(marker)) {
      keep(segment);
    }
    at += marker === JPEG_SIGNATURE ? 1 : Math.max(2, segment.length);
  }
  const rest = bytes.subarray(at);
  const [end = rest.length] = findMarkers(rest, (marker) => marker === MARKER.end);
  keep(rest.subarray(0, end + 2));
  return { picture: picture.subarray(0, length), orientation };
}

function findMarkers(bytes: Uint8Array, isWanted: (marker: number) => boolean): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(0xff); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    if (isWanted(bytes[at + 1] as number)) {
      places.push(at);
    }
  }
  return places;
}

const readUint16 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

/**
 * Counts the pixels that all scans pass over. The decoder does not check the number of components
 * (T.81, B.2.2), and of a scan neither that number nor the last coefficient (B.2.3).
 * @throws PictureError
 */
function measureScans(picture: Uint8Array, frame: number): number {
  const components = picture[frame + 9] as number;
  const scans = findMarkers(picture, (marker) => marker === MARKER.scan);
  if (scans.length > MAX_SCANS) {
    throw new PictureError(`is a JPEG of more than ${MAX_SCANS} scans`);
  }
  if (![1, 3, 4].includes(components)) {
    throw new PictureError(UNDECODABLE);
  }
  const parts = Array.from({ length: components }, (_, i) => {
    const factors = picture[frame + 11 + 3 * i] as number;
    return { id: picture[frame + 10 + 3 * i], across: factors >> 4, down: factors & 15 };
  });
  const columns = readUint16(picture, frame + 7) / Math.max(1, ...parts.map((each) => each.across));
  const rows = readUint16(picture, frame + 5) / Math.max(1, ...parts.map((each) => each.down));
  const units = Math.ceil(columns / 8) * Math.ceil(rows / 8);
  const pixels = new Map(parts.map(({ id, across, down }) => [id, 64 * units * across * down]));
  let passed = 0;
  for (const at of scans) {
    const selectors = picture[at + 4] as number;
    const last = picture[at + 6 + 2 * selectors] as number;
    if (!(selectors >= 1 && selectors <= 4 && last <= 63)) {
      throw new PictureError(UNDECODABLE);
    }
    for (let i = 0; i < selectors; i++) {
      passed += pixels.get(picture[at + 5 + 2 * i]) ?? 0;
    }
  }
  return passed;
}

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
