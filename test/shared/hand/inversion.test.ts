/** Tests the search of the latent vector that draws a written digit. */
import { expect, test } from 'vitest';
import { improveFit, STEP_PARTS, TRIES, type DrawInk } from '../../../shared/hand/inversion.ts';

/** A generator of 12 pixels from 3 numbers, whose best fit is known. */
const draw: DrawInk = (label, latents) =>
  Float32Array.from({ length: (latents.length / 3) * 12 }, (_, i) => {
    const row = latents.subarray(Math.floor(i / 12) * 3);
    const at = i % 12;
    const [a, b, c] = [row[0] as number, row[1] as number, row[2] as number];
    return Math.sin(a * (1 + at / 12) * 3) + b * b * (at % 3) + c * (at % 5) * 0.3 + label * 0.1;
  });

const WANTED = Float32Array.from([0.4, 0.7, -0.5]);
const GUESS = Float32Array.from([0.1, 0.4, 0]);

function follow(digits: Parameters<typeof improveFit>[1], steps: number, guess = GUESS, by = draw) {
  const fits = improveFit(by, digits, guess);
  return Array.from({ length: steps * STEP_PARTS + 1 }, () => fits.next().value);
}

test('a fit never becomes worse, and comes near to the numbers that drew the digit', () => {
  const fits = follow([{ label: 1, ink: draw(1, WANTED) }], 12);
  // The error may rise a little where the vector becomes shorter.
  fits.slice(1).forEach(({ error }, i) => {
    expect(error).toBeLessThanOrEqual(fits[i]!.error + 0.1);
  });
  expect(fits.at(-1)!.error).toBeLessThan(8);
  fits.at(-1)!.latents.forEach((value, i) => {
    expect(Math.abs(value - (WANTED[i] as number))).toBeLessThan(0.1);
    expect(Math.abs(value)).toBeLessThanOrEqual(1);
  });
});

test('a part of a step draws its share of the digits, and comes nearer already', () => {
  let drawn = 0;
  const counting: DrawInk = (label, latents) => {
    drawn += latents.length / GUESS.length;
    return draw(label, latents);
  };
  const fits = improveFit(counting, [{ label: 1, ink: draw(1, WANTED) }], GUESS);
  const guess = fits.next().value;
  drawn = 0;
  const part = fits.next().value;
  expect(drawn).toBe(GUESS.length / STEP_PARTS + TRIES.length);
  expect(part.error).toBeLessThan(guess.error);
});

test('several digits of one hand are fitted together', () => {
  const digits = [0, 1, 2].map((label) => ({ label, ink: draw(label, WANTED) }));
  const last = follow(digits, 12).at(-1)!;
  expect(last.error).toBeLessThan(8);
});

test('a digit beyond what seeds draw is reached, up to the largest number of a hand', () => {
  const wanted = Float32Array.from([0.4, 1.4, -2.5]);
  const fits = follow([{ label: 1, ink: draw(1, wanted) }], 12, Float32Array.from([0.3, 1, -0.5]));
  const [, second, third] = fits.at(-1)!.latents;
  expect(second).toBeCloseTo(1.4, 1);
  expect(third).toBe(-2);
});

test('a generator that rounds its pixels is followed nearly as well', () => {
  const coarse: DrawInk = (label, latents) =>
    draw(label, latents).map((value) => Math.round(value * 16) / 16);
  const fits = follow([{ label: 1, ink: draw(1, WANTED) }], 12, GUESS, coarse);
  expect(fits.at(-1)!.error).toBeLessThan(8);
});
