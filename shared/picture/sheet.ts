/** Lays samples out as one picture and encodes it as PNG, with the same bytes on every host. */
import type { Colour } from './colour.ts';
import { fillPaper, findOwnColours, isEqual, mixLevels, type SheetColours } from './paper.ts';
import { replaceBytes } from './pixels.ts';
import type { Picture, PngEncoder } from './png.ts';
import type { Samples } from '../model/sampler.ts';
import { locateSample, measureSheet, type SheetLayout } from './sheet-layout.ts';

/** Lays samples out row by row. Gaps, margins and the rest of the last row are paper. */
export function buildSheet(samples: Samples, layout: SheetLayout): Picture {
  const { height: h, width: w, channels, paper } = samples;
  const { scale } = layout;
  const smooth = layout.smooth === true && scale > 1;
  const { width, height } = measureSheet(samples, samples.count, layout);
  const pixels = fillPaper(width * height, channels, paper);
  const size = h * w * channels;
  const rowBytes = width * channels;
  const lineBytes = w * scale * channels;
  const enlarge = smooth ? enlargePixels : repeatPixels;
  for (let i = 0; i < samples.count; i++) {
    const { left, top } = locateSample(samples, i, layout);
    const to = top * rowBytes + left * channels;
    const sample = samples.pixels.subarray(i * size, (i + 1) * size);
    const large = scale === 1 ? sample : enlarge(sample, h, w, channels, scale);
    for (let y = 0; y < h * scale; y++) {
      pixels.set(large.subarray(y * lineBytes, (y + 1) * lineBytes), to + y * rowBytes);
    }
  }
  return { width, height, channels, pixels, paper, smooth, squares: smooth ? 1 : scale };
}

/** Encodes a picture as PNG. @param colours  For a grey picture; default its own. */
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
  return pictures.map((picture) => {
    const pixels = levels ? replaceBytes(picture.pixels, levels) : picture.pixels;
    return png({ ...picture, pixels, ...palette });
  });
}

/**
 * Maps grey levels to grey levels for grey colours, else to a palette of the used levels.
 * @returns  `levels` maps each grey level to a byte of the file; absent when levels stay.
 */
function choosePaint(
  pictures: readonly Picture[],
  { bg, fg }: SheetColours,
): { levels?: Uint8Array; palette?: readonly Colour[] } {
  const paper = pictures[0]?.paper;
  const own = findOwnColours(paper);
  if (isEqual(bg, own.bg) && isEqual(fg, own.fg)) {
    return {};
  }
  const mixed = mixLevels({ bg, fg }, paper);
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

/** Numbers for the four source pixels of one output pixel. */
type Taps = readonly [number, number, number, number];

/**
 * Enlarges a picture smoothly by cubic convolution (Keys 1981, a = -1/2), one axis after the other.
 * Pixels beyond the border equal the outermost ones. Pure: it uses IEEE doubles only, so its bytes
 * are the same on every platform.
 * @param pixels  Row-major [height, width, channels].
 * @param scale   A whole number >= 1.
 * @returns       Row-major [height * scale, width * scale, channels].
 */
export function enlargePixels(
  pixels: Uint8Array,
  height: number,
  width: number,
  channels: number,
  scale: number,
): Uint8Array {
  const weights = computeWeights(scale);
  const across = width * scale * channels;
  const wide = new Float64Array(height * across);
  for (let x = 0; x < width * scale; x++) {
    const [a, b, c, d] = findSources(x, scale, width, channels);
    const [wa, wb, wc, wd] = weights[x % scale] as Taps;
    for (let y = 0; y < height; y++) {
      for (let channel = 0; channel < channels; channel++) {
        const from = y * width * channels + channel;
        wide[y * across + x * channels + channel] =
          (pixels[from + a] as number) * wa +
          (pixels[from + b] as number) * wb +
          (pixels[from + c] as number) * wc +
          (pixels[from + d] as number) * wd;
      }
    }
  }
  const out = new Uint8Array(wide.length * scale);
  for (let y = 0; y < height * scale; y++) {
    const [a, b, c, d] = findSources(y, scale, height, across);
    const [wa, wb, wc, wd] = weights[y % scale] as Taps;
    for (let i = 0; i < across; i++) {
      const sum =
        (wide[a + i] as number) * wa +
        (wide[b + i] as number) * wb +
        (wide[c + i] as number) * wc +
        (wide[d + i] as number) * wd;
      const value = Math.floor(sum + 0.5);
      out[y * across + i] = value < 0 ? 0 : value > 255 ? 255 : value;
    }
  }
  return out;
}

/**
 * Finds the sources of an output pixel on an axis of `length` source pixels.
 * @returns  Their offsets, `stride` for each pixel.
 */
function findSources(at: number, scale: number, length: number, stride: number): Taps {
  // The output pixel's centre lies between two source centres. The first tap precedes both.
  const first = Math.floor((at + 0.5) / scale - 0.5) - 1;
  const locate = (tap: number) => Math.min(Math.max(first + tap, 0), length - 1) * stride;
  return [locate(0), locate(1), locate(2), locate(3)];
}

/** Turns each pixel into a square. Parameters and result as in `enlargePixels`. */
function repeatPixels(
  pixels: Uint8Array,
  height: number,
  width: number,
  channels: number,
  scale: number,
): Uint8Array {
  const lineBytes = width * scale * channels;
  const out = new Uint8Array(height * scale * lineBytes);
  for (let y = 0; y < height; y++) {
    const to = y * scale * lineBytes;
    let at = to;
    for (let x = 0; x < width; x++) {
      for (let copy = 0; copy < scale; copy++) {
        for (let c = 0; c < channels; c++) {
          out[at++] = pixels[(y * width + x) * channels + c] as number;
        }
      }
    }
    for (let copy = 1; copy < scale; copy++) {
      out.copyWithin(to + copy * lineBytes, to, to + lineBytes);
    }
  }
  return out;
}

/** Computes the weights by the output pixel's position in a source pixel. */
function computeWeights(scale: number): Taps[] {
  return Array.from({ length: scale }, (_, phase): Taps => {
    const at = (phase + 0.5) / scale - 0.5;
    const t = at - Math.floor(at);
    return [
      ((-0.5 * t + 1) * t - 0.5) * t,
      (1.5 * t - 2.5) * t * t + 1,
      ((-1.5 * t + 2) * t + 0.5) * t,
      (0.5 * t - 0.5) * t * t,
    ];
  });
}
