/** `handFrom`: the handwriting of written digits, read by `POST /hand`. */
import { LIMITS } from '../shared/contract/limits.ts';
import { PARAMETERS } from '../shared/contract/parameters.ts';
import { readJson, refuseAnswer } from './api-error.ts';
import { writeOption } from './option-text.ts';
import type { BaseOptions } from './options.ts';
import { request, splitOptions, type RequestOptions } from './request.ts';
import { writeBase } from './url.ts';

export interface HandOptions extends BaseOptions, RequestOptions {
  /** Which digit a picture is, by the class's name or number. Default: the service's guess. */
  readonly label?: string | number | undefined;
  /** Steps that make the hand more like the written digits, 0 to 12. Default 0. */
  readonly refine?: number | undefined;
  /** The model whose hand it becomes: a name, or name@version. Default: the one that serves. */
  readonly model?: string | undefined;
}

export interface ReadDigit {
  /** The digit that was read, or was given. */
  readonly label: number;
  /** The class's name. */
  readonly class: string;
  /** How sure the service is of the label, 0..1. */
  readonly certainty: number;
  /** Root mean squared difference of the written digit and the drawn one, of 255. */
  readonly error: number;
}

export interface Hand extends ReadDigit {
  /** The hand belongs to this version alone. */
  readonly model: { readonly name: string; readonly version: string };
  /** For the option `hand` of digits, numbers, sets and morphs. */
  readonly hand: string;
  /** All digits of several pictures. The fields above are of the first; `error` is of all. */
  readonly digits?: readonly ReadDigit[] | undefined;
  /** The URL of the digit in this hand. */
  readonly url: string;
  /** The URL of all ten digits in this hand. */
  readonly numberUrl: string;
}

/** A canvas of a page or of a worker, as far as it is used here. */
export type HandCanvas =
  | { toBlob(callback: (blob: Blob | null) => void): void }
  | { convertToBlob(): Promise<Blob> };

/** One of several pictures. */
export type HandPicture =
  | Blob
  | HandCanvas
  | {
      readonly picture: Blob | HandCanvas;
      /** Which digit it is. Default: the option `label`, then the service's guess. */
      readonly label?: string | number | undefined;
    };

const QUERY = {
  label: PARAMETERS.label,
  refine: { kind: 'whole', min: 0, max: LIMITS.maxRefine },
  model: PARAMETERS.model,
} as const;

/**
 * Reads the handwriting of one digit, or of up to ten digits of one person: with `refine`, the
 * hand fits all of them. Rejects, and never throws synchronously.
 * @param picture  A canvas, PNG or JPEG, or several: at most 1 MB and 1,048,576 pixels in all.
 * @throws ApiError                When the API refuses or fails; `no_digit` for a scribble.
 * @throws RangeError | TypeError  For an option that the API would refuse, or what is no picture,
 *                                 before any request.
 */
export async function handFrom(
  picture: Blob | HandCanvas | readonly HandPicture[],
  options: HandOptions = {},
): Promise<Hand> {
  const [how, { base, ...others }] = splitOptions(options);
  const query = new URLSearchParams();
  for (const [name, parameter] of Object.entries(QUERY)) {
    const value = others[name as keyof typeof QUERY];
    if (value !== undefined) {
      query.append(name, writeOption(name, value, parameter));
    }
  }
  const search = query.toString(); // Safari 16 has no `query.size`.
  const url = `${writeBase(base)}/hand${search === '' ? '' : `?${search}`}`;
  const body = Array.isArray(picture) ? await fillForm(picture) : await encode(picture);
  const answer = await request(url, how, { method: 'POST', body });
  const value = (await readJson(answer)) as Hand | null | undefined;
  if (typeof value?.hand !== 'string') {
    const detail = 'the answer holds no hand, expected that of a digitmint service';
    throw refuseAnswer(answer, url, detail);
  }
  return value;
}

async function fillForm(pictures: readonly unknown[]): Promise<FormData> {
  const form = new FormData();
  for (const each of pictures) {
    const { picture = each, label } = Object(each) as { picture?: unknown; label?: unknown };
    const name = label === undefined ? 'picture' : writeOption('label', label, QUERY.label);
    form.append(name, await encode(picture));
  }
  return form;
}

async function encode(picture: unknown): Promise<Blob> {
  const kind = Object.prototype.toString.call(picture).slice(8, -1); // Finds a Blob of any realm.
  if (kind === 'Blob' || kind === 'File') {
    return picture as Blob;
  }
  const canvas = Object(picture) as HandCanvas;
  if ('convertToBlob' in canvas) {
    return canvas.convertToBlob();
  }
  if (!('toBlob' in canvas)) {
    throw new TypeError(
      `digitmint: the picture is ${kind}, expected a canvas, a Blob of PNG or JPEG, or an array of these`,
    );
  }
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve));
  if (blob === null) {
    throw new TypeError('digitmint: the canvas has no pixels, expected one with a digit');
  }
  return blob;
}
