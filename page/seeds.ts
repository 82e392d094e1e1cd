/**
 * Seeds to play with: words are easier to keep than numbers.
 */
const FIRST = [
  'amber',
  'brave',
  'calm',
  'dusty',
  'early',
  'fern',
  'gentle',
  'hazel',
  'idle',
  'jolly',
  'kind',
  'lunar',
  'misty',
  'noble',
  'olive',
  'proud',
];
const SECOND = [
  'otter',
  'maple',
  'river',
  'comet',
  'pebble',
  'lark',
  'harbor',
  'ember',
  'willow',
  'finch',
  'meadow',
  'lantern',
  'cedar',
  'tide',
  'acorn',
  'heron',
];

/** Draws a seed of two words and two digits, 25,600 in all. */
export function drawWordSeed(): string {
  const [a = 0, b = 0, c = 0] = crypto.getRandomValues(new Uint8Array(3));
  return `${FIRST[a % FIRST.length]}-${SECOND[b % SECOND.length]}-${c % 100}`;
}
