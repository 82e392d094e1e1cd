/** Digits as numbers: `/digit.json` and `/number/….json`, typed, with their pixels as bytes. */
import { readJson, refuseAnswer } from './api-error.ts';
import type { DigitOptions, NumberOptions } from './options.ts';
import { request, splitOptions, type RequestOptions } from './request.ts';
import { digitUrl, numberUrl } from './url.ts';

export interface Digits {
  /** With seed and start it always draws the same digits. */
  readonly model: { readonly name: string; readonly version: string };
  readonly seed: string;
  /** Index of the first digit in the seed's endless sequence. */
  readonly start: number;
  readonly n: number;
  /** Pixels of one digit. */
  readonly width: number;
  readonly height: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
  readonly digits: readonly Digit[];
}

export interface Digit {
  /** Index in the seed's endless sequence. */
  readonly index: number;
  /** The class's number; null for a model without classes, and for a number. */
  readonly label: number | null;
  /** The class's name; for a number its text. */
  readonly class: string | null;
  /** The permanent URL of its picture. */
  readonly url: string;
  /** The numbers that the network draws it from, times `truncation`. Only with `latent: true`. */
  readonly latent?: Float32Array<ArrayBuffer> | undefined;
  /** [height, width, channels], row by row; 0 is black, 255 is white. */
  readonly pixels: Uint8Array<ArrayBuffer>;
}

/** The options that have an effect here: a look shows in each digit's `url`. */
export type FetchOptions<T> = RequestOptions &
  Omit<T, 'format' | 'pixels' | 'strict' | 'cols' | 'gap' | 'dpr' | 'darkFg' | 'darkBg'>;

/** Base64 is half as long as an array of numbers. */
const FORM = { format: 'json', pixels: 'base64' } as const;

/**
 * Fetches digits. Rejects, and never throws synchronously.
 * @throws ApiError                When the API refuses or fails, or something else answers.
 * @throws RangeError | TypeError  For an option that the API would refuse, before any request.
 */
export async function fetchDigits(options: FetchOptions<DigitOptions> = {}): Promise<Digits> {
  const [how, what] = splitOptions(options);
  return fetchJson(digitUrl({ ...what, ...FORM }), how);
}

/**
 * Fetches a number in one handwriting, as one digit that is as wide as the whole number.
 * @throws ApiError                When the API refuses or fails, or something else answers.
 * @throws RangeError | TypeError  For an option that the API would refuse, before any request.
 */
export async function fetchNumber(options: FetchOptions<NumberOptions>): Promise<Digits> {
  const [how, what] = splitOptions(options);
  return fetchJson(numberUrl({ ...what, ...FORM }), how);
}

async function fetchJson(url: string, how: RequestOptions): Promise<Digits> {
  const answer = await request(url, how);
  const value = await readJson(answer);
  if (isAnswer(value)) {
    const digits = value.digits.map(({ latent, pixels, ...digit }) => ({
      ...digit,
      ...(latent && { latent: new Float32Array(latent) }),
      pixels: decode(pixels),
    }));
    const bytes = value.width * value.height * value.channels;
    if (digits.every(({ pixels }) => pixels.length === bytes)) {
      return { ...value, digits };
    }
  }
  const detail = 'the answer holds no digits, expected that of a digitmint service';
  throw refuseAnswer(answer, url, detail);
}

interface Answer extends Omit<Digits, 'digits'> {
  readonly digits: readonly (Omit<Digit, 'latent' | 'pixels'> & {
    readonly latent?: readonly number[];
    readonly pixels: string;
  })[];
}

/** Checks the pixels, which this client decodes; the API's own tests check the rest. */
function isAnswer(value: unknown): value is Answer {
  const { digits } = (value ?? {}) as Partial<Answer>;
  return (
    Array.isArray(digits) && digits.every((digit: Partial<Digit> | null) => isBase64(digit?.pixels))
  );
}

function isBase64(text: unknown): boolean {
  return typeof text === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0;
}

function decode(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
