/**
 * Digits as numbers: `/digit.json` and `/number/….json`, typed, with their pixels as bytes.
 */
import { refuseAnswer } from './api-error.ts';
import type { DigitOptions, NumberOptions } from './options.ts';
import { request, splitOptions, type RequestOptions } from './request.ts';
import { digitUrl, numberUrl } from './url.ts';

/** Digits, and what drew them. */
export interface Digits {
  /** With seed and start it draws the same digits again, for good. */
  readonly model: { readonly name: string; readonly version: string };
  readonly seed: string;
  /** Place of the first digit in the seed's endless row. */
  readonly start: number;
  readonly n: number;
  /** Pixels of one digit. */
  readonly width: number;
  readonly height: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
  readonly digits: readonly Digit[];
}

/** One digit. */
export interface Digit {
  /** Its place in the seed's row. */
  readonly index: number;
  /** Its class's number; null for a model without classes, and for a number in one hand. */
  readonly label: number | null;
  /** Its class's name; of a number in one hand the number as it was asked for. */
  readonly class: string | null;
  /** Its own permanent picture. */
  readonly url: string;
  /** [height, width, channels], row by row; 0 is paper, 255 ink. The caller's own. */
  readonly pixels: Uint8Array<ArrayBuffer>;
}

/** What has an effect on numbers: a look shows in each digit's `url`. */
export type FetchOptions<T> = RequestOptions &
  Omit<T, 'format' | 'pixels' | 'strict' | 'cols' | 'gap' | 'dpr' | 'darkFg' | 'darkBg'>;

/** Base64 is half as long as numbers. */
const FORM = { format: 'json', pixels: 'base64' } as const;

/**
 * Fetches digits. Rejects, and never throws at once.
 * @throws ApiError                When the API refuses or fails, or something else answers.
 * @throws RangeError | TypeError  For an option that the API would refuse, before anything is asked.
 */
export async function fetchDigits(options: FetchOptions<DigitOptions> = {}): Promise<Digits> {
  const [how, what] = splitOptions(options);
  return fetchJson(digitUrl({ ...what, ...FORM }), how);
}

/**
 * Fetches a number in one hand: one digit as wide as all of the number.
 * @throws ApiError                When the API refuses or fails, or something else answers.
 * @throws RangeError | TypeError  For an option that the API would refuse, before anything is asked.
 */
export async function fetchNumber(options: FetchOptions<NumberOptions>): Promise<Digits> {
  const [how, what] = splitOptions(options);
  return fetchJson(numberUrl({ ...what, ...FORM }), how);
}

async function fetchJson(url: string, how: RequestOptions): Promise<Digits> {
  const answer = await request(url, how);
  let value: unknown;
  try {
    value = await answer.json();
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) {
      throw cause; // It was cut off, not malformed.
    }
    throw refuseAnswer(
      answer,
      url,
      'the answer is not JSON, expected that of a digitmint service',
      cause,
    );
  }
  const digits = isAnswer(value)
    ? value.digits.map((digit) => ({ ...digit, pixels: decode(digit.pixels) }))
    : null;
  if (
    digits === null ||
    digits.some(({ pixels }) => pixels.length !== measureDigit(value as Answer))
  ) {
    throw refuseAnswer(
      answer,
      url,
      'the answer holds no digits, expected that of a digitmint service',
    );
  }
  return { ...(value as Answer), digits };
}

interface Answer extends Omit<Digits, 'digits'> {
  readonly digits: readonly (Omit<Digit, 'pixels'> & { readonly pixels: string })[];
}

/** Whether it is the API's, as far as its pixels go: that the rest is as documented, the API itself is tested for. */
function isAnswer(value: unknown): value is Answer {
  const { digits } = (value ?? {}) as Partial<Answer>;
  return (
    Array.isArray(digits) && digits.every((digit: Partial<Digit> | null) => isBase64(digit?.pixels))
  );
}

function isBase64(text: unknown): boolean {
  return typeof text === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0;
}

function measureDigit({ width, height, channels }: Answer): number {
  return width * height * channels;
}

function decode(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
