/** Tests the text of hands. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatHand,
  HAND_PATTERN,
  parseHand,
  roundLatents,
} from '../../../shared/hand/hand-text.ts';
import { timesAsMany } from '../../support/fast-check.ts';

const MODEL = { name: 'digits', version: '3423e331368875c9' };

test('a hand of 64 numbers has 86 characters of base64url, and a version of form and model', () => {
  const latents = Float32Array.from({ length: 64 }, (_, i) => (i - 32) / 32);
  const text = formatHand({ model: MODEL, latents });
  expect(text).toMatch(/^1\.digits\.3423e331368875c9\.[A-Za-z0-9_-]{86}$/);
  // The same bytes by Node's own encoder.
  const bytes = Buffer.from(Int8Array.from(latents, (value) => Math.round(value * 127)).buffer);
  expect(text.split('.').at(-1)).toBe(bytes.toString('base64url'));
});

test('a hand with a number beyond 1 has form 2, whose bytes reach to 2', () => {
  const text = formatHand({ model: MODEL, latents: Float32Array.of(1.5, -2.5, 1) });
  expect(text).toMatch(/^2\.digits\./);
  const bytes = Buffer.from(Int8Array.of(95, -127, 64).buffer).toString('base64url');
  expect(text.split('.').at(-1)).toBe(bytes);
  const latents = Float32Array.of((95 * 2) / 127, -2, (64 * 2) / 127);
  expect(parseHand(text)).toEqual({ model: MODEL, latents });
});

test('a hand is read back as it was rounded', () => {
  const numbers = fc.array(
    fc.float({ min: Math.fround(-2.1), max: Math.fround(2.1), noNaN: true }),
    {
      minLength: 2,
      maxLength: 90,
    },
  );
  fc.assert(
    fc.property(numbers, (given) => {
      const latents = Float32Array.from(given);
      const text = formatHand({ model: MODEL, latents });
      expect(text).toMatch(HAND_PATTERN);
      expect(parseHand(text)).toEqual({ model: MODEL, latents: roundLatents(latents) });
    }),
    { numRuns: timesAsMany(100) },
  );
});

test('a character too many, a loose bit and a number out of range are refused by name', () => {
  const text = formatHand({ model: MODEL, latents: new Float32Array(64) });
  for (const wrong of [text.slice(0, -1), `${text}AAA`, `${text.slice(0, -1)}B`]) {
    expect(parseHand(wrong)).toMatchObject({ expected: expect.stringContaining('whole bytes') });
  }
  const least = Buffer.from([0, 0, 128]).toString('base64url');
  expect(parseHand(`1.digits.${MODEL.version}.${least}`)).toEqual({
    expected: 'numbers from -127 to 127; number 3 is -128',
  });
});
