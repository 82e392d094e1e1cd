/**
 * The formats of digits, and what changes nothing in each. Pure, and without dependencies: the client writes URLs by it.
 */

/** The formats of `/digit`, by extension, with their media types, in the order of preference. The first is the default. */
export const DIGIT_FORMATS = {
  png: 'image/png',
  json: 'application/json',
  svg: 'image/svg+xml',
  txt: 'text/plain',
  npy: 'application/x-npy',
  ndjson: 'application/x-ndjson',
} as const;
export type DigitFormat = keyof typeof DIGIT_FORMATS;

/** The parameters that change nothing in a format, and so are not part of its canonical URL. JSON's show in its URLs. */
export const WITHOUT_EFFECT = {
  png: ['dark_fg', 'dark_bg', 'pixels'],
  json: ['cols', 'gap', 'dpr', 'dark_fg', 'dark_bg'],
  svg: ['dpr', 'pixels'],
  txt: ['scale', 'gap', 'margin', 'dpr', 'fg', 'bg', 'smooth', 'dark_fg', 'dark_bg', 'pixels'],
  npy: [
    'cols',
    'scale',
    'gap',
    'margin',
    'dpr',
    'fg',
    'bg',
    'smooth',
    'dark_fg',
    'dark_bg',
    'pixels',
  ],
  ndjson: ['cols', 'gap', 'dpr', 'dark_fg', 'dark_bg'],
} as const satisfies Readonly<Record<DigitFormat, readonly string[]>>;
