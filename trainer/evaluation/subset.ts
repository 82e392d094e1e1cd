/**
 * Random subsets. Pure.
 */
import { drawWords, type RandomKey } from '../../shared/model/random.ts';

/**
 * Draws places without replacement, by the first steps of a Fisher-Yates shuffle.
 *
 * @param purpose  A stream of `key`.
 * @param index    The place in that stream.
 * @param count    How many there are to draw from.
 * @param size     How many to draw, 0..count.
 * @returns        [size], all different, each below `count`, in the order drawn.
 */
export function drawSubset(
  key: RandomKey,
  purpose: number,
  index: number,
  count: number,
  size: number,
): Uint32Array {
  const words = drawWords(key, purpose, index, size);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  words.forEach((word, place) => {
    const other = place + Math.floor((word * (count - place)) / 2 ** 32);
    const kept = order[place] as number;
    order[place] = order[other] as number;
    order[other] = kept;
  });
  return order.slice(0, size);
}
