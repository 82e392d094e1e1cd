/** Tests the measure of several digits of one person, with a generator of which all is known. */
import { expect, test } from 'vitest';
import type { DrawInk } from '../../../shared/hand/inversion.ts';
import { measurePersons } from '../../../trainer/encoder/persons.ts';

const [SIZE, PIXELS, CLASSES] = [3, 12, 10];

/** Each class shows two numbers of three, so that one digit alone does not tell the hand. */
const drawInk: DrawInk = (label, latents) =>
  Float32Array.from({ length: (latents.length / SIZE) * PIXELS }, (_, i) => {
    const row = Math.floor(i / PIXELS) * SIZE;
    const [a, b] = [latents[row + (label % SIZE)], latents[row + ((label + 1) % SIZE)]];
    const at = i % PIXELS;
    return 0.5 + 0.5 * Math.sin(at + (a as number) * 0.8 + (b as number) * (at % 3) * 0.4);
  });

test('a made person’s hand is found better from more digits, unless every digit differs', () => {
  const sampler = {
    manifest: { classes: Array.from({ length: CLASSES }, String), latent: { size: SIZE } },
    drawInk,
  };
  const reader = {
    guess: () => ({
      label: 0,
      certainties: Array<number>(CLASSES).fill(1 / CLASSES),
      latents: new Float32Array(CLASSES * SIZE),
    }),
  };
  const rows = measurePersons({ sampler, reader } as never, 12);
  const [even, , uneven] = [0, 1, 2].map((i) => rows.map(({ errors }) => errors[i] as number));
  expect(rows.map(({ name }) => name)).toEqual([
    'the hand of another person',
    '1 written',
    '2 written',
    '3 written',
    '5 written',
  ]);
  expect(even).toEqual(even?.toSorted((a, b) => b - a));
  expect(even?.at(-1)).toBeLessThan(2);
  expect(even?.[1]).toBeGreaterThan(5);
  // The other person does not depend on what is written; the rest does.
  expect(uneven?.[0]).toBe(even?.[0]);
  expect(uneven?.at(-1)).toBeGreaterThan(5);
});
