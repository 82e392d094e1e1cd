/**
 * Parsers of the command line's arguments that several commands take.
 */
import { InvalidArgumentError } from 'commander';
import { LIMITS } from '../../shared/contract/limits.ts';

/** Makes a parser of whole numbers, in plain decimal digits. */
export function parseWhole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[0-9]+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** Makes a parser of decimal numbers above `min`, up to `max`. */
export function parseNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[0-9.]+(e-?[0-9]+)?$/i.test(text) || !(value > min && value <= max)) {
      throw new InvalidArgumentError(`Expected a number above ${min}, up to ${max}.`);
    }
    return value;
  };
}

/** Parses a seed: any text, as long as the API takes. */
export function parseSeed(text: string): string {
  if (text.length < 1 || text.length > LIMITS.maxSeedLength) {
    throw new InvalidArgumentError(`Expected 1 to ${LIMITS.maxSeedLength} characters.`);
  }
  return text;
}
