/**
 * A hand as text: `<form>.<model>.<version>.<latents>`, as in `hand=`. The latents are the numbers
 * of a latent vector, a signed byte each, in base64url without padding. In form 1 the byte 127
 * stands for 1, in form 2 for 2. A hand belongs to one version of a model. Without dependencies:
 * the client imports it.
 */

export interface Hand {
  readonly model: { readonly name: string; readonly version: string };
  /** Each from -MAX_LATENT to MAX_LATENT. */
  readonly latents: Float32Array;
}

/** The largest number of a hand. Seeds draw numbers up to 1; written digits may need more. */
export const MAX_LATENT = 2;
/** The largest byte. */
const TOP = 127;

/** Matches hands of any model. URLs have no room for a latent vector of more than 1,050 numbers. */
export const HAND_PATTERN = /^[12]\.[a-z][a-z0-9-]{0,31}\.[0-9a-f]{16}\.[A-Za-z0-9_-]{2,1400}$/;
export const MAX_HAND_LENGTH = 1460;

/** Finds the number that the largest byte stands for, which is also the text's form. */
const findForm = (latents: Float32Array): number =>
  latents.some((value) => Math.abs(value) > 1) ? MAX_LATENT : 1;

const toBytes = (latents: Float32Array, form: number): number[] =>
  Array.from(latents, (value) => Math.max(-TOP, Math.min(TOP, Math.round((value * TOP) / form))));

const toLatents = (bytes: readonly number[], form: number): Float32Array =>
  Float32Array.from(bytes, (byte) => (byte / TOP) * form);

/** Rounds a latent vector to the numbers that a hand can hold. */
export function roundLatents(latents: Float32Array): Float32Array {
  const form = findForm(latents);
  // Adding 0 turns -0 into 0.
  return toLatents(toBytes(latents, form), form).map((value) => value + 0);
}

export function formatHand({ model, latents }: Hand): string {
  const form = findForm(latents);
  return `${form}.${model.name}.${model.version}.${encodeBytes(toBytes(latents, form))}`;
}

/**
 * Reads the text of a hand that HAND_PATTERN accepts.
 * @returns  The hand; or what is wrong, as the expectation that it misses.
 */
export function parseHand(text: string): Hand | { readonly expected: string } {
  const [form = '', name = '', version = '', coded = ''] = text.split('.');
  const bytes = decodeBytes(coded);
  if (bytes === undefined) {
    return { expected: 'whole bytes in base64url, so a character is missing or too many' };
  }
  const least = bytes.indexOf(-TOP - 1);
  return least >= 0
    ? { expected: `numbers from -${TOP} to ${TOP}; number ${least + 1} is -${TOP + 1}` }
    : { model: { name, version }, latents: toLatents(bytes, Number(form)) };
}

function encodeBytes(bytes: readonly number[]): string {
  const text = btoa(String.fromCharCode(...bytes.map((byte) => byte & 255)));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** @returns  Signed bytes; undefined when the text is not what `encodeBytes` writes. */
function decodeBytes(text: string): number[] | undefined {
  try {
    const characters = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Array.from(characters, (character) => (character.charCodeAt(0) << 24) >> 24);
    return encodeBytes(bytes) === text ? bytes : undefined;
  } catch {
    return undefined;
  }
}
