/** Joins frames to an APNG (PNG, third edition, 11.3.6). Ours: upng-js encodes frames anew. */
import { concatBytes } from '@noble/hashes/utils.js';
import {
  encodeChunk,
  encodeNumbers,
  listChunks,
  SIGNATURE,
  type Chunk,
  type Picture,
  type PngEncoder,
} from '../../shared/picture/png.ts';
import type { SheetColours } from '../../shared/picture/paper.ts';
import { encodePngs } from '../../shared/picture/sheet.ts';
import { cutOut, findBox, FIRST_PIXEL, type Box } from '../../shared/box.ts';

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
  const files = pngs.map(listChunks);
  const ofFirst = (...types: readonly string[]): Uint8Array[] =>
    (files[0] as Chunk[]).filter(({ type }) => types.includes(type)).map(({ bytes }) => bytes);
  const control = encodeChunk('acTL', encodeNumbers(pngs.length, 0));
  const parts = [SIGNATURE, ...ofFirst('IHDR'), control, ...ofFirst('PLTE', 'tRNS')];
  let sequence = 0;
  for (const [i, chunks] of files.entries()) {
    parts.push(encodeFrameControl(sequence++, boxes[i] as Box, delaysMs[i] as number));
    for (const { bytes, data } of chunks.filter(({ type }) => type === 'IDAT')) {
      parts.push(i === 0 ? bytes : encodeChunk('fdAT', encodeNumbers(sequence++), data));
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
