/**
 * Every limit that a caller can meet: its value, its unit and what it bounds. `/limits` lists this
 * table.
 */
export const LIMIT_TABLE = {
  // The shipped model draws and encodes so many in some tens of milliseconds.
  maxDigits: { value: 256, unit: 'digits', about: 'of one answer (n)' },
  // As many as MNIST's training set, some twenty seconds of work. A host with a tighter bound on
  // processor time cuts the answer short; smaller ranges give the same digits.
  maxDatasetDigits: { value: 60_000, unit: 'digits', about: 'of one set (n of /dataset)' },
  // 10,000 a shard times the most shards.
  maxJobDigits: { value: 1_000_000_000, unit: 'digits', about: 'of one job (n of /jobs)' },
  // Progress is read by listing the shards, a thousand at a time.
  maxJobShards: {
    value: 100_000,
    unit: 'shards',
    about: 'of one job: each has 10,000 digits, fewer where they are large or take long to draw',
  },
  maxNumberLength: {
    value: 32,
    unit: 'characters',
    about: 'of a number in one hand, signs and spaces included',
  },
  maxCols: { value: 256, unit: 'digits', about: 'a row of a sheet (cols)' },
  maxScale: { value: 16, unit: 'pixels', about: 'a side for one pixel of a digit (scale)' },
  // Screens have up to 3 or so.
  maxDpr: {
    value: 4,
    unit: 'pixels',
    about:
      'of the device for each CSS pixel (dpr); scale, gap and margin times dpr keep their limits',
  },
  maxGap: { value: 256, unit: 'pixels', about: 'between digits and around all (gap, margin)' },
  // Bounds memory and encoding time, whatever the single factors are.
  maxPicturePixels: {
    value: 4_000_000,
    unit: 'pixels',
    about: 'of the final picture, width times height',
  },
  maxMorphDigits: {
    value: 16,
    unit: 'digits',
    about: 'of one loop (n of /morph, length of digits)',
  },
  // With the most digits, the shipped model draws so many frames in a tenth of a second.
  maxMorphFrames: {
    value: 32,
    unit: 'frames',
    about: 'from one digit to the next (frames of /morph)',
  },
  maxMorphHoldMs: {
    value: 10_000,
    unit: 'milliseconds',
    about: 'that each digit rests (hold of /morph)',
  },
  maxMorphPixels: {
    value: 6_000_000,
    unit: 'pixels',
    about: 'of all frames of a loop, width times height times frames',
  },
  // A larger answer took 45 to 300 ms of processor time (`npm run bench:limits`): it waits for a
  // free slot, and counts against a rate limit of its own.
  maxLightDigits: {
    value: 100,
    unit: 'digits',
    about: 'or frames of an answer that does not count as large',
  },
  maxLightPixels: {
    value: 1_000_000,
    unit: 'pixels',
    about: 'of an answer that does not count as large',
  },
  maxStart: { value: 999_999_999, unit: 'index', about: 'of the first digit (start)' },
  maxSeedLength: { value: 128, unit: 'characters', about: 'of a seed (seed)' },
  // Longer URLs are refused before they are parsed.
  maxUrlLength: { value: 4096, unit: 'characters', about: 'of path and query together' },
} as const;

type LimitName = keyof typeof LIMIT_TABLE;

/** The values of the limits by name. */
export const LIMITS = Object.fromEntries(
  Object.entries(LIMIT_TABLE).map(([name, { value }]) => [name, value]),
) as { readonly [K in LimitName]: (typeof LIMIT_TABLE)[K]['value'] };
