/**
 * The formats of each route by extension. The first is the default, and content negotiation prefers
 * the earlier. Without dependencies: the client imports it.
 */

const DIGIT = ['png', 'json', 'svg', 'txt', 'npy', 'ndjson'] as const;

export const FORMATS = {
  digit: DIGIT,
  number: DIGIT,
  dataset: ['idx', 'idx.gz', 'npy', 'npz', 'parquet', 'csv', 'ndjson'],
  // `png` is animated: APNG.
  morph: ['png', 'gif'],
  // Text formats have no fixed size a digit, so a shard would have none.
  jobs: ['npy', 'idx'],
} as const;

export type RouteName = keyof typeof FORMATS;
export type FormatOf<R extends RouteName> = (typeof FORMATS)[R][number];
export type DigitFormat = FormatOf<'digit'>;
export type DatasetFormat = FormatOf<'dataset'>;
export type MorphFormat = FormatOf<'morph'>;
export type JobFormat = FormatOf<'jobs'>;

const MEDIA_TYPES = {
  png: 'image/png',
  json: 'application/json',
  svg: 'image/svg+xml',
  txt: 'text/plain',
  npy: 'application/x-npy',
  ndjson: 'application/x-ndjson',
  gif: 'image/gif',
  idx: 'application/octet-stream',
  'idx.gz': 'application/gzip',
  npz: 'application/zip',
  parquet: 'application/vnd.apache.parquet',
  csv: 'text/csv',
} as const;

/** The media types of a route's formats by extension. */
function listTypes<R extends RouteName>(route: R) {
  return Object.fromEntries(FORMATS[route].map((format) => [format, MEDIA_TYPES[format]])) as {
    readonly [F in FormatOf<R>]: (typeof MEDIA_TYPES)[F];
  };
}

export const DIGIT_FORMATS = /* @__PURE__ */ listTypes('digit');
export const MORPH_FORMATS = /* @__PURE__ */ listTypes('morph');
export const DATASET_FORMATS = /* @__PURE__ */ listTypes('dataset');
export const JOB_FORMATS = /* @__PURE__ */ listTypes('jobs');

/** The content of a set's or a shard's file. */
export const SET_PARTS = ['images', 'labels'] as const;
export type SetPart = (typeof SET_PARTS)[number];

/** Whether a file of a set holds either images or labels, not both. */
export function isInParts(format: DatasetFormat): boolean {
  return format === 'idx' || format === 'idx.gz' || format === 'npy';
}
