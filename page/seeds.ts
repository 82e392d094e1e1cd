/**
 * Seeds to play with. Words are easier to remember than numbers.
 */
const FIRST =
  'amber brave calm dusty early fern gentle hazel idle jolly kind lunar misty noble olive proud'.split(
    ' ',
  );
const SECOND =
  'otter maple river comet pebble lark harbor ember willow finch meadow lantern cedar tide acorn heron'.split(
    ' ',
  );

/** Draws a seed of two words and a number, one of 25,600. */
export function drawWordSeed(): string {
  const [a = 0, b = 0, c = 0] = crypto.getRandomValues(new Uint8Array(3));
  return `${FIRST[a % FIRST.length]}-${SECOND[b % SECOND.length]}-${c % 100}`;
}
