/**
 * What goes wrong between the worker and its bucket: told by the tests in Node, done by
 * test/edge/faulty-bucket-worker.ts.
 */

/** What an object that is read does. */
export const BUCKET_FAULTS = [
  'throws',
  'never answers',
  'answers too late',
  'is missing',
  'breaks off',
  'never ends',
  'is cut short',
  'is empty',
  'is altered',
  'is longer than it says',
  'is a page of an error',
  'is of a schema of the future',
  'is far too large',
] as const;
export type BucketFault = (typeof BUCKET_FAULTS)[number];

/** A fault of every object whose key ends so. */
export interface FaultyRead {
  readonly key: string;
  readonly fault: BucketFault;
}

/** Faults that keep the worker waiting. Every other fault answers at once. */
export const HANGING_FAULTS: readonly BucketFault[] = [
  'never answers',
  'answers too late',
  'never ends',
];
