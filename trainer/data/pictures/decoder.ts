/**
 * Decodes pictures of any kind and fits them to the networks' square: with sharp, which is loaded
 * on first use. Where sharp cannot be loaded, PNG files and arrays of the right size still work.
 */
import type { Sharp, SharpInput, SharpOptions } from 'sharp';
import { IS_PACKED } from '../../packed.ts';
import { UnusablePicture, type RawPicture } from '../layouts/source.ts';
import { decodeBmp, parseBmpHeader } from './bmp.ts';
import { decodeNetpbm, parseNetpbmHeader } from './netpbm.ts';
import { identifyPicture, identifyStranger, READ_FORMATS, type ReadFormat } from './format.ts';
import { decodePngPicture, parsePngHeader } from '../../../shared/picture/png-picture.ts';

/** Larger pictures are refused before they are decoded: a small file may hold any number. */
const MAX_PIXELS = 100_000_000;
const MAX_SECONDS = 60;
/** Of libvips, the resolution at which it draws an SVG of N units as N pixels. */
const SVG_DENSITY = { usual: 72, max: 100_000 } as const;

export const FITS = ['crop', 'pad', 'stretch'] as const;
export type Fit = (typeof FITS)[number];
const SHARP_FITS = { crop: 'cover', pad: 'contain', stretch: 'fill' } as const;

/** How every picture becomes pixels. A run keeps it, so that it can be resumed. */
export interface Reading {
  /** The square's side in pixels. */
  readonly side: number;
  readonly fit: Fit;
  /** Behind transparent pictures, and beside padded ones: red, green, blue. */
  readonly background: readonly [number, number, number];
  /** Makes everything grey. */
  readonly grey: boolean;
  /** Turns black into white. */
  readonly invert: boolean;
}

export const DEFAULT_READING: Omit<Reading, 'side'> = {
  fit: 'crop',
  background: [255, 255, 255],
  grey: false,
  invert: false,
};

export interface PictureFacts {
  readonly format: ReadFormat | 'array';
  /** In pixels, as seen: turned by the camera's orientation. */
  readonly width: number;
  readonly height: number;
  /** More than 1 for an animation or a document; only the first is read. */
  readonly frames: number;
}

export type PictureDecoder = Awaited<ReturnType<typeof openDecoder>>;

type SharpModule = (input: SharpInput, options: SharpOptions) => Sharp;

/** @param load  Loads sharp; another only in tests. */
export async function openDecoder(load: () => Promise<SharpModule> = loadSharp) {
  let sharp: SharpModule | null = null;
  let fault = '';
  try {
    sharp = await load();
  } catch (error) {
    [fault = ''] = (error as Error).message.trim().split('\n');
  }

  const measure = async (content: Uint8Array | RawPicture): Promise<PictureFacts> => {
    const facts = await readFacts(content, sharp);
    if (facts.width * facts.height > MAX_PIXELS) {
      const most = MAX_PIXELS.toLocaleString('en');
      throw new UnusablePicture(
        `has ${facts.width} x ${facts.height} pixels, at most ${most} allowed`,
      );
    }
    return facts;
  };

  /** @returns  RGB pixels of the square, before `grey` and `invert`. */
  const decode = async (
    content: Uint8Array | RawPicture,
    { side, fit, background }: Reading,
  ): Promise<{ channels: number; pixels: Uint8Array }> => {
    const facts = await measure(content);
    const isFitted = facts.width === side && facts.height === side;
    if (isFitted && 'pixels' in content) {
      return flatten(content, background);
    }
    let failure: unknown;
    if (isFitted && facts.format === 'PNG') {
      // Pictures that need no resizing keep the bytes that they had before sharp was used.
      try {
        const pixels = decodePngPicture(content as Uint8Array, background);
        return { channels: 3, pixels };
      } catch (error) {
        failure = error;
      }
    }
    const raw =
      'pixels' in content
        ? content
        : facts.format === 'BMP'
          ? decodeBmp(content)
          : facts.format === 'PGM or PPM'
            ? decodeNetpbm(content)
            : undefined;
    if (isFitted && raw !== undefined) {
      return raw;
    }
    if (sharp === null) {
      throw new UnusablePicture(
        failure instanceof Error
          ? failure.message
          : `has ${facts.width} x ${facts.height} pixels, expected ${side} x ${side}, and sharp cannot be loaded to resize it`,
      );
    }
    const options: SharpOptions = {
      failOn: 'error',
      limitInputPixels: MAX_PIXELS,
      autoOrient: true,
      ...(facts.format === 'SVG' && { density: chooseDensity(facts, side) }),
      ...(raw !== undefined && {
        raw: { width: raw.width, height: raw.height, channels: raw.channels as 1 | 3 | 4 },
      }),
    };
    const [r, g, b] = background;
    try {
      const { data, info } = await sharp(raw?.pixels ?? (content as Uint8Array), options)
        .timeout({ seconds: MAX_SECONDS })
        .flatten({ background: { r, g, b } })
        .resize(side, side, { fit: SHARP_FITS[fit], background: { r, g, b } })
        .toColourspace('srgb')
        .raw({ depth: 'uchar' })
        .toBuffer({ resolveWithObject: true });
      return flatten({ ...info, pixels: data }, background);
    } catch (cause) {
      const { message } = failure instanceof Error ? failure : (cause as Error);
      throw failure instanceof Error
        ? new UnusablePicture(message, { cause })
        : toUnusable(cause as Error);
    }
  };

  return {
    /** Why sharp cannot be used; empty when it can. */
    fault,
    measure,
    /**
     * Decodes a picture or takes pixels, fits them, and makes them grey and inverted if wanted.
     * @param channels  1 or 3 numbers a pixel, in the result.
     * @throws UnusablePicture
     */
    async decode(content: Uint8Array | RawPicture, reading: Reading, channels: number) {
      const decoded = await decode(content, reading);
      const pixels = convertChannels(decoded, channels, reading.grey);
      return reading.invert ? pixels.map((value) => 255 - value) : pixels;
    },
  };
}

async function loadSharp(): Promise<SharpModule> {
  const { default: sharp } = await import('sharp');
  sharp.cache(false); // No file is read twice.
  return sharp;
}

async function readFacts(
  content: Uint8Array | RawPicture,
  sharp: SharpModule | null,
): Promise<PictureFacts> {
  if ('pixels' in content) {
    return { format: 'array', width: content.width, height: content.height, frames: 1 };
  }
  if (content.length === 0) {
    throw new UnusablePicture('is empty');
  }
  const format = identifyPicture(content);
  const readable = READ_FORMATS.find((name) => name === format);
  if (readable === undefined) {
    throw new UnusablePicture(
      format === null
        ? (identifyStranger(content) ?? 'is no picture')
        : `is of the format ${format}: save it as PNG or JPEG`,
    );
  }
  if (readable === 'BMP') {
    return { format: readable, frames: 1, ...pickSize(parseBmpHeader(content)) };
  }
  if (readable === 'PGM or PPM') {
    return { format: readable, frames: 1, ...pickSize(parseNetpbmHeader(content)) };
  }
  if (readable === 'PNG') {
    try {
      return { format: readable, frames: 1, ...pickSize(parsePngHeader(content)) };
    } catch (error) {
      throw new UnusablePicture((error as Error).message);
    }
  }
  if (sharp === null) {
    throw new UnusablePicture(`is ${readable}, which needs sharp, and sharp cannot be loaded`);
  }
  try {
    const metadata = await sharp(content, { failOn: 'error', limitInputPixels: false }).metadata();
    const { autoOrient, pages = 1, depth } = metadata;
    if (!/^u(?:char|short)$/.test(depth)) {
      throw new UnusablePicture(`holds numbers of the type ${depth}: save it with 8 or 16 bits`);
    }
    return { format: readable, frames: pages, ...pickSize(autoOrient) };
  } catch (cause) {
    if (cause instanceof UnusablePicture) {
      throw cause;
    }
    throw /unsupported image format/.test((cause as Error).message)
      ? new UnusablePicture(`is ${readable} of a kind that is not read: save it as PNG or JPEG`)
      : toUnusable(cause as Error);
  }
}

function pickSize({ width, height }: { readonly width: number; readonly height: number }) {
  return { width, height };
}

/** The resolution at which an SVG has at least the square's pixels. @throws UnusablePicture */
function chooseDensity({ width, height }: PictureFacts, side: number): number {
  const density = Math.ceil(SVG_DENSITY.usual * Math.max(1, side / Math.min(width, height)));
  const scale = density / SVG_DENSITY.usual;
  if (density > SVG_DENSITY.max || width * height * scale * scale > MAX_PIXELS) {
    throw new UnusablePicture(`has ${width} x ${height} units: too narrow`);
  }
  return density;
}

/** Says in one line what libvips says in several. */
function toUnusable(cause: Error): UnusablePicture {
  const lines = cause.message.split('\n').map((line) => line.trim());
  const text = lines.find((line) => line !== '' && !/failOn setting/.test(line)) ?? 'unknown error';
  const short = text.replace(/^Input (?:buffer|file) has corrupt header: /, '');
  return new UnusablePicture(`cannot be decoded (${short})`, { cause });
}

/** Puts pixels with an opacity over the background. */
function flatten({ channels, pixels }: RawPicture, background: Reading['background']) {
  if (channels !== 2 && channels !== 4) {
    return { channels, pixels };
  }
  const colours = channels - 1;
  const flat = new Uint8Array((pixels.length / channels) * colours);
  for (let i = 0; i < flat.length; i++) {
    const [pixel, colour] = [Math.floor(i / colours), i % colours];
    const alpha = (pixels[pixel * channels + colours] as number) / 255;
    const paper = background[colour] as number;
    flat[i] = Math.round(
      (pixels[pixel * channels + colour] as number) * alpha + paper * (1 - alpha),
    );
  }
  return { channels: colours, pixels: flat };
}

/** Makes 1 of 3 numbers a pixel by their brightness (ITU-R BT.601), or 3 of 1. */
function convertChannels(
  { channels, pixels }: { readonly channels: number; readonly pixels: Uint8Array },
  wanted: number,
  grey: boolean,
): Uint8Array {
  if (channels === wanted && !(grey && channels === 3)) {
    return pixels;
  }
  const converted = new Uint8Array((pixels.length / channels) * wanted);
  for (let i = 0; i < converted.length; i++) {
    const first = Math.floor(i / wanted) * channels;
    const [r = 0, g = 0, b = 0] = pixels.subarray(first, first + channels);
    converted[i] = channels === 1 ? r : Math.round(0.299 * r + 0.587 * g + 0.114 * b);
  }
  return converted;
}

/** Says what works without sharp; empty when it is there. */
export function describeMissingSharp({ fault }: Pick<PictureDecoder, 'fault'>): string {
  const advice = IS_PACKED ? 'this bundle has none' : 'npm ci installs it';
  return fault === ''
    ? ''
    : `sharp cannot be loaded (${fault}; ${advice}): only PNG files and arrays of one size that fits are read`;
}
