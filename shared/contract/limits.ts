/**
 * Every limit that a caller can meet, with its unit and its reason.
 */
export const LIMITS = {
  /** Digits in one answer: what the shipped model draws and encodes in some tens of milliseconds. */
  maxDigits: 256,
  /**
   * Digits of one streamed set: as many as MNIST's training set has, some twenty seconds of work. A host that bounds a
   * request's processor time more tightly cuts it short; smaller ranges give the same digits.
   */
  maxDatasetDigits: 60_000,
  /** Digits of one job: at 10,000 a shard as many as its shards allow. */
  maxJobDigits: 1_000_000_000,
  /** Shards of one job. Its progress is told by listing them, a thousand at a time. */
  maxJobShards: 100_000,
  /** Digits and signs of a number that is written in one picture. */
  maxNumberLength: 32,
  /** Sheets wider than this in digits are asked for by mistake only. */
  maxCols: 256,
  /** Output pixels a side for one pixel of a digit. */
  maxScale: 16,
  /** Device pixels for each CSS pixel: screens have up to 3 or so. */
  maxDpr: 4,
  /** Output pixels of a gap or a margin. */
  maxGap: 256,
  /** Pixels of the final picture: bounds memory and encoding time whatever the single factors are. */
  maxPicturePixels: 4_000_000,
  /** Digits that a loop walks through. */
  maxMorphDigits: 16,
  /** Frames from one of them to the next: with the digits, what the shipped model draws in a tenth of a second. */
  maxMorphFrames: 32,
  /** Milliseconds that each of them rests. */
  maxMorphHoldMs: 10_000,
  /** Pixels of all frames of a loop: as with a picture's. */
  maxMorphPixels: 6_000_000,
  /**
   * Digits or frames, and pixels, up to which an answer is drawn at once. What is larger took 45 to 300 ms of processor time
   * (`npm run bench -- limits`): it waits its turn, and is counted for itself where callers are limited.
   */
  maxLightDigits: 100,
  maxLightPixels: 1_000_000,
  /** Index of the first digit: a seed stands for more digits than anyone will look at. */
  maxStart: 999_999_999,
  /** Characters of a seed. */
  maxSeedLength: 128,
  /** Characters of path and query together; longer ones are refused before they are parsed. */
  maxUrlLength: 4096,
} as const;

/** Each limit's unit and meaning, for `/limits`. */
export const LIMIT_NOTES: Readonly<
  Record<keyof typeof LIMITS, { readonly unit: string; readonly about: string }>
> = {
  maxDigits: { unit: 'digits', about: 'of one answer (n)' },
  maxDatasetDigits: { unit: 'digits', about: 'of one set (n of /dataset)' },
  maxJobDigits: { unit: 'digits', about: 'of one job (n of /jobs)' },
  maxJobShards: {
    unit: 'shards',
    about: 'of one job: each has 10,000 digits, fewer where they are large or take long to draw',
  },
  maxNumberLength: {
    unit: 'characters',
    about: 'of a number in one hand, signs and spaces included',
  },
  maxCols: { unit: 'digits', about: 'a row of a sheet (cols)' },
  maxScale: { unit: 'pixels', about: 'a side for one pixel of a digit (scale)' },
  maxDpr: {
    unit: 'pixels',
    about:
      'of the device for each CSS pixel (dpr); scale, gap and margin times dpr keep their limits',
  },
  maxGap: { unit: 'pixels', about: 'between digits and around all (gap, margin)' },
  maxPicturePixels: { unit: 'pixels', about: 'of the final picture, width times height' },
  maxMorphDigits: { unit: 'digits', about: 'of one loop (n of /morph, length of digits)' },
  maxMorphFrames: { unit: 'frames', about: 'from one digit to the next (frames of /morph)' },
  maxMorphHoldMs: { unit: 'milliseconds', about: 'that each digit rests (hold of /morph)' },
  maxMorphPixels: {
    unit: 'pixels',
    about: 'of all frames of a loop, width times height times frames',
  },
  maxLightDigits: { unit: 'digits', about: 'or frames of an answer that does not count as large' },
  maxLightPixels: { unit: 'pixels', about: 'of an answer that does not count as large' },
  maxStart: { unit: 'index', about: 'of the first digit (start)' },
  maxSeedLength: { unit: 'characters', about: 'of a seed (seed)' },
  maxUrlLength: { unit: 'characters', about: 'of path and query together' },
};
