/** Joins frames to an APNG (PNG, third edition, 11.3.6). Ours: upng-js encodes frames anew. */
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import crc32 from 'crc-32';
import type { Picture, PngEncoder } from '../../shared/picture/png.ts';
import type { SheetColours } from '../../shared/picture/paper.ts';
import { encodePngs } from '../../shared/picture/sheet.ts';
import { cutOut, findBox, FIRST_PIXEL, type Box } from '../../shared/box.ts';

const SIGNATURE_BYTES = 8;
/** Bytes of a chunk beside its content: length, type and checksum. */
const FRAME_BYTES = 12;

/** Encodes pictures of one size as an endless animation. Delays are 0..65535 ms. */
export function encodeApng(
  png: PngEncoder,
  pictures: readonly Picture[],
  colours: SheetColours,
  delaysMs: readonly number[],
): Uint8Array<ArrayBuffer> {
  const boxes = pictures.map((picture, i) => findChange(pictures[i - 1], picture));
  const frames = pictures.map((picture, i) => {
    const { width, height, ...box } = boxes[i] as Box;
    const { channels, pixels, width: across } = picture;
    const cut = cutOut(pixels, across, channels, { ...box, width, height });
    return { ...picture, width, height, pixels: cut };
  });
  return joinPngs(encodePngs(png, frames, colours), boxes, delaysMs);
}

/** Finds where a picture differs from the one before it; the first is new as a whole. */
function findChange(
  before: Picture | undefined,
  { width, height, channels, pixels }: Picture,
): Box {
  if (before === undefined) {
    return { left: 0, top: 0, width, height };
  }
  const { pixels: old } = before;
  const box = findBox(width * channels, height, (at) => old[at] !== pixels[at]);
  if (box === undefined) {
    return FIRST_PIXEL;
  }
  const left = Math.floor(box.left / channels);
  const right = Math.ceil((box.left + box.width) / channels);
  return { ...box, left, width: right - left };
}

/** Joins PNGs with one palette. Each replaces its box of the picture. */
function joinPngs(
  pngs: readonly Uint8Array[],
  boxes: readonly Box[],
  delaysMs: readonly number[],
): Uint8Array<ArrayBuffer> {
  const first = pngs[0] as Uint8Array;
  const chunks = listChunks(first);
  const header = chunks.find(({ type }) => type === 'IHDR')?.content as Uint8Array;
  const headerEnd = SIGNATURE_BYTES + header.length + FRAME_BYTES;
  const dataStart = chunks.find(({ type }) => type === 'IDAT')?.start as number;
  const parts = [
    first.subarray(0, headerEnd),
    encodeChunk('acTL', encodeNumbers(pngs.length, 0)),
    first.subarray(headerEnd, dataStart),
  ];
  let sequence = 0;
  for (const [i, png] of pngs.entries()) {
    parts.push(encodeFrameControl(sequence++, boxes[i] as Box, delaysMs[i] as number));
    for (const { type, content, start } of listChunks(png)) {
      if (type === 'IDAT' && i === 0) {
        parts.push(png.subarray(start, start + content.length + FRAME_BYTES));
      } else if (type === 'IDAT') {
        parts.push(encodeChunk('fdAT', encodeNumbers(sequence++), content));
      }
    }
  }
  parts.push(encodeChunk('IEND'));
  return concatBytes(...parts);
}

/** Encodes the control of a frame that replaces its box. */
function encodeFrameControl(
  sequence: number,
  { left, top, width, height }: Box,
  delayMs: number,
): Uint8Array {
  const delay = new Uint8Array(6); // Numerator and denominator; dispose none, blend source: 0.
  const view = new DataView(delay.buffer);
  view.setUint16(0, delayMs);
  view.setUint16(2, 1000);
  return encodeChunk('fcTL', encodeNumbers(sequence, width, height, left, top), delay);
}

/** @returns  `start` is the chunk's offset in the file. */
function listChunks(png: Uint8Array) {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const chunks: { type: string; content: Uint8Array; start: number }[] = [];
  for (let start = SIGNATURE_BYTES; start < png.length;) {
    const length = view.getUint32(start);
    const type = String.fromCharCode(...png.subarray(start + 4, start + 8));
    chunks.push({ type, content: png.subarray(start + 8, start + 8 + length), start });
    start += length + FRAME_BYTES;
  }
  return chunks;
}

function encodeChunk(type: string, ...contents: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(utf8ToBytes(type), ...contents);
  return concatBytes(encodeNumbers(body.length - 4), body, encodeNumbers(crc32.buf(body)));
}

/** Encodes 32-bit numbers, big-endian. */
function encodeNumbers(...numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * numbers.length);
  const view = new DataView(bytes.buffer);
  numbers.forEach((number, i) => view.setInt32(4 * i, number));
  return bytes;
}
