/**
 * What a caller can ask for, as types: the API's parameters in camelCase. `test/client/types.ts` has the compiler prove
 * that they are those of `shared/contract`; this file imports nothing, since the types are published as they stand here.
 */

/** The formats of digits, by extension. */
export type DigitFormat = 'png' | 'json' | 'svg' | 'txt' | 'npy' | 'ndjson';

/** The formats of sets, by extension. */
export type DatasetFormat = 'idx' | 'npy' | 'csv' | 'ndjson';

/** The formats of loops, by extension. `png` is animated. */
export type MorphFormat = 'png' | 'gif';

/** Where the service is. */
export interface BaseOptions {
  /** The service's address, such as `https://digits.example`; a path may follow. Without it: URLs of the page's own origin. */
  readonly base?: string | URL | undefined;
}

/** What decides which digits they are. */
export interface SamplingOptions {
  /** Any text of 1 to 128 characters, or a number: the same seed gives the same digits, for good. Without it: fresh ones. */
  readonly seed?: string | number | undefined;
  /** Place of the first digit in the seed's endless row, 0 to 999,999,999. Default 0. */
  readonly start?: number | undefined;
  /** `name`, or `name@version`, which never changes and is cached for good. Default: what was published last. */
  readonly model?: string | undefined;
}

/** How digits look. Colours are 3, 4, 6 or 8 hex digits with or without a #, or `transparent`. */
export interface LookOptions {
  /** Side of the square of output pixels for one pixel of a digit, 1 to 16. Default 1. */
  readonly scale?: number | undefined;
  /** Output pixels of paper around all, 0 to 256. Default 0. */
  readonly margin?: number | undefined;
  /**
   * Device pixels for each CSS pixel, 1 to 4: multiplies scale, gap and margin, which keep their limits. Not for SVG, which is
   * sharp on any screen. Default 1.
   */
  readonly dpr?: number | undefined;
  /** The ink's colour. Default `ffffff`. */
  readonly fg?: string | undefined;
  /** The paper's colour. Default `000000`. */
  readonly bg?: string | undefined;
  /** Enlarges with smooth edges in place of squares; in SVG, curves in place of straight lines. Default false. */
  readonly smooth?: boolean | undefined;
  /** SVG only: the ink's colour where the viewer's scheme is dark. Default: as `fg`. */
  readonly darkFg?: string | undefined;
  /** SVG only: the paper's colour where the viewer's scheme is dark. Default: as `bg`. */
  readonly darkBg?: string | undefined;
}

interface FormatOptions {
  /** Default `png`. */
  readonly format?: DigitFormat | undefined;
  /** Of `json` and `ndjson`: numbers, or their bytes as base64. Default `array`. */
  readonly pixels?: 'array' | 'base64' | undefined;
  /** Throws for an option that has no effect in the format, which is left out of the URL else. Default false. */
  readonly strict?: boolean | undefined;
}

/** What `/digit` can be asked for. */
export interface DigitOptions extends BaseOptions, SamplingOptions, LookOptions, FormatOptions {
  /** How many digits, 1 to 256. Default 1. */
  readonly n?: number | undefined;
  /** The class that every digit shall have, by its name or number. Default: drawn from the seed. */
  readonly label?: string | number | undefined;
  /** Digits a row of the sheet, 1 to 256. Default: a square. */
  readonly cols?: number | undefined;
  /** Output pixels of paper between digits, 0 to 256. Default 0. */
  readonly gap?: number | undefined;
}

/** What `/number` can be asked for: a number in one writer's hand. */
export interface NumberOptions extends BaseOptions, SamplingOptions, LookOptions, FormatOptions {
  /** 1 to 32 characters: digits, and - + . , and single spaces among them; as a text it may begin with zeros. */
  readonly number: string | number;
}

/** What `/dataset` can be asked for: labelled digits to train and to test on. */
export interface DatasetOptions extends BaseOptions, SamplingOptions {
  /** How many digits, 1 to 60,000; the next range begins at start + n. Default 1,000. */
  readonly n?: number | undefined;
  /** The class that every digit shall have, by its name or number. Default: drawn from the seed. */
  readonly label?: string | number | undefined;
  /** `idx` and `npy` hold one of the two; `csv` and `ndjson` hold both. Default `images`. */
  readonly part?: 'images' | 'labels' | undefined;
  /** Of `ndjson`: numbers, or their bytes as base64. Default `array`. */
  readonly pixels?: 'array' | 'base64' | undefined;
  /** Default `idx`. */
  readonly format?: DatasetFormat | undefined;
  /** Throws for an option that has no effect in the format, which is left out of the URL else. Default false. */
  readonly strict?: boolean | undefined;
}

/** What `/morph` can be asked for: a loop in which digits turn into one another. */
export interface MorphOptions
  extends BaseOptions, SamplingOptions, Omit<LookOptions, 'darkFg' | 'darkBg'> {
  /** How many digits to walk through, from start on, 2 to 16; the last turns into the first again. Default 5. */
  readonly n?: number | undefined;
  /** The class that every digit shall have, by its name or number: then only the handwriting changes. Default: drawn from the seed. */
  readonly label?: string | number | undefined;
  /** 2 to 16 digits from 0 to 9 to walk through in one hand; as a text it may begin with zeros. In place of `n` and `label`. */
  readonly digits?: string | number | undefined;
  /** Frames from one digit to the next, 1 to 32. Default 16. */
  readonly frames?: number | undefined;
  /** Frames a second, 1 to 50. Default 25. */
  readonly fps?: number | undefined;
  /** How long each digit rests, in milliseconds, 0 to 10,000. Default 400. */
  readonly hold?: number | undefined;
  /** Default `png`. */
  readonly format?: MorphFormat | undefined;
  /** As elsewhere; no option of a loop is without effect in a format. Default false. */
  readonly strict?: boolean | undefined;
}
