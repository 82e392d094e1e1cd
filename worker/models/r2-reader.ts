/**
 * Reads objects of an R2 bucket through its binding.
 */
import { ArtifactError } from '../../shared/model/artifact.ts';
import type { ObjectReader } from './model-store.ts';

/** What is used of an R2 bucket's binding. */
export interface Bucket {
  /** @returns  null when the key is free; no body when the condition failed. */
  get(
    key: string,
    options?: { onlyIf: { etagDoesNotMatch: string } },
  ): Promise<BucketObject | null>;
}

/** What is used of an R2 object. */
export interface BucketObject {
  readonly etag: string;
  readonly size: number;
  readonly body?: { cancel(): Promise<void> };
  arrayBuffer?(): Promise<ArrayBuffer>;
}

export function createR2Reader(bucket: Bucket): ObjectReader {
  return {
    async read(key, maxBytes, knownEtag) {
      const object = await bucket.get(
        key,
        knownEtag === undefined ? undefined : { onlyIf: { etagDoesNotMatch: knownEtag } },
      );
      if (object === null) {
        return 'missing';
      }
      if (object.body === undefined || object.arrayBuffer === undefined) {
        return 'unchanged';
      }
      if (object.size > maxBytes) {
        await object.body.cancel();
        throw new ArtifactError({ reason: 'too_large', what: key, bytes: object.size, maxBytes });
      }
      return { etag: object.etag, bytes: new Uint8Array(await object.arrayBuffer()) };
    },
  };
}
