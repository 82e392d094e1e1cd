/**
 * PNG files for tests: common ones written by pngjs, and handmade ones of every kind in the format.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { PNG } from 'pngjs';

/**
 * Writes an opaque picture and makes its folder.
 * @param colour  RGB of the pixel at (x, y).
 */
export async function writePicture(
  path: string,
  width: number,
  height: number,
  colour: (x: number, y: number) => readonly [number, number, number],
): Promise<void> {
  const png = new PNG({ width, height });
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      png.data.set([...colour(x, y), 255], (y * width + x) * 4);
    }
  }
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, PNG.sync.write(png));
}

/** The parts of a PNG. */
export interface RawPng {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  /** 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA. */
  readonly colourType: number;
  /** Content of PLTE and tRNS. */
  readonly palette?: readonly number[];
  readonly transparency?: readonly number[];
  readonly interlace?: 0 | 1;
  /** Bytes of the rows, each after a filter byte. */
  readonly rows: Uint8Array;
}

/** Builds a PNG (W3C, Portable Network Graphics, section 11). */
export function buildRawPng({
  width,
  height,
  depth,
  colourType,
  palette,
  transparency,
  interlace = 0,
  rows,
}: RawPng): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colourType, 0, 0, interlace], 8);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    buildChunk('IHDR', header),
    ...(palette === undefined ? [] : [buildChunk('PLTE', Buffer.from(palette))]),
    ...(transparency === undefined ? [] : [buildChunk('tRNS', Buffer.from(transparency))]),
    buildChunk('IDAT', deflateSync(rows)),
    buildChunk('IEND', Buffer.alloc(0)),
  ]);
}

export function buildChunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}
