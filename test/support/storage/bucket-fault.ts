/**
 * Faults between the worker and its bucket. Tests choose them in Node;
 * test/edge/faulty-bucket-worker.ts injects them.
 */

/** The fault of an object that is read. */
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

/** Applies a fault to every object whose key has this suffix. */
export interface FaultyRead {
  readonly key: string;
  readonly fault: BucketFault;
}

/** Faults that make the worker wait. Every other fault answers at once. */
export const HANGING_FAULTS: readonly BucketFault[] = [
  'never answers',
  'answers too late',
  'never ends',
];
