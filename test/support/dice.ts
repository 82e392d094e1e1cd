/**
 * Random numbers for fuzzed cases. The seed and the case's index determine them, so any case can be
 * repeated.
 */
import { deriveKey, drawWords } from '../../shared/model/random.ts';

const WORDS_AT_ONCE = 64;

export interface Dice {
  /** Draws an integer in [0, `end`); 0 when `end` is 0. */
  below(end: number): number;
  pick<T>(list: readonly T[]): T;
  /** @param share  From 0 (never) to 1 (always). */
  chance(share: number): boolean;
}

/** @param index  The case's index, from 0. */
export function createDice(seed: string, index: number): Dice {
  const key = deriveKey('fuzz', seed);
  let drawn = 0;
  let words: Uint32Array = new Uint32Array();
  const next = (): number => {
    if (drawn % WORDS_AT_ONCE === 0) {
      // A ChaCha20 block has 16 words.
      words = drawWords(key, 0, index, WORDS_AT_ONCE, drawn / 16);
    }
    return words[drawn++ % WORDS_AT_ONCE] as number;
  };
  const below = (end: number): number => Math.floor((next() / 2 ** 32) * end);
  return {
    below,
    pick: (list) => list[below(list.length)] as (typeof list)[number],
    chance: (share) => next() / 2 ** 32 < share,
  };
}
