/**
 * What lies in a store: every version of every model with its objects, as one listing tells of them.
 */
import {
  MANIFEST_FILE,
  MODELS_PREFIX,
  modelNameSchema,
  modelVersionSchema,
} from '../../shared/model/artifact.ts';
import type { ListedObject, ObjectStore } from '../../storage/object-store.ts';
import { readPointer, type StoredPointer } from './served-pointer.ts';
import { isSameVersion, readLedger, type Ledger, type VersionId } from './ledger.ts';

/** A version's objects. */
export interface SurveyedVersion extends VersionId {
  readonly objects: readonly ListedObject[];
  /** False for what was left by a publisher or a deleter that was killed: the manifest comes last and goes first. */
  readonly hasManifest: boolean;
  /** Of all objects together. */
  readonly bytes: number;
  /** When the last of its objects was written, by the store's clock. */
  readonly lastModifiedMs: number;
}

export interface Survey {
  readonly pointer: StoredPointer;
  readonly ledger: Ledger;
  /** In the order of names, then versions. */
  readonly versions: readonly SurveyedVersion[];
  /** Objects below `models/` that are no version's. */
  readonly strangers: readonly ListedObject[];
}

/**
 * Reads pointer and ledger and lists all models.
 * @throws PublishError, StorageError
 */
export async function surveyStore(store: ObjectStore): Promise<Survey> {
  const pointer = await readPointer(store);
  const { ledger } = await readLedger(store);
  return { pointer, ledger, ...groupVersions(await store.list(MODELS_PREFIX)) };
}

/** Puts a listing's objects together by their version. */
function groupVersions(listed: readonly ListedObject[]): Pick<Survey, 'versions' | 'strangers'> {
  const groups = new Map<string, ListedObject[]>();
  const strangers: ListedObject[] = [];
  for (const object of listed) {
    const id = parseVersionKey(object.key);
    if (id === null) {
      strangers.push(object);
      continue;
    }
    const group = groups.get(`${id.name}/${id.version}`);
    if (group === undefined) {
      groups.set(`${id.name}/${id.version}`, [object]);
    } else {
      group.push(object);
    }
  }
  const versions = [...groups.values()].map((objects) => describeVersion(objects));
  return { versions, strangers };
}

function describeVersion(objects: readonly ListedObject[]): SurveyedVersion {
  const { name, version } = parseVersionKey(objects[0]?.key ?? '') as VersionId;
  return {
    name,
    version,
    objects,
    hasManifest: objects.some(({ key }) => key.endsWith(`/${MANIFEST_FILE}`)),
    bytes: objects.reduce((sum, object) => sum + object.bytes, 0),
    lastModifiedMs: Math.max(...objects.map((object) => object.lastModifiedMs)),
  };
}

/** The version that a key belongs to: `models/NAME/VERSION/FILE`. */
function parseVersionKey(key: string): VersionId | null {
  const [name, version, file, ...more] = key.slice(MODELS_PREFIX.length).split('/');
  const parsed = {
    name: modelNameSchema.safeParse(name),
    version: modelVersionSchema.safeParse(version),
  };
  return parsed.name.success && parsed.version.success && file !== undefined && more.length === 0
    ? { name: parsed.name.data, version: parsed.version.data }
    : null;
}

/** When a version was written or served last: milliseconds since 1970. */
export function findLastUse(version: SurveyedVersion, ledger: Ledger): number {
  const replaced = ledger.history
    .filter((entry) => isSameVersion(entry, version))
    .map((entry) => Date.parse(entry.replacedAt));
  return Math.max(version.lastModifiedMs, ...replaced);
}
