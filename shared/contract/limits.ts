/** Every limit that a caller can meet. */

/** Declares a limit. @param about  The bounded quantity. */
function limit(value: number, unit: string, about: string) {
  return { value, unit, about };
}

/** The table that `/limits` lists. */
export const LIMIT_TABLE = {
  // The shipped model draws and encodes this many in some tens of milliseconds.
  maxDigits: limit(256, 'samples', 'of one answer (n)'),
  // The size of MNIST's training set, some four seconds of work. A host with a tighter limit on
  // processor time cuts the answer short; smaller ranges give the same digits.
  maxDatasetDigits: limit(60_000, 'samples', 'of one set (n of /dataset)'),
  // The values decide the length of a row, so all are drawn before the first is sent.
  maxMeasuredPixels: limit(
    1_000_000,
    'pixels',
    'of a set in csv or ndjson that has a length and ranges: 1,275 samples of 28 x 28',
  ),
  // 10,000 a shard times the most shards.
  maxJobDigits: limit(1_000_000_000, 'samples', 'of one job (n of /jobs)'),
  // Progress is read by listing the shards, a thousand at a time.
  maxJobShards: limit(
    100_000,
    'shards',
    'of one job: each has 10,000 samples, fewer where they are large or take long to draw',
  ),
  maxNumberLength: limit(32, 'characters', 'of a number in one hand, signs and spaces included'),
  maxCols: limit(256, 'samples', 'a row of a sheet (cols)'),
  maxScale: limit(16, 'pixels', 'a side for one pixel of a sample (scale)'),
  // Screens have up to 3 or so.
  maxDpr: limit(
    4,
    'pixels',
    'of the device for each CSS pixel (dpr); scale, gap and margin times dpr keep their limits',
  ),
  maxSide: limit(16_384, 'pixels', 'that a picture fits into (width, height)'),
  maxGap: limit(256, 'pixels', 'between samples and around all (gap, margin)'),
  // Bounds memory and encoding time for every combination of the factors.
  maxPicturePixels: limit(4_000_000, 'pixels', 'of the final picture, width times height'),
  maxMorphDigits: limit(16, 'samples', 'of one loop (n of /morph, length of digits)'),
  // With the most digits, the shipped model draws this many frames in a tenth of a second.
  maxMorphFrames: limit(32, 'frames', 'from one sample to the next (frames of /morph)'),
  maxMorphHoldMs: limit(10_000, 'milliseconds', 'that each sample rests (hold of /morph)'),
  maxMorphPixels: limit(
    6_000_000,
    'pixels',
    'of all frames of a loop, width times height times frames',
  ),
  // Bounds memory: a number takes up to four characters.
  maxNumbers: limit(
    1_000_000,
    'numbers',
    'of the samples in json, txt and svg: n times height times width times channels',
  ),
  maxDatasetNumbers: limit(
    100_000_000,
    'numbers',
    'of the samples of one set: n times height times width times channels',
  ),
  // A larger answer waits for a free slot, and counts against a rate limit of its own.
  maxLightMs: limit(
    15,
    'milliseconds',
    'of processor time, estimated beforehand, of an answer that does not count as large',
  ),
  // The pictures of a phone's camera are larger: clients make them smaller first.
  maxPictureBytes: limit(1_000_000, 'bytes', 'of all pictures for POST /hand'),
  maxDecodedPixels: limit(1_048_576, 'pixels', 'of all pictures for POST /hand'),
  maxWritten: limit(10, 'digits', 'of one person for POST /hand'),
  maxRefine: limit(12, 'steps', 'that improve a hand (refine of POST /hand)'),
  maxStart: limit(999_999_999, 'index', 'of the first sample (start)'),
  maxSeedLength: limit(128, 'characters', 'of a seed (seed)'),
  // Longer URLs are refused before they are parsed.
  maxUrlLength: limit(4096, 'characters', 'of path and query together'),
};

/** The values of the limits by name. */
export const LIMITS = Object.fromEntries(
  Object.entries(LIMIT_TABLE).map(([name, { value }]) => [name, value]),
) as { readonly [K in keyof typeof LIMIT_TABLE]: number };
