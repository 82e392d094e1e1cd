/**
 * The paper of a model's pictures: the colour around what they show. Pure.
 *
 * Grey pictures have ink on their paper. The ink of light paper is black, that of dark paper white.
 */
import type { Paper, Samples } from '../model/sampler.ts';
import { BLACK, mixColours, WHITE, type Colour } from './colour.ts';
import { replaceBytes } from './pixels.ts';

/** The colours of a grey picture: `bg` for its paper, `fg` for full ink. */
export interface SheetColours {
  readonly bg: Colour;
  readonly fg: Colour;
}

/** The colours that a caller asks for; undefined for the picture's own. */
export interface AskedColours {
  readonly bg: Colour | undefined;
  readonly fg: Colour | undefined;
}

/** Makes the pixels of an empty picture. */
export function fillPaper(pixels: number, channels: number, paper: Paper): Uint8Array {
  const filled = new Uint8Array(pixels * channels);
  if (paper?.some((value) => value > 0)) {
    for (let at = 0; at < filled.length; at++) {
      filled[at] = paper[at % channels] as number;
    }
  }
  return filled;
}

/** The colours that grey pictures on a paper have by themselves. */
export function findOwnColours(paper: Paper): SheetColours {
  const level = paper?.[0] ?? 0;
  return {
    bg: level === 0 ? BLACK : [level, level, level, 255],
    fg: isLight(level) ? BLACK : WHITE,
  };
}

export function resolveColours({ bg, fg }: AskedColours, paper: Paper): SheetColours {
  const own = findOwnColours(paper);
  return { bg: bg ?? own.bg, fg: fg ?? own.fg };
}

/** The colour of each grey level of a picture. A picture keeps its own levels exactly. */
export function mixLevels({ bg, fg }: SheetColours, paper: Paper): Colour[] {
  const own = findOwnColours(paper);
  const isOwn = isEqual(bg, own.bg) && isEqual(fg, own.fg);
  const inks = listInks(paper?.[0] ?? 0);
  return Array.from(inks, (ink, level) =>
    isOwn ? [level, level, level, 255] : mixColours(bg, fg, ink),
  );
}

export function isEqual(one: Colour, other: Colour): boolean {
  return one.every((value, at) => value === other[at]);
}

/**
 * Turns grey samples into ink: 0 for paper, 255 for full ink. Those on black paper are ink as they
 * are.
 */
export function takeInk(samples: Samples): Samples {
  const level = samples.paper?.[0] ?? 0;
  if (level === 0) {
    return samples;
  }
  const pixels = replaceBytes(samples.pixels, listInks(level));
  return { ...samples, pixels, paper: undefined };
}

/** The inverse of {@link takeInk} for some pixels. */
export function layInk(inks: Uint8Array, paper: Paper): Uint8Array {
  const level = paper?.[0] ?? 0;
  const full = isLight(level) ? 0 : 255;
  return level === 0
    ? inks
    : inks.map((ink) => Math.floor(level + ((full - level) * ink) / 255 + 0.5));
}

/** How much ink each grey level is, 0..255. Anything beyond the paper's own level is paper. */
function listInks(paper: number): Uint8Array {
  const range = (isLight(paper) ? 0 : 255) - paper;
  return Uint8Array.from({ length: 256 }, (_, level) =>
    Math.min(Math.max(Math.floor((255 * (level - paper)) / range + 0.5), 0), 255),
  );
}

function isLight(level: number): boolean {
  return level > 127;
}
