/**
 * Lays samples out as one picture and encodes it as PNG: the same bytes offline and at the edge. Pure.
 */
import { encode } from 'fast-png';
import type { Samples } from './sampler.ts';

/** How a sheet is laid out. */
export interface SheetLayout {
  /** Samples a row, >= 1. */
  readonly cols: number;
  /** Side of the square, in pixels, that each of a sample's pixels becomes; >= 1. */
  readonly scale: number;
}

/** An 8-bit picture. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
  /** Row-major [height, width, channels]. */
  readonly pixels: Uint8Array;
}

/** Columns for `count` samples when none are asked for: the smallest square that holds them. */
export function chooseCols(count: number): number {
  return Math.ceil(Math.sqrt(count));
}

/** Size in pixels of the sheet that {@link buildSheet} would make. */
export function measureSheet(
  sample: { height: number; width: number },
  count: number,
  layout: SheetLayout,
): { width: number; height: number } {
  const rows = Math.ceil(count / layout.cols);
  return { width: Math.min(layout.cols, count) * sample.width * layout.scale, height: rows * sample.height * layout.scale };
}

/** Lays samples out row by row; places left over in the last row stay paper (0). */
export function buildSheet(samples: Samples, layout: SheetLayout): Picture {
  const { height: h, width: w, channels } = samples;
  const { cols, scale } = layout;
  const { width, height } = measureSheet(samples, samples.count, layout);
  const pixels = new Uint8Array(width * height * channels);
  const rowBytes = width * channels;
  for (let i = 0; i < samples.count; i++) {
    const left = (i % cols) * w * scale * channels;
    const top = Math.floor(i / cols) * h * scale;
    for (let y = 0; y < h; y++) {
      const from = (i * h + y) * w * channels;
      const to = (top + y * scale) * rowBytes + left;
      for (let x = 0; x < w * scale; x++) {
        const source = from + Math.floor(x / scale) * channels;
        for (let c = 0; c < channels; c++) {
          pixels[to + x * channels + c] = samples.pixels[source + c] as number;
        }
      }
      for (let copy = 1; copy < scale; copy++) {
        pixels.copyWithin(to + copy * rowBytes, to, to + w * scale * channels);
      }
    }
  }
  return { width, height, channels, pixels };
}

/** Least effort: of digits it makes PNGs about as small as the library's own 3 does, in half the time. */
const ZLIB_LEVEL = 1;

/** Encodes a picture as PNG, 8 bits a channel. */
export function encodePng({ width, height, channels, pixels }: Picture): Uint8Array<ArrayBuffer> {
  const bytes = encode({ width, height, channels: channels as 1 | 3, depth: 8, data: pixels }, { zlib: { level: ZLIB_LEVEL } });
  return bytes as Uint8Array<ArrayBuffer>; // The library allocates it so, and types it more loosely.
}
