/**
 * Measures how much several digits of one person help. MNIST does not say who wrote a digit, so
 * the persons are made: a random hand draws each person's digits, and `vary` moves every digit
 * away from it. A person's hand is found from some classes, and compared on others.
 */
import {
  compareInk,
  readHand,
  type GivenDigit,
  type HandReader,
} from '../../shared/hand/reader.ts';
import { deriveSeedKey, drawLatents } from '../../shared/model/random.ts';
import type { Sampler } from '../../shared/model/sampler.ts';
import { findQuantile } from './quality.ts';

/** How far each written digit leaves the person's hand. */
export const VARIATIONS = [0, 0.2, 0.4] as const;
/** Digits that a hand is found from. */
const WRITTEN = [1, 2, 3, 5] as const;
const STEPS = 10;

interface PersonsRow {
  readonly name: string;
  /** For each of VARIATIONS: median error on classes that were not written, of 255. */
  readonly errors: readonly number[];
}

/** @param count  Persons. */
export function measurePersons(
  { sampler, reader }: { readonly sampler: Sampler; readonly reader: HandReader },
  count: number,
): PersonsRow[] {
  const { classes, latent } = sampler.manifest;
  const key = deriveSeedKey('persons');
  const draw = (label: number, hand: Float32Array): Float32Array => sampler.drawInk(label, hand);
  const names = ['the hand of another person', ...WRITTEN.map((each) => `${each} written`)];
  const errors = names.map(() => VARIATIONS.map(() => [] as number[]));
  for (let person = 0; person < count; person++) {
    // The person's own hand, then another for each class.
    const rows = drawLatents(key, person * (1 + classes.length), 1 + classes.length, latent.size);
    const takeRow = (i: number) => rows.subarray(i * latent.size, (i + 1) * latent.size);
    const own = takeRow(0);
    const order = classes.map((_, i) => (person + 3 * i) % classes.length);
    const hidden = order.slice(Math.max(...WRITTEN));
    const compare = (hand: Float32Array): number => {
      const all = hidden.map((label) => compareInk(draw(label, hand), draw(label, own)));
      return all.reduce((sum, error) => sum + error, 0) / all.length;
    };
    for (const [column, vary] of VARIATIONS.entries()) {
      errors[0]?.[column]?.push(compare(takeRow(1)));
      const digits = order.map((label): GivenDigit => {
        const other = takeRow(1 + label);
        const moved = own.map((value, i) => value + vary * ((other[i] as number) - value));
        return {
          label,
          pixels: Uint8Array.from(draw(label, moved), (ink) => Math.round(255 * ink)),
        };
      });
      for (const [row, written] of WRITTEN.entries()) {
        const readings = readHand(reader, sampler, digits.slice(0, written));
        let reading = readings.next().value;
        for (let step = 0; step < STEPS; step++) {
          reading = readings.next().value;
        }
        errors[row + 1]?.[column]?.push(compare(reading.latents));
      }
    }
  }
  return names.map((name, i) => ({
    name,
    errors: (errors[i] ?? []).map((each) => findQuantile(each, 0.5)),
  }));
}
