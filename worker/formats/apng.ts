/**
 * Frames joined to one animated PNG (W3C, Portable Network Graphics, third edition, sections 4.9 and 11.3.6).
 */
import { concatBytes } from '@noble/hashes/utils.js';
import crc32 from 'crc-32';

const SIGNATURE_BYTES = 8;
/** Of a chunk: length, type and checksum. */
const FRAME_BYTES = 12;

/**
 * Joins PNG files. Who cannot animate them shows the first.
 *
 * @param pngs      At least one, all with the same header and palette.
 * @param delaysMs  How long each stands, 0..65535.
 * @returns         Plays for ever.
 */
export function joinPngs(
  pngs: readonly Uint8Array[],
  delaysMs: readonly number[],
): Uint8Array<ArrayBuffer> {
  const first = pngs[0] as Uint8Array;
  const chunks = listChunks(first);
  const header = chunks.find(({ type }) => type === 'IHDR')?.content as Uint8Array;
  const headerEnd = SIGNATURE_BYTES + header.length + FRAME_BYTES;
  const dataStart = chunks.find(({ type }) => type === 'IDAT')?.start as number;
  const parts = [
    first.subarray(0, headerEnd),
    writeChunk('acTL', writeNumbers(pngs.length, 0)),
    first.subarray(headerEnd, dataStart),
  ];
  let sequence = 0;
  for (const [i, png] of pngs.entries()) {
    parts.push(writeChunk('fcTL', writeFrameControl(sequence++, header, delaysMs[i] as number)));
    for (const { type, content, start } of listChunks(png)) {
      if (type === 'IDAT') {
        parts.push(
          i === 0
            ? png.subarray(start, start + content.length + FRAME_BYTES)
            : writeChunk('fdAT', concatBytes(writeNumbers(sequence++), content)),
        );
      }
    }
  }
  parts.push(writeChunk('IEND', new Uint8Array()));
  return concatBytes(...parts) as Uint8Array<ArrayBuffer>;
}

/** The whole picture, in place of what was there. @param header  IHDR, which begins with width and height. */
function writeFrameControl(sequence: number, header: Uint8Array, delayMs: number): Uint8Array {
  const delay = new Uint8Array(6); // Numerator and denominator, then dispose and blend: 0, none and source.
  const view = new DataView(delay.buffer);
  view.setUint16(0, delayMs);
  view.setUint16(2, 1000);
  return concatBytes(writeNumbers(sequence), header.subarray(0, 8), writeNumbers(0, 0), delay);
}

interface Chunk {
  readonly type: string;
  readonly content: Uint8Array;
  /** Where it begins in the file. */
  readonly start: number;
}

function listChunks(png: Uint8Array): Chunk[] {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const chunks: Chunk[] = [];
  for (let start = SIGNATURE_BYTES; start < png.length;) {
    const length = view.getUint32(start);
    const type = String.fromCharCode(...png.subarray(start + 4, start + 8));
    chunks.push({ type, content: png.subarray(start + 8, start + 8 + length), start });
    start += length + FRAME_BYTES;
  }
  return chunks;
}

function writeChunk(type: string, content: Uint8Array): Uint8Array {
  const body = concatBytes(new TextEncoder().encode(type), content);
  return concatBytes(writeNumbers(content.length), body, writeNumbers(crc32.buf(body)));
}

/** 32 bits each, the highest first. */
function writeNumbers(...numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * numbers.length);
  const view = new DataView(bytes.buffer);
  numbers.forEach((number, i) => view.setInt32(4 * i, number));
  return bytes;
}
