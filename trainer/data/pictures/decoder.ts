/**
 * Decodes pictures of any kind and fits them to the networks' square: with sharp, which is loaded
 * on first use. Where sharp cannot be loaded, PNG files and arrays of the right size still work.
 */
import type { Sharp, SharpInput, SharpOptions } from 'sharp';
import { IS_PACKED } from '../../packed.ts';
import { UnusablePicture, type RawPicture } from '../layouts/source.ts';
import { decodeBmp, parseBmpHeader } from './bmp.ts';
import { decodeNetpbm, parseNetpbmHeader, readNetpbm } from './netpbm.ts';
import { identifyPicture, identifyStranger, READ_FORMATS, type ReadFormat } from './format.ts';
import { encodePixels, type PixelRange } from '../../../shared/picture/pixels.ts';
import { isOnItsSide } from '../../../shared/orientation.ts';
import {
  decodePngPicture,
  findChunks,
  parsePngHeader,
} from '../../../shared/picture/png-picture.ts';

/** Larger pictures are refused before they are decoded: a small file may hold any number. */
const MAX_PIXELS = 100_000_000;
const MAX_SECONDS = 60;
/** The resolution at which libvips draws an SVG of N units as N pixels, and its largest one. */
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
  /** Black and white of pictures of 16 bits; absent: 0 and 65535. */
  readonly range?: PixelRange;
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
  /** The largest number of a grey or RGB picture of 16 bits, of which cameras use 10 to 14. */
  readonly largest?: number;
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

  const check = async (content: Uint8Array | RawPicture): Promise<ContentFacts> => {
    const facts = await readFacts(content, sharp);
    if (facts.width * facts.height > MAX_PIXELS) {
      const most = MAX_PIXELS.toLocaleString('en');
      throw new UnusablePicture(
        `has ${facts.width} x ${facts.height} pixels, at most ${most} allowed`,
      );
    }
    return facts;
  };

  /** Reads grey or RGB pixels of 16 bits; null for other pictures, and without sharp. */
  const readDeep = async (content: Uint8Array | RawPicture, { format, isDeep }: ContentFacts) => {
    if ('pixels' in content) {
      const { width, height, deep } = content;
      return deep === undefined ? null : { ...deep, width, height };
    }
    if (isDeep !== true) {
      return null;
    }
    return format === 'PGM or PPM'
      ? readNetpbm(content)
      : sharp && (await readWords(content, sharp));
  };

  let before: Promise<unknown> = Promise.resolve();
  const measure = async (content: Uint8Array | RawPicture): Promise<PictureFacts> => {
    const facts = await check(content);
    // One after the other: the numbers of a scan take half a gigabyte.
    const reading = before.then(() => readDeep(content, facts));
    before = reading.catch(() => null);
    const deep = await reading;
    const largest = deep?.values.reduce((a, b) => Math.max(a, b), 0);
    return largest === undefined ? facts : { ...facts, largest };
  };

  /** @returns  RGB pixels of the square, before `grey` and `invert`. */
  const decode = async (
    content: Uint8Array | RawPicture,
    reading: Reading,
  ): Promise<{ channels: number; pixels: Uint8Array }> => {
    const { side, fit, background, range } = reading;
    const facts = await check(content);
    const deep = range === undefined ? null : await readDeep(content, facts);
    if (range !== undefined && deep !== null) {
      return await decode({ ...deep, pixels: encodePixels(deep.values, range) }, reading);
    }
    const isFitted = facts.width === side && facts.height === side;
    if (isFitted && 'pixels' in content) {
      return flatten(content, background);
    }
    let failure: UnusablePicture | undefined;
    if (isFitted && facts.format === 'PNG') {
      // Pictures that need no resizing keep the bytes that they had before sharp was used.
      try {
        const { pixels } = decodePngPicture(content as Uint8Array, background);
        return { channels: 3, pixels };
      } catch (error) {
        failure = new UnusablePicture((error as Error).message, { cause: error });
      }
    }
    const raw = 'pixels' in content ? content : decodeRaw(content, facts);
    if (isFitted && raw !== undefined) {
      return raw;
    }
    if (sharp === null) {
      const size = `has ${facts.width} x ${facts.height} pixels, expected ${side} x ${side}`;
      throw failure ?? new UnusablePicture(`${size}, and sharp cannot be loaded to resize it`);
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
    const picture = sharp(raw?.pixels ?? (content as Uint8Array), options);
    if (r !== g || g !== b || facts.isProfiled) {
      // Else a grey picture gets the background's red alone, and 16 bits the colours of Display P3.
      picture.pipelineColourspace('srgb');
    }
    const fitted = picture
      .flatten({ background: { r, g, b } })
      .resize(side, side, { fit: SHARP_FITS[fit], background: { r, g, b } })
      .toColourspace('srgb');
    const drawn = await render(fitted, 'uchar').catch((cause: unknown) => {
      throw failure ?? cause;
    });
    return flatten(drawn, background);
  };

  return {
    /** Why sharp cannot be used; empty when it can. */
    fault,
    measure,
    /** Decodes a sheet in its own size, RGB or with opacity. @throws UnusablePicture */
    async decodeWhole(content: Uint8Array | RawPicture): Promise<RawPicture> {
      const facts = await check(content);
      if ('pixels' in content) {
        return content;
      }
      const deep = await readDeep(content, facts);
      const rest = deep && { deep };
      const raw = decodeRaw(content, facts);
      if (raw !== undefined) {
        return { ...raw, ...rest };
      }
      if (sharp === null) {
        throw new UnusablePicture('is a sheet, and sharp cannot be loaded to cut it');
      }
      const picture = sharp(content, { failOn: 'error', autoOrient: true });
      if (facts.isProfiled) {
        picture.pipelineColourspace('srgb');
      }
      return { ...(await render(picture.toColourspace('srgb'), 'uchar')), ...rest };
    },
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

/** Decodes what sharp does not read. */
function decodeRaw(content: Uint8Array, { format }: ContentFacts): RawPicture | undefined {
  return format === 'BMP'
    ? decodeBmp(content)
    : format === 'PGM or PPM'
      ? decodeNetpbm(content)
      : undefined;
}

async function loadSharp(): Promise<SharpModule> {
  const { default: sharp } = await import('sharp');
  sharp.cache(false); // No file is read twice.
  return sharp;
}

/** `isDeep`: 16 bits a number, grey or RGB, and nothing says how many of them are used. */
type ContentFacts = Omit<PictureFacts, 'largest'> & {
  readonly isDeep?: boolean;
  /** 16 bits a number, with a colour profile. */
  readonly isProfiled?: boolean;
};

/** Decodes PNG or TIFF without a change of its numbers. @throws UnusablePicture */
async function readWords(content: Uint8Array, sharp: SharpModule) {
  const picture = sharp(content, {
    limitInputPixels: MAX_PIXELS,
    autoOrient: true,
    ignoreIcc: true,
  });
  const { channels } = await picture.metadata().catch((cause: Error) => {
    throw toUnusable(cause);
  });
  const space = channels < 3 ? 'grey16' : 'rgb16';
  const { pixels, ...size } = await render(picture.toColourspace(space), 'ushort');
  const words = new Uint16Array(pixels.buffer, pixels.byteOffset, pixels.length / 2);
  return { ...size, values: Int32Array.from(words) };
}

/** Computes the bytes of a picture's numbers. @throws UnusablePicture */
async function render(picture: Sharp, depth: 'uchar' | 'ushort'): Promise<RawPicture> {
  try {
    const { data, info } = await picture
      .timeout({ seconds: MAX_SECONDS })
      .raw({ depth })
      .toBuffer({ resolveWithObject: true });
    return { ...pickSize(info), channels: info.channels, pixels: data };
  } catch (cause) {
    throw toUnusable(cause as Error);
  }
}

async function readFacts(
  content: Uint8Array | RawPicture,
  sharp: SharpModule | null,
): Promise<ContentFacts> {
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
  const describe = (size: Parameters<typeof pickSize>[0], more: Partial<ContentFacts> = {}) => ({
    format: readable,
    frames: 1,
    ...more,
    ...pickSize(size),
  });
  if (readable === 'BMP') {
    return describe(parseBmpHeader(content));
  }
  if (readable === 'PGM or PPM') {
    const header = parseNetpbmHeader(content);
    return describe(header, { isDeep: header.largest === 65_535 });
  }
  if (readable === 'PNG') {
    try {
      const { width, height, ...header } = parsePngHeader(content);
      const isDeep = header.depth === 16 && [0, 2].includes(header.colourType);
      const isProfiled = header.depth === 16 && findChunks(content, 'iCCP').length > 0;
      const size = isOnItsSide(header.orientation)
        ? { width: height, height: width }
        : { width, height };
      return describe(size, { isDeep, isProfiled });
    } catch (error) {
      throw new UnusablePicture((error as Error).message);
    }
  }
  if (sharp === null) {
    throw new UnusablePicture(`is ${readable}, which needs sharp, and sharp cannot be loaded`);
  }
  try {
    const metadata = await sharp(content, { failOn: 'error', limitInputPixels: false }).metadata();
    const { autoOrient, pages = 1, depth, hasAlpha, hasProfile } = metadata;
    if (!/^u(?:char|short)$/.test(depth)) {
      throw new UnusablePicture(`holds numbers of the type ${depth}: save it with 8 or 16 bits`);
    }
    const isDeep = readable === 'TIFF' && depth === 'ushort' && !hasAlpha;
    const isProfiled = depth === 'ushort' && hasProfile;
    return describe(autoOrient, { frames: pages, isDeep, isProfiled });
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
  for (let i = 0, first = 0; first < pixels.length; i += wanted, first += channels) {
    const r = pixels[first] as number;
    const [g, b] = [pixels[first + 1] as number, pixels[first + 2] as number];
    const light = channels === 1 ? r : Math.round(0.299 * r + 0.587 * g + 0.114 * b);
    converted.fill(light, i, i + wanted);
  }
  return converted;
}

/** Describes what works without sharp; empty when sharp is there. */
export function describeMissingSharp({ fault }: Pick<PictureDecoder, 'fault'>): string[] {
  const advice = IS_PACKED ? 'this bundle has none' : 'npm ci installs it';
  const rest = 'only PNG files and arrays of one size that fits are read';
  return fault === '' ? [] : [`sharp cannot be loaded (${fault}; ${advice}): ${rest}`];
}
