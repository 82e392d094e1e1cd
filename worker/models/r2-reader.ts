/** Reads objects of an R2 bucket through its binding. */
import { ArtifactError } from '../../shared/model/artifact.ts';
import type { ObjectReader } from './model-store.ts';

/** The used part of an R2 bucket's binding. */
export interface Bucket {
  /** @returns  null when there is no such object; without a body when the condition failed. */
  get(
    key: string,
    options?: { onlyIf: { etagDoesNotMatch: string } },
  ): Promise<BucketObject | null>;
}

/** The used part of an R2 object. */
export interface BucketObject {
  readonly etag: string;
  readonly size: number;
  readonly body?: { cancel(): Promise<void> };
  arrayBuffer?(): Promise<ArrayBuffer>;
}

export function createR2Reader(bucket: Bucket): ObjectReader {
  return {
    async read(key, maxBytes, etag) {
      const condition = etag === undefined ? undefined : { onlyIf: { etagDoesNotMatch: etag } };
      const object = await bucket.get(key, condition);
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
