/** Reads published models from a folder or a bucket, as the worker does through its binding. */
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ExpectedError } from '../shared/expected-error.ts';
import {
  ArtifactError,
  MANIFEST_FILE,
  MODELS_PREFIX,
  POINTER_KEY,
} from '../shared/model/artifact.ts';
import { createFolderStore } from '../storage/folder-store.ts';
import { isForbidden, isTooLarge, isValidKey, type ObjectStore } from '../storage/object-store.ts';
import type { S3Credentials, S3Location } from '../storage/s3-location.ts';
import type { ObjectReader } from '../worker/models/model-store.ts';

/** The place where the server finds models. */
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
 * @throws ExpectedError  When there is no such folder, or a model lies in it unpublished.
 */
export async function openModels(place: ModelsPlace): Promise<ObjectReader | undefined> {
  switch (place.kind) {
    case 'bundled':
      return undefined;
    case 'folder':
      await requireFolder(resolve(place.path));
      return shareReads(createObjectReader(createFolderStore(place.path)));
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
    const found =
      cause.code === 'ENOENT'
        ? `found none: npm run publish -- --model FOLDER --to ${path} makes one`
        : `got ${cause.code ?? cause.message}`;
    throw new ExpectedError(`models: expected a folder that can be read at ${path}, ${found}`, {
      cause,
    });
  });
  if (!facts.isDirectory()) {
    throw new ExpectedError(`models: expected a folder at ${path}, got a file`);
  }
  if (existsSync(join(path, MANIFEST_FILE)) && !existsSync(join(path, POINTER_KEY))) {
    throw new ExpectedError(
      `models: expected a folder that models were published to, got a model, ${path}; ` +
        `publish it first: npm run publish -- --model ${path} --to ./published`,
    );
  }
}

/** Largest object that is read again to test the credentials. */
const MAX_KNOWN_BYTES = 64 * 1024;

/**
 * Reads a store. S3 answers 403 for a missing object where the credentials may not list the bucket.
 * Such an answer counts as missing only for an object of a model, and only while the same
 * credentials can read another one. A refused pointer is reported as refused. In a
 * folder, “forbidden” means that the file is there.
 */
export function createObjectReader(store: ObjectStore): ObjectReader {
  /** The objects of models that were read last, newest first. */
  let known: { readonly key: string; readonly etag: string }[] = [];

  function remember(key: string, etag: string): void {
    known = [{ key, etag }, ...known.filter((each) => each.key !== key)].slice(0, 2);
  }

  async function canReadOther(key: string): Promise<boolean> {
    const isServer = store.hasUnsafeConditions !== undefined;
    const other = known.find((each) => each.key !== key);
    if (!isServer || other === undefined) {
      return false;
    }
    const read = store.getIfChanged(other.key, other.etag, MAX_KNOWN_BYTES);
    return read.then(
      () => true,
      (cause: unknown) => isTooLarge(cause), // It changed, and its beginning was read.
    );
  }

  return {
    async read(key, maxBytes, knownEtag) {
      // Keys can come from a request's path; an impossible one names no object.
      if (!isValidKey(key)) {
        return 'missing';
      }
      try {
        const object =
          knownEtag === undefined
            ? await store.get(key, maxBytes)
            : await store.getIfChanged(key, knownEtag, maxBytes);
        if (object !== null && object !== 'unchanged' && isOfModel(key)) {
          remember(key, object.etag);
        }
        return object ?? 'missing';
      } catch (cause) {
        if (isForbidden(cause) && isOfModel(key) && (await canReadOther(key))) {
          return 'missing';
        }
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

/**
 * Shares the reads under way. A read of a network's folder may hang for hours. It goes on after the
 * caller's time limit and holds one of Node's four threads for files, so a second read of the same
 * object must not begin.
 */
export function shareReads(objects: ObjectReader): ObjectReader {
  const pending = new Map<string, ReturnType<ObjectReader['read']>>();
  return {
    read(...asked) {
      const name = JSON.stringify(asked);
      let reading = pending.get(name);
      if (reading === undefined) {
        reading = objects.read(...asked).finally(() => pending.delete(name));
        pending.set(name, reading);
      }
      return reading;
    },
  };
}

function isOfModel(key: string): boolean {
  return key.startsWith(MODELS_PREFIX);
}
