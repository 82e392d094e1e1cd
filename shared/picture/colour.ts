/** Reads, writes and mixes colours. Pure. */

/** Whole numbers from 0 to 255, not premultiplied. */
export type Colour = readonly [red: number, green: number, blue: number, alpha: number];

export const BLACK: Colour = [0, 0, 0, 255];
export const WHITE: Colour = [255, 255, 255, 255];

/**
 * Parses 3, 4, 6 or 8 hex digits with or without a #, as in CSS, or `transparent`.
 * @returns  undefined for any other text.
 */
export function parseColour(text: string): Colour | undefined {
  if (text === 'transparent') {
    return [0, 0, 0, 0];
  }
  const digits = /^#?([0-9a-f]{3}|[0-9a-f]{4}|[0-9a-f]{6}|[0-9a-f]{8})$/i.exec(text)?.[1];
  if (digits === undefined) {
    return undefined;
  }
  const long = digits.length > 4 ? digits : digits.replaceAll(/./g, '$&$&');
  const part = (at: number) => Number.parseInt(long.slice(at, at + 2), 16);
  return [part(0), part(2), part(4), long.length === 8 ? part(6) : 255];
}

/** Writes a colour's canonical form: `transparent`, 6 hex digits, or 8 when it is translucent. */
export function formatColour([red, green, blue, alpha]: Colour): string {
  if (alpha === 0) {
    return 'transparent';
  }
  const channels = alpha === 255 ? [red, green, blue] : [red, green, blue, alpha];
  return channels.map((value) => value.toString(16).padStart(2, '0')).join('');
}

/**
 * Mixes paper and ink, premultiplied, so that ink on transparent paper has no coloured edge.
 * @param ink255  The share of ink, 0..255.
 */
export function mixColours(paper: Colour, ink: Colour, ink255: number): Colour {
  const share = ink255 / 255;
  const alpha = paper[3] * (1 - share) + ink[3] * share;
  if (alpha === 0) {
    return [0, 0, 0, 0];
  }
  const mix = (channel: 0 | 1 | 2) =>
    Math.round((paper[channel] * paper[3] * (1 - share) + ink[channel] * ink[3] * share) / alpha);
  return [mix(0), mix(1), mix(2), Math.round(alpha)];
}

/** Joins pictures of [pixels, 3], and makes them opaque: [pixels, 4]. */
export function addAlpha(...pictures: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = pictures.reduce((sum, { length }) => sum + length, 0);
  const rgba = new Uint8Array((bytes / 3) * 4).fill(255);
  let to = 0;
  for (const rgb of pictures) {
    for (let from = 0; from < rgb.length; from += 3, to += 4) {
      rgba[to] = rgb[from] as number;
      rgba[to + 1] = rgb[from + 1] as number;
      rgba[to + 2] = rgb[from + 2] as number;
    }
  }
  return rgba;
}
