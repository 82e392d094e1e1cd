/** Tests that pictures on any paper are drawn as those on black paper are, in other colours. */
import { expect, test } from 'vitest';
import type { Samples } from '../../../shared/model/sampler.ts';
import { writeNumber } from '../../../shared/picture/number.ts';
import { layInk, mixLevels, takeInk } from '../../../shared/picture/paper.ts';
import { renderText } from '../../../worker/formats/text.ts';
import { measurePaper } from '../../../trainer/export/presentation.ts';

const SIDE = 20;
/** Two strokes with soft edges. */
const black: Samples = {
  count: 2,
  height: SIDE,
  width: SIDE,
  channels: 1,
  pixels: Uint8Array.from({ length: 2 * SIDE * SIDE }, (_, at) => {
    const [x, y] = [at % SIDE, Math.floor(at / SIDE) % SIDE];
    const distance = Math.abs(x - 10 - (at < SIDE * SIDE ? 0 : 3));
    return y < 3 || y > 16 ? 0 : Math.max(0, 255 - 90 * distance);
  }),
  labels: null,
};
const invert = (samples: Samples): Samples => ({
  ...samples,
  pixels: samples.pixels.map((level) => 255 - level),
  paper: [255],
});
const repeat = (samples: Samples): Samples => ({
  ...samples,
  channels: 3,
  pixels: Uint8Array.from(
    samples.pixels.length === 0 ? [] : [...samples.pixels].flatMap((v) => [v, v, v]),
  ),
  paper: samples.paper && [255, 255, 255],
});

test('a number with signs on white paper is the inverse of that on black paper', () => {
  const hand = { seed: 'hand', start: 0 };
  for (const text of ['11', '-1,1 ', '1.1']) {
    const [dark, light] = [writeNumber(text, black, hand), writeNumber(text, invert(black), hand)];
    expect(light.width).toBe(dark.width);
    expect([...light.pixels]).toEqual([...dark.pixels].map((level) => 255 - level));
  }
});

test('text shows the same ink on any paper, grey or coloured', () => {
  const text = renderText(black, 2);
  for (const samples of [invert(black), repeat(black), repeat(invert(black))]) {
    expect(renderText(samples, 2)).toBe(text);
  }
  expect(text).toMatch(/█/);
});

test('ink on paper of any level is the level again, and a picture keeps its own levels', () => {
  const levels = Uint8Array.from({ length: 256 }, (_, level) => level);
  for (const paper of [0, 40, 127, 128, 250, 255]) {
    const full = paper > 127 ? 0 : 255;
    const { pixels: inks } = takeInk({ ...black, pixels: levels, paper: [paper] });
    expect([inks[paper], inks[full]]).toEqual([0, 255]);
    const laid = layInk(inks, [paper]);
    const within = [...levels].filter(
      (level) => Math.min(paper, full) <= level && level <= Math.max(paper, full),
    );
    within.forEach((level) => expect(Math.abs((laid[level] as number) - level)).toBeLessThan(2));
    const own = { bg: [paper, paper, paper, 255], fg: [full, full, full, 255] } as const;
    expect(mixLevels(own, [paper]).map(([red]) => red)).toEqual([...levels]);
  }
});

test('the paper of a set is the colour that most of its borders have', () => {
  const draw = (channels: number, pick: (picture: number, x: number, y: number) => number[]) => ({
    count: 9,
    height: 8,
    width: 8,
    channels,
    images: Uint8Array.from(
      Array.from({ length: 9 * 64 }, (_, at) => pick(at >> 6, at & 7, (at >> 3) & 7)).flat(),
    ),
  });
  const isInside = (x: number, y: number) => x > 0 && x < 7 && y > 0 && y < 7;
  const noise = (picture: number, x: number, y: number) => (picture * 7 + x * 5 + y * 3) % 9;
  expect([
    measurePaper(draw(1, () => [0])),
    measurePaper(draw(1, (p, x, y) => [isInside(x, y) ? 0 : 247 + noise(p, x, y)])),
    // Ink that touches a side of most pictures, and the noise of black.
    measurePaper(draw(1, (p, x, y) => [x === 0 ? 255 : noise(p, x, y)])),
    measurePaper(
      draw(3, (p, x, y) => (isInside(x, y) ? [9, 9, 9] : [30, 200 + noise(p, x, y), 60])),
    ),
    measurePaper(draw(3, (p, x, y) => [p * 28, x * 36, y * 36])),
  ]).toEqual([undefined, [255], undefined, [30, 204, 60], undefined]);
});
