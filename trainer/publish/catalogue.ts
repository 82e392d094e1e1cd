/** Lists the versions in a store with their objects and their states. */
import * as v from 'valibot';
import {
  ARTIFACT_LIMITS,
  ArtifactError,
  buildKey,
  MANIFEST_FILE,
  MODELS_PREFIX,
  modelNameSchema,
  modelVersionSchema,
  parseManifest,
  type Manifest,
} from '../../shared/model/artifact.ts';
import { parseSignaturePath } from '../../shared/model/signature.ts';
import { isTooLarge, type ListedObject, type ObjectStore } from '../../storage/object-store.ts';
import { findLease } from './lease.ts';
import { findPrevious, findServed, isLive, readLedger, type Ledger } from './ledger.ts';
import { includesVersion, isSameVersion, type VersionId } from './writes.ts';
import { readPointer } from './pointer.ts';

export type SurveyedVersion = ReturnType<typeof describeObjects>;
export type Survey = Awaited<ReturnType<typeof surveyStore>>;

/** A model, or one version of it. */
export type ModelId = { readonly name: string; readonly version?: string | undefined };

/** @param only  Everything is meant when not given. */
export function isMeant(only: ModelId | undefined, { name, version }: VersionId): boolean {
  return (
    only === undefined ||
    (name === only.name && (only.version === undefined || version === only.version))
  );
}

/** Lists versions in the order of names, then versions. @throws PublishError, StorageError */
export async function surveyStore(store: ObjectStore) {
  const pointer = await readPointer(store);
  const { ledger } = await readLedger(store);
  const listed = await store.list(MODELS_PREFIX);
  const groups = Object.groupBy(listed, ({ key }) => key.slice(0, key.lastIndexOf('/')));
  const versions = Object.entries(groups).flatMap(([folder, objects = []]) => {
    const id = parseVersionFolder(folder);
    return id === null ? [] : [describeObjects(id, objects)];
  });
  return { pointer, ledger, versions };
}

function describeObjects(id: VersionId, objects: readonly ListedObject[]) {
  return {
    ...id,
    objects,
    /** False for leftovers of killed processes: the manifest comes last and goes first. */
    hasManifest: objects.some(({ key }) => key.endsWith(`/${MANIFEST_FILE}`)),
    bytes: objects.reduce((sum, object) => sum + object.bytes, 0),
    /** Last write to one of its objects, by the store's clock; -Infinity without objects. */
    lastModifiedMs: Math.max(...objects.map((object) => object.lastModifiedMs)),
  };
}

/** @param folder  `models/NAME/VERSION`; other folders are not ours. */
function parseVersionFolder(folder: string): VersionId | null {
  const [name, version, ...more] = folder.slice(MODELS_PREFIX.length).split('/');
  return v.is(modelNameSchema, name) && v.is(modelVersionSchema, version) && more.length === 0
    ? { name, version }
    : null;
}

/** Last time that a version was written or served: milliseconds since 1970. */
export function findLastUse(version: SurveyedVersion, ledger: Ledger): number {
  const replaced = ledger.history.filter((entry) => isSameVersion(entry, version));
  const replacedMs = replaced.map(({ replacedAt }) => Date.parse(replacedAt));
  return Math.max(version.lastModifiedMs, ...replacedMs);
}

/** Versions that the pointer or a pin names, and of which no object is there. */
export function listMissing({ pointer, ledger, versions }: Survey) {
  const served = Object.entries(pointer?.pointer.models ?? {});
  return [
    ...served.map(([name, { version }]) => ({ name, version, namedBy: 'pointer' as const })),
    ...ledger.pins.map(({ name, version }) => ({ name, version, namedBy: 'pin' as const })),
  ].filter((id) => !includesVersion(versions, id));
}

export type CatalogueEntry = ReturnType<typeof describeVersion>;

/**
 * Lists versions by name. The served one comes first, then the last written.
 * @param only  One model, or one version of it; all models when not given.
 * @throws PublishError, StorageError
 */
export async function listCatalogue(store: ObjectStore, now: Date, only?: ModelId) {
  const survey = await surveyStore(store);
  const missing = listMissing(survey)
    .filter((id, i, all) => all.findIndex((other) => isSameVersion(id, other)) === i)
    .map(({ name, version }) => describeObjects({ name, version }, []));
  const entries: CatalogueEntry[] = [];
  for (const version of [...survey.versions, ...missing]) {
    if (isMeant(only, version)) {
      const manifest = version.hasManifest ? await readManifest(store, version) : null;
      entries.push(describeVersion(survey, version, manifest, now));
    }
  }
  return entries.toSorted(compareEntries);
}

function compareEntries(one: CatalogueEntry, other: CatalogueEntry): number {
  const isServed = ({ states }: CatalogueEntry): boolean => states.includes('served');
  const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
  return (
    compareText(one.name, other.name) ||
    Number(isServed(other)) - Number(isServed(one)) ||
    compareText(other.writtenAt ?? '', one.writtenAt ?? '') ||
    compareText(one.version, other.version)
  );
}

function describeVersion(
  { ledger, pointer }: Survey,
  surveyed: SurveyedVersion,
  manifest: Manifest | null,
  now: Date,
) {
  const { name, version, objects, bytes, hasManifest, lastModifiedMs } = surveyed;
  const served = findServed(pointer?.pointer, name);
  const isServed = served?.version === version;
  const isPrevious =
    served !== undefined && findPrevious(ledger, name, served.version)?.version === version;
  const replaced = ledger.history.findLast((entry) => isSameVersion(entry, surveyed));
  const pin = ledger.pins.find((each) => isSameVersion(each, surveyed));
  const live = { ...ledger, holds: ledger.holds.filter((lease) => isLive(lease, now)) };
  // The most important first; none for a version that is just stored. `default` serves requests
  // that name no model, a rollback goes to `previous`, the pointer or a pin names `missing` ones,
  // and this software refuses the manifest of `unreadable` ones.
  const states: [string, boolean][] = [
    ['default', isServed && pointer?.pointer.default === name],
    ['served', isServed],
    ['missing', objects.length === 0],
    ['incomplete', objects.length > 0 && !hasManifest],
    ['unreadable', hasManifest && manifest === null],
    ['previous', isPrevious],
    ['pinned', pin !== undefined],
    ['being_published', findLease(live, surveyed, 'keep') !== undefined],
    ['being_deleted', findLease(live, surveyed, 'delete') !== undefined],
  ];
  const folder = buildKey(name, version, '');
  return {
    name,
    version,
    states: states.filter(([, isSo]) => isSo).map(([state]) => state),
    objects: objects.length,
    bytes,
    /** Last write to one of its objects, ISO 8601; null without objects. */
    writtenAt: objects.length === 0 ? null : new Date(lastModifiedMs).toISOString(),
    /** When it last began to be served; null when that is not known. */
    publishedAt: (isServed ? served : replaced)?.publishedAt ?? null,
    /** When it was last replaced; null while it is served, or when that is not known. */
    replacedAt: isServed ? null : (replaced?.replacedAt ?? null),
    note: pin?.note ?? null,
    /** Ids of keys whose signatures are there; they are not verified. */
    signedBy: objects
      .map(({ key }) => parseSignaturePath(key.slice(folder.length)))
      .filter((id) => id !== undefined),
    /** null when it could not be read. */
    manifest,
  };
}

/** @returns  null for a manifest that is missing or that this software refuses. */
export async function readManifest(store: ObjectStore, { name, version }: VersionId) {
  try {
    const key = buildKey(name, version, MANIFEST_FILE);
    const object = await store.get(key, ARTIFACT_LIMITS.manifestBytes);
    return object === null ? null : parseManifest(object.bytes, { name, version }).manifest;
  } catch (cause) {
    if (cause instanceof ArtifactError || isTooLarge(cause)) {
      return null;
    }
    throw cause;
  }
}
