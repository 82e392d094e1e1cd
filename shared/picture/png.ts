/**
 * Writes PNG files (W3C, Portable Network Graphics, third edition) with `shared/kernels/png.ts`.
 * Integers alone decide every bit, so equal pictures have equal bytes on every host. No platform's
 * own zlib promises that.
 */
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import crc32 from 'crc-32';

/** An instance of png.wasm with memory of its own. `shared/kernels/png.ts` documents it. */
export interface PngKernels {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  /** The first free address. */
  readonly DATA: { readonly value: number };
  crc32(from: number, length: number): number;
  filter(rows: number, rowBytes: number, height: number, channels: number, type: number): void;
  compress(from: number, length: number, stride: number, to: number): number;
}

/** A picture of 8 bits a channel. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** 1 (grey, or indices of the palette) or 3 (RGB). */
  readonly channels: number;
  /** Row-major [height, width, channels]. */
  readonly pixels: Uint8Array;
  /** At most 256 colours: red, green, blue and opacity. Colours that are not opaque come first. */
  readonly palette?: readonly (readonly number[])[];
  /** The paper's byte for each channel; absent for black. */
  readonly paper?: readonly number[] | undefined;
  /** True when neighbouring pixels are similar, as in a photograph. */
  readonly smooth?: boolean;
  /** Side of the squares that the picture consists of; default 1. */
  readonly squares?: number;
}

export type PngEncoder = (picture: Picture) => Uint8Array<ArrayBuffer>;

/** A larger instance is not kept, because its memory never shrinks. */
const KEPT_BYTES = 8 * 1024 * 1024;
const PAGE_BYTES = 65_536;
/** Free bytes behind each array, for reads and writes of several bytes. */
const SLACK = 64;
export const SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
/** Bytes of a chunk before its content (length and type) and after it (checksum). */
const CHUNK = { head: 8, tail: 4 } as const;
const COLOUR_TYPES = { grey: 0, rgb: 2, palette: 3 } as const;

/** @param instantiate  Called for the first picture and after a very large one. */
export function createPngEncoder(instantiate: () => PngKernels): PngEncoder {
  let kept: PngKernels | undefined;
  return (picture) => {
    const kernels = (kept ??= instantiate());
    const file = writeFile(kernels, picture);
    if (kernels.memory.buffer.byteLength > KEPT_BYTES) {
      kept = undefined;
    }
    return file;
  };
}

function writeFile(kernels: PngKernels, picture: Picture): Uint8Array<ArrayBuffer> {
  const { width, height, channels, pixels, palette } = picture;
  const rowBytes = width * channels;
  const size = height * (rowBytes + 1);
  const rows = kernels.DATA.value;
  const start = rows + size + SLACK;
  const room = 2048 + size + 5 * Math.ceil(size / 65_535);
  const missing = start + room + SLACK - kernels.memory.buffer.byteLength;
  if (missing > 0) {
    kernels.memory.grow(Math.ceil(missing / PAGE_BYTES));
  }
  const memory = new Uint8Array(kernels.memory.buffer);
  const view = new DataView(kernels.memory.buffer);

  for (let y = 0; y < height; y++) {
    const row = rows + y * (rowBytes + 1);
    memory[row] = 0; // Filter type "none".
    memory.set(pixels.subarray(y * rowBytes, (y + 1) * rowBytes), row + 1);
  }
  memory.fill(0, rows + size, start); // Bytes of an earlier picture must not change this one.
  const filter = chooseFilter(picture, size);
  if (filter !== 0) {
    kernels.filter(rows, rowBytes, height, channels, filter);
  }

  let end = start;
  memory.set(SIGNATURE, end);
  end += SIGNATURE.length;
  const writeChunk = (type: string, write: (at: number) => number): void => {
    const length = write(end + CHUNK.head);
    view.setUint32(end, length);
    for (let i = 0; i < 4; i++) {
      memory[end + 4 + i] = type.charCodeAt(i);
    }
    view.setUint32(end + CHUNK.head + length, kernels.crc32(end + 4, 4 + length));
    end += CHUNK.head + length + CHUNK.tail;
  };
  const writeBytes = (type: string, bytes: ArrayLike<number>): void =>
    writeChunk(type, (at) => {
      memory.set(bytes, at);
      return bytes.length;
    });

  const direct = channels === 1 ? COLOUR_TYPES.grey : COLOUR_TYPES.rgb;
  const colourType = palette === undefined ? direct : COLOUR_TYPES.palette;
  writeBytes('IHDR', [...encodeNumbers(width, height), 8, colourType, 0, 0, 0]);
  if (palette !== undefined) {
    const colours = palette.flatMap((colour) => colour.slice(0, 3));
    writeBytes('PLTE', colours);
    const opacities = palette.map((colour) => colour[3] ?? 255).filter((value) => value < 255);
    if (opacities.length > 0) {
      writeBytes('tRNS', opacities); // The other colours are opaque.
    }
  }
  writeChunk('IDAT', (at) => kernels.compress(rows, size, rowBytes + 1, at));
  writeBytes('IEND', []);
  return memory.slice(start, end);
}

/** From this number of bytes on, equal rows pack better as rows of zeros than as copies. */
const MANY_BYTES = 200_000;

/**
 * Chooses the filter by which squares pack best. The differences inside of small squares are zero;
 * larger squares are runs without a filter. `npm run bench -- png` compares with zopfli.
 * @returns  The kernel's type; 0 for none.
 */
function chooseFilter({ smooth, squares = 1 }: Picture, bytes: number): number {
  const FILTERS = { none: 0, sub: 1, up: 2, paeth: 4 } as const;
  if (smooth === true) {
    return FILTERS.paeth;
  }
  if (squares === 2 || squares === 3) {
    return FILTERS.sub;
  }
  return squares > 3 && bytes > MANY_BYTES ? FILTERS.up : FILTERS.none;
}

/** A chunk of a file. */
export interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
  /** The whole chunk: length, type, data and checksum. A damaged file may cut it. */
  readonly bytes: Uint8Array;
}

/** Lists a file's chunks up to the picture's end. */
export function listChunks(file: Uint8Array): Chunk[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const around = CHUNK.head + CHUNK.tail;
  const chunks: Chunk[] = [];
  let at = SIGNATURE.length;
  while (at + around <= file.length && chunks.at(-1)?.type !== 'IEND') {
    const end = at + around + view.getUint32(at);
    const bytes = file.subarray(at, end);
    const type = String.fromCharCode(...bytes.subarray(4, CHUNK.head));
    chunks.push({ type, data: bytes.subarray(CHUNK.head, -CHUNK.tail), bytes });
    at = end;
  }
  return chunks;
}

export function encodeChunk(type: string, ...data: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(utf8ToBytes(type), ...data);
  return concatBytes(encodeNumbers(body.length - 4), body, encodeNumbers(crc32.buf(body)));
}

/** Encodes 32-bit numbers, big-endian. */
export function encodeNumbers(...numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * numbers.length);
  const view = new DataView(bytes.buffer);
  numbers.forEach((number, i) => view.setInt32(4 * i, number));
  return bytes;
}
