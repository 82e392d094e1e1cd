/**
 * Digits as an `<img>`: sharp on every screen by `srcset`, with its size and a text for screen
 * readers.
 */
import { multiplyPixels } from '../shared/contract/query.ts';
import { LIMITS } from '../shared/contract/limits.ts';
import { escapeHtml } from '../shared/escape-html.ts';
import { chooseCols, measureSheet, type Size } from '../shared/picture/sheet-layout.ts';
import type { DigitOptions, NumberOptions } from './options.ts';
import { digitUrl, numberUrl } from './url.ts';

export interface ImageOptions {
  /** The text for screen readers; '' for a decorative picture. Default: what it shows. */
  readonly alt?: string | undefined;
  /** Loads the picture when it comes near the viewport. Default true. */
  readonly lazy?: boolean | undefined;
  /**
   * Pixels of one digit of the model, for width and height. Default 28 x 28, as the model that
   * ships.
   */
  readonly sample?: { readonly width: number; readonly height: number } | undefined;
}

/** `scale` decides the size, since an image tells it. */
type Replaced = 'format' | 'width' | 'height';
type Picture = { readonly format?: 'png' | 'svg' | undefined };

/**
 * Digits as an image. `scale`, `gap` and `margin` are in CSS pixels. With `dpr` the picture is
 * drawn for such screens alone, for places without `srcset`.
 */
export type DigitImageOptions = Omit<DigitOptions, Replaced> & Picture & ImageOptions;
/** A number as an image. */
export type NumberImageOptions = Omit<NumberOptions, Replaced> & Picture & ImageOptions;

/** The attributes of an `<img>` by their HTML names. */
export interface ImageAttributes {
  readonly src: string;
  /** For 1, 2 and 3 device pixels for each CSS pixel; absent with `dpr` and for SVG. */
  readonly srcset?: string;
  /** CSS pixels. The width of a number is unknown until it is drawn. */
  readonly width?: number;
  readonly height: number;
  readonly alt: string;
  readonly loading: 'lazy' | 'eager';
  readonly decoding: 'async';
}

const DENSITIES = [1, 2, 3];
const DEFAULT_SAMPLE = { width: 28, height: 28 };

/**
 * Builds the attributes of an `<img>`. Densities whose picture would exceed a limit are left out.
 * @throws RangeError | TypeError  For an option that the API would refuse, and for a format that no
 *                                 image has.
 */
export function buildImage(options: DigitImageOptions | NumberImageOptions): ImageAttributes {
  const { alt = describe(options), lazy = true, sample = DEFAULT_SAMPLE, ...picture } = options;
  const { format = 'png', scale = 1, dpr } = picture;
  if (format !== 'png' && format !== 'svg') {
    throw new RangeError(
      `digitmint: format is ${JSON.stringify(format)}, expected png or svg: an image is one of them`,
    );
  }
  const densities =
    format === 'svg' || dpr !== undefined
      ? []
      : DENSITIES.filter((density) => isAllowed(picture, density, sample));
  const { width, height } = measure(picture, sample);
  return {
    src: writeUrl(picture),
    ...(densities.length > 1 && {
      srcset: densities
        .map((density) => `${writeUrl({ ...picture, dpr: density })} ${density}x`)
        .join(', '),
    }),
    ...('number' in picture
      ? { height: sample.height * scale + 2 * (picture.margin ?? 0) }
      : { width, height }),
    alt,
    loading: lazy ? 'lazy' : 'eager',
    decoding: 'async',
  };
}

/** The attributes of an `<img>` by the names that React and Preact know. */
export interface ImageProps extends Omit<ImageAttributes, 'srcset'> {
  /** The `srcset` of {@link ImageAttributes}, under React's name. */
  readonly srcSet?: string;
}

/** Builds the props of React's `<img>`. @throws  As {@link buildImage}. */
export function buildImageProps(options: DigitImageOptions | NumberImageOptions): ImageProps {
  const { srcset, ...props } = buildImage(options);
  return { ...props, ...(srcset !== undefined && { srcSet: srcset }) };
}

/** Writes an `<img>` as HTML, escaped. @throws  As {@link buildImage}. */
export function buildImageHtml(options: DigitImageOptions | NumberImageOptions): string {
  const attributes = Object.entries(buildImage(options)).map(
    ([name, value]) => `${name}="${escapeHtml(String(value))}"`,
  );
  return `<img ${attributes.join(' ')} />`;
}

type PictureOptions = DigitOptions | NumberOptions;

function writeUrl(options: PictureOptions): string {
  return 'number' in options ? numberUrl(options) : digitUrl(options);
}

/** Whether a denser picture keeps the limits. With density 1 the API reports what does not. */
function isAllowed(options: PictureOptions, density: number, sample: Size): boolean {
  const products = multiplyPixels({ ...options, dpr: density });
  if (density === 1 || typeof products === 'string') {
    return density === 1;
  }
  const { width, height } = measure({ ...options, ...products }, sample);
  return width * height <= LIMITS.maxPicturePixels;
}

/**
 * Measures a picture. A number counts as its maximum: digits as wide as a sample, with paper
 * between.
 */
function measure(options: PictureOptions, sample: Size): Size {
  const { scale = 1, margin = 0 } = options;
  if ('number' in options) {
    const n = String(options.number).length;
    const paper = Math.ceil(sample.width / 8) * scale;
    return measureSheet(sample, n, { cols: n, scale, margin: margin + paper, gap: paper });
  }
  const { n = 1, cols = chooseCols(n), gap = 0 } = options as DigitOptions;
  return measureSheet(sample, n, { cols, scale, margin, gap });
}

function describe(options: DigitImageOptions | NumberImageOptions): string {
  if ('number' in options) {
    return `The handwritten number ${options.number}`;
  }
  const { n = 1, label } = options;
  const isDigit = /^[0-9]$/.test(String(label ?? ''));
  const what = label === undefined ? '' : isDigit ? ` ${label}` : `: ${label}`;
  if (n === 1) {
    return isDigit ? `A handwritten${what}` : `A handwritten digit${what}`;
  }
  return `${n} handwritten digits${isDigit ? ':' : ''}${what}`;
}
