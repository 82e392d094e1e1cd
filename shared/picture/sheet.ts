/**
 * Lays samples out as one picture and encodes it as PNG. Pure, with the same bytes offline and at
 * the edge.
 */
import { areEqual, BLACK, mixColours, WHITE, type Colour } from './colour.ts';
import { enlargePixels } from './enlarge.ts';
import type { PngEncoder } from './png.ts';
import type { Samples } from '../model/sampler.ts';
import { locateSample, measureSheet, type SheetLayout } from './sheet-layout.ts';

export { chooseCols, locateSample, measureSheet, type SheetLayout } from './sheet-layout.ts';

/** The colours of a grey picture: `bg` for 0 (paper), `fg` for 255 (ink). */
export interface SheetColours {
  readonly bg: Colour;
  readonly fg: Colour;
}

/** An 8-bit picture. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
  /** Row-major [height, width, channels]. */
  readonly pixels: Uint8Array;
  /** True when the picture was enlarged smoothly. */
  readonly smooth?: boolean;
}

/** Lays samples out row by row. Gaps, margins and the rest of the last row are paper (0). */
export function buildSheet(samples: Samples, layout: SheetLayout): Picture {
  const { height: h, width: w, channels } = samples;
  const { scale, smooth = false } = layout;
  const { width, height } = measureSheet(samples, samples.count, layout);
  const pixels = new Uint8Array(width * height * channels);
  const size = h * w * channels;
  const rowBytes = width * channels;
  for (let i = 0; i < samples.count; i++) {
    const { left, top } = locateSample(samples, i, layout);
    const to = top * rowBytes + left * channels;
    const sample = samples.pixels.subarray(i * size, (i + 1) * size);
    if (smooth && scale > 1) {
      const large = enlargePixels(sample, h, w, channels, scale);
      const lineBytes = w * scale * channels;
      for (let y = 0; y < h * scale; y++) {
        pixels.set(large.subarray(y * lineBytes, (y + 1) * lineBytes), to + y * rowBytes);
      }
    } else {
      copySquares(sample, samples, scale, pixels, to, rowBytes);
    }
  }
  return { width, height, channels, pixels, smooth: smooth && scale > 1 };
}

/** Copies a sample and turns each of its pixels into a square. */
function copySquares(
  sample: Uint8Array,
  { height, width, channels }: Pick<Samples, 'height' | 'width' | 'channels'>,
  scale: number,
  pixels: Uint8Array,
  start: number,
  rowBytes: number,
): void {
  for (let y = 0; y < height; y++) {
    const from = y * width * channels;
    const to = start + y * scale * rowBytes;
    if (scale === 1) {
      pixels.set(sample.subarray(from, from + width * channels), to);
      continue;
    }
    for (let x = 0; x < width * scale; x++) {
      const source = from + Math.floor(x / scale) * channels;
      for (let c = 0; c < channels; c++) {
        pixels[to + x * channels + c] = sample[source + c] as number;
      }
    }
    for (let copy = 1; copy < scale; copy++) {
      pixels.copyWithin(to + copy * rowBytes, to, to + width * scale * channels);
    }
  }
}

/** Encodes a picture as PNG. @param colours  For a grey picture; default white on black. */
export function encodePng(
  png: PngEncoder,
  picture: Picture,
  colours?: SheetColours,
): Uint8Array<ArrayBuffer> {
  return encodePngs(png, [picture], colours)[0] as Uint8Array<ArrayBuffer>;
}

/** Encodes at least one picture, all with the same palette. */
export function encodePngs(
  png: PngEncoder,
  pictures: readonly Picture[],
  colours: SheetColours | undefined,
): Uint8Array<ArrayBuffer>[] {
  const isColoured = colours !== undefined && pictures[0]?.channels === 1;
  const { levels, ...palette } = isColoured ? choosePaint(pictures, colours) : {};
  return pictures.map(({ pixels, ...picture }) => {
    const data = levels === undefined ? pixels : pixels.map((value) => levels[value] as number);
    return png.encode({ ...picture, data, ...palette });
  });
}

interface Paint {
  /** Maps each grey level to a byte of the file; absent when levels stay. */
  readonly levels?: Uint8Array;
  readonly palette?: readonly Colour[];
}

/** Maps grey levels to grey levels for grey colours, else to a palette of the used levels. */
function choosePaint(pictures: readonly Picture[], { bg, fg }: SheetColours): Paint {
  if (areEqual(bg, BLACK) && areEqual(fg, WHITE)) {
    return {};
  }
  const mixed = Array.from({ length: 256 }, (_, value) => mixColours(bg, fg, value));
  const isGrey = ([red, green, blue, alpha]: Colour) =>
    red === green && green === blue && alpha === 255;
  if (isGrey(bg) && isGrey(fg)) {
    return { levels: Uint8Array.from(mixed, ([grey]) => grey) };
  }
  const isUsed = new Uint8Array(256);
  for (const { pixels } of pictures) {
    for (let i = 0; i < pixels.length; i++) {
      isUsed[pixels[i] as number] = 1;
    }
  }
  // Opaque colours come last, because tRNS lists the opacities of the first colours.
  const used = [...isUsed.keys()]
    .filter((value) => isUsed[value] === 1)
    .sort((a, b) => (mixed[a] as Colour)[3] - (mixed[b] as Colour)[3] || a - b);
  const levels = new Uint8Array(256);
  used.forEach((value, index) => {
    levels[value] = index;
  });
  return { levels, palette: used.map((value) => mixed[value] as Colour) };
}
