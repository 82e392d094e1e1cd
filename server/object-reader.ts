/** Reads published models from a folder or a bucket, as the worker does through its binding. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ExpectedError } from '../shared/expected-error.ts';
import { ArtifactError } from '../shared/model/artifact.ts';
import { createFolderStore } from '../storage/folder-store.ts';
import { isTooLarge, isValidKey, type ObjectStore } from '../storage/object-store.ts';
import type { S3Credentials, S3Location } from '../storage/s3-location.ts';
import type { ObjectReader } from '../worker/models/model-store.ts';

/** Where the server finds models. */
export type ModelsPlace =
  | { readonly kind: 'bundled' }
  | { readonly kind: 'folder'; readonly path: string }
  | {
      readonly kind: 's3';
      readonly location: S3Location & { readonly credentials: S3Credentials | undefined };
    };

/**
 * Opens a place; a folder may still be empty, and a bucket is not asked yet.
 * @returns  undefined for the bundled model, which needs no storage.
 * @throws ExpectedError  When there is no such folder.
 */
export async function openModels(place: ModelsPlace): Promise<ObjectReader | undefined> {
  switch (place.kind) {
    case 'bundled':
      return undefined;
    case 'folder':
      await requireFolder(resolve(place.path));
      return createObjectReader(createFolderStore(place.path));
    case 's3': {
      // Loaded here, because the AWS SDK is as large as the rest of the server.
      const { createS3Store } = await import('../storage/s3-store.ts');
      // One attempt: the last good model serves until the next refresh, which tries again.
      const options = { ...place.location, attempts: 1, env: process.env };
      return createObjectReader(createS3Store(options));
    }
  }
}

async function requireFolder(path: string): Promise<void> {
  const facts = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new ExpectedError(
      `models: expected a folder that can be read at ${path}, got ${cause.code ?? cause.message}`,
      { cause },
    );
  });
  if (!facts.isDirectory()) {
    throw new ExpectedError(`models: expected a folder at ${path}, got a file`);
  }
}

function createObjectReader(store: ObjectStore): ObjectReader {
  return {
    async read(key, maxBytes, knownEtag) {
      // Keys can come from a request's path; an impossible one names no object.
      if (!isValidKey(key)) {
        return 'missing';
      }
      try {
        const object =
          knownEtag === undefined
            ? await store.get(key, { maxBytes })
            : await store.getIfChanged(key, knownEtag, { maxBytes });
        return object ?? 'missing';
      } catch (cause) {
        if (isTooLarge(cause)) {
          // The store stopped reading one byte after the limit.
          const bytes = maxBytes + 1;
          throw new ArtifactError({ reason: 'too_large', what: key, bytes, maxBytes }, { cause });
        }
        throw cause;
      }
    },
  };
}
