/** Tests properties of every seed: seed and index determine a digit in any batch. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MANIFEST_FILE, parseManifest, WEIGHTS_FILE } from '../../../shared/model/artifact.ts';
import { LIMITS } from '../../../shared/contract/limits.ts';
import { deriveSeedKey, drawLabels, drawLatents } from '../../../shared/model/random.ts';
import { createSampler } from '../../../shared/model/sampler.ts';
import { instantiateKernels } from '../../../trainer/node-kernels.ts';
import { buildFixture } from '../../support/models/fixture-artifact.ts';
import { timesAsMany } from '../../support/fast-check.ts';

/** Any text, with control characters and lone surrogates. */
const seed = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('', '\ud800', '\0'),
);
const start = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 0, max: LIMITS.maxStart }),
  fc.constant(2 ** 32 - 1),
);
const count = fc.integer({ min: 1, max: 40 });

describe('the sampling law', () => {
  it('gives each index its latent vector and label, alone or within any range', () => {
    fc.assert(
      fc.property(
        seed,
        start,
        count,
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 256 }),
        (text, from, n, size, classes) => {
          const key = deriveSeedKey(text);
          const latents = drawLatents(key, from, n, size);
          const labels = drawLabels(key, from, n, classes);
          const at = (n - 1) >> 1;
          expect(drawLatents(key, from + at, 1, size)).toEqual(
            latents.slice(at * size, (at + 1) * size),
          );
          expect(drawLabels(key, from + at, 1, classes)).toEqual(labels.slice(at, at + 1));
          // The latent vector of a smaller model is the beginning of that of a larger one.
          expect(drawLatents(key, from + at, 1, size + 1).slice(0, size)).toEqual(
            latents.slice(at * size, (at + 1) * size),
          );
        },
      ),
      { numRuns: timesAsMany(150) },
    );
  });

  it('draws multiples of 2^-23 from [-1, 1), and labels below the number of classes', () => {
    fc.assert(
      fc.property(seed, start, fc.integer({ min: 1, max: 256 }), (text, from, classes) => {
        const key = deriveSeedKey(text);
        for (const value of drawLatents(key, from, 3, 40)) {
          expect(value >= -1 && value < 1 && Number.isInteger(value * 2 ** 23)).toBe(true);
        }
        expect(Math.max(...drawLabels(key, from, 20, classes))).toBeLessThan(classes);
      }),
      { numRuns: timesAsMany(60) },
    );
  });

  it('is uniform for any seed: each tenth of [-1, 1) is drawn about equally often', () => {
    fc.assert(
      fc.property(seed, start, (text, from) => {
        const counts = new Array<number>(10).fill(0);
        for (const value of drawLatents(deriveSeedKey(text), from, 100, 100)) {
          counts[Math.floor((value + 1) * 5)]! += 1;
        }
        // Seven standard deviations of 30: not one seed in millions fails by chance.
        counts.forEach((drawn) => expect(Math.abs(drawn - 1000)).toBeLessThan(210));
      }),
      { numRuns: timesAsMany(25) },
    );
  });
});

describe('a generator', () => {
  const { files } = buildFixture({
    latentSize: 7,
    classes: 5,
    layers: [
      { type: 'dense', units: 45, activation: 'leakyRelu' },
      { type: 'reshape', shape: [3, 3, 5] },
      { type: 'conv2d', filters: 4, kernelSize: 3, activation: 'relu' },
      { type: 'depthToSpace', blockSize: 2 },
    ],
  });
  const sampler = createSampler(
    parseManifest(files.get(MANIFEST_FILE)!),
    files.get(WEIGHTS_FILE)!,
    instantiateKernels,
  );

  it('draws ranges that join to the whole range, wherever it is cut', () => {
    fc.assert(
      fc.property(
        seed,
        start,
        fc.integer({ min: 1, max: 90 }),
        fc.integer({ min: 1, max: 90 }),
        (text, from, first, second) => {
          const whole = sampler.draw({ seed: text, start: from, count: first + second });
          const parts = [
            sampler.draw({ seed: text, start: from, count: first }),
            sampler.draw({ seed: text, start: from + first, count: second }),
          ];
          expect(Buffer.concat(parts.map(({ pixels }) => pixels)).equals(whole.pixels)).toBe(true);
          expect(Buffer.concat(parts.map(({ labels }) => labels!)).equals(whole.labels!)).toBe(
            true,
          );
        },
      ),
      { numRuns: timesAsMany(40) },
    );
  });

  it('keeps an index’s latent vector for each label', () => {
    fc.assert(
      fc.property(
        seed,
        start,
        fc.uint8Array({ minLength: 1, maxLength: 6, max: 4 }),
        (text, from, labels) => {
          const hand = sampler.drawHand({ seed: text, start: from, labels });
          const alone = [...labels].map(
            (label) => sampler.draw({ seed: text, start: from, count: 1, label }).pixels,
          );
          expect(Buffer.concat(alone).equals(hand.pixels)).toBe(true);
        },
      ),
      { numRuns: timesAsMany(40) },
    );
  });
});
