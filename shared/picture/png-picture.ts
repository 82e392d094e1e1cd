/** Decodes PNG files of every kind to 8-bit RGB. Pure. */
import { concatBytes } from '@noble/hashes/utils.js';
import { decode, hasPngSignature, type DecodedPng } from 'fast-png';
import { orient, readOrientation, type Pixels } from '../orientation.ts';
import { listChunks } from './png.ts';

/** Signature and IHDR chunk. */
const PNG_HEADER_BYTES = 33;

/** Colour types. */
const RGB = 2;
const INDEXED = 3;
/** The chunks that the pixels depend on. */
const OF_PIXELS = ['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND'];
/** Added to the limit of packed pixels, which is twice four numbers of 16 bits for each pixel. */
const PACKING_BYTES = 65_536;

/**
 * Reads a file's header, and how a camera was held. Width and height are of the stored pixels.
 * @throws Error  Says in a few words why it is no PNG.
 */
export function parsePngHeader(bytes: Uint8Array) {
  if (bytes.length === 0) {
    throw new Error('is empty');
  }
  if (!hasPngSignature(bytes)) {
    throw new Error('is no PNG, whatever its name says');
  }
  if (bytes.length < PNG_HEADER_BYTES) {
    throw new Error('is truncated');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    width: view.getUint32(16),
    height: view.getUint32(20),
    depth: view.getUint8(24),
    colourType: view.getUint8(25),
    isInterlaced: view.getUint8(28) !== 0,
    orientation: readOrientation(findChunks(bytes, 'eXIf')[0] ?? new Uint8Array()),
  };
}

type PngHeader = ReturnType<typeof parsePngHeader>;

/** Returns the data of all chunks of a type, in the order of the file. */
export function findChunks(bytes: Uint8Array, type: string): Uint8Array[] {
  const found = listChunks(bytes).filter((chunk) => chunk.type === type);
  return found.map(({ data }) => data);
}

const WHITE = [255, 255, 255];

/** Decodes a whole PNG file, as `openPngPicture` does, over a background. */
export function decodePngPicture(bytes: Uint8Array, background: readonly number[] = WHITE): Pixels {
  return openPngPicture(bytes)(background);
}

/**
 * Decodes a whole PNG file, to be shown as [height, width, 3], upright, over backgrounds of red,
 * green and blue. 16 bits are rounded to 8. Gamma and colour profiles are ignored, as in most tools
 * for machine learning.
 * @throws Error  When it cannot be decoded; the message says why. So does the returned function.
 */
export function openPngPicture(bytes: Uint8Array): (background: readonly number[]) => Pixels {
  const header = parsePngHeader(bytes);
  const { depth, isInterlaced, orientation } = header;
  if (isInterlaced && depth < 8) {
    // fast-png takes each pixel of an interlaced pass for a byte.
    throw new Error(`is interlaced with ${depth} bits a pixel: save it without interlacing`);
  }
  // Without metadata: fast-png would inflate a colour profile to a thousand times its size.
  const chunks = listChunks(bytes).filter(({ type }) => OF_PIXELS.includes(type));
  const packed = chunks.reduce(
    (sum, { type, data }) => (type === 'IDAT' ? sum + data.length : sum),
    0,
  );
  if (packed > header.width * header.height * 16 + PACKING_BYTES) {
    throw new Error('holds more pixels than its header says');
  }
  let png: DecodedPng;
  try {
    const kept = concatBytes(bytes.subarray(0, 8), ...chunks.map((chunk) => chunk.bytes));
    png = decode(kept, { checkCrc: true });
  } catch (cause) {
    const { cause: inner } = cause as Error;
    const { message } = (inner ?? cause) as Error;
    const why = (inner ?? cause) instanceof RangeError ? 'it is truncated' : message;
    throw new Error(`cannot be decoded (${why})`, { cause });
  }
  return (background) => orient(showOver(png, header, background), orientation);
}

/** Shows decoded pixels over a background. @throws Error  When pixels are missing. */
function showOver(
  { width, height, channels, data, palette, transparency }: DecodedPng,
  { colourType, depth }: PngHeader,
  background: readonly number[],
): Pixels {
  if (depth === 8 && colourType === RGB && transparency === undefined) {
    return { width, height, pixels: new Uint8Array(data) };
  }
  const max = 2 ** depth - 1;
  const rowLength = Math.ceil((width * channels * Math.min(depth, 8)) / 8);
  /** Reads number `i` of a row, 0..max. Fewer than 8 bits are packed, the highest first. */
  const read = (y: number, i: number): number => {
    const value = data[y * rowLength + (depth < 8 ? (i * depth) >> 3 : i)];
    if (value === undefined) {
      throw new Error('is truncated');
    }
    return depth < 8 ? (value >> (8 - depth - ((i * depth) & 7))) & max : value;
  };
  const rgb = new Uint8Array(width * height * 3);
  const put = (pixel: number, colour: readonly number[], alpha: number, scale: number): void => {
    for (let c = 0; c < 3; c++) {
      const value = (colour[c] ?? (colour[0] as number)) / scale;
      const paper = (background[c] as number) / 255;
      rgb[pixel * 3 + c] = Math.round((value * alpha + paper - paper * alpha) * 255);
    }
  };
  const colours = channels < 3 ? 1 : 3;
  const step = colours === 1 ? 0 : 1; // From red to green; grey is all three.
  /** An opaque pixel needs no arithmetic: what canvases and scanners save. */
  const isPlain = depth === 8 && transparency === undefined;
  const colour: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pixel = y * width + x;
      if (colourType === INDEXED) {
        const entry = palette?.[read(y, x)];
        if (entry === undefined) {
          throw new Error('has a pixel beyond its palette');
        }
        put(pixel, entry, (entry[3] ?? 255) / 255, 255);
        continue;
      }
      const first = pixel * channels;
      const isOpaque = channels === colours || data[first + colours] === 255;
      if (isPlain && isOpaque && first + channels <= data.length) {
        rgb[pixel * 3] = data[first] as number;
        rgb[pixel * 3 + 1] = data[first + step] as number;
        rgb[pixel * 3 + 2] = data[first + 2 * step] as number;
        continue;
      }
      const alpha = channels > colours ? read(y, x * channels + colours) / max : 1;
      if (alpha === 0) {
        // Canvases and scans have many such pixels, and they need no arithmetic either.
        rgb[pixel * 3] = background[0] as number;
        rgb[pixel * 3 + 1] = background[1] as number;
        rgb[pixel * 3 + 2] = background[2] as number;
        continue;
      }
      for (let c = 0; c < colours; c++) {
        colour[c] = read(y, x * channels + c);
      }
      const isKey =
        transparency?.length === colours && colour.every((value, c) => value === transparency[c]);
      put(pixel, colour, isKey ? 0 : alpha, max);
    }
  }
  return { width, height, pixels: rgb };
}
