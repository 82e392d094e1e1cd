import fc from 'fast-check';
import { expect, it } from 'vitest';
import { deriveKey, drawWords as drawPortably } from '../../../shared/model/random.ts';
import { drawWords } from '../../../trainer/gan/random-words.ts';
import '../../support/fast-check.ts';

it('draws the words of the portable keystream', () => {
  const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(fc.string(), word, fc.maxSafeNat(), fc.nat(500), (seed, purpose, index, count) => {
      const key = deriveKey('train', seed);
      expect(drawWords(key, purpose, index, count)).toEqual(
        drawPortably(key, purpose, index, count),
      );
    }),
  );
});

it('draws streams longer than a training step takes', () => {
  const key = deriveKey('train', 'long');
  expect(drawWords(key, 2, 7, 200_000)).toEqual(drawPortably(key, 2, 7, 200_000));
});
