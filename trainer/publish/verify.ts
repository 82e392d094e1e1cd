/**
 * Verifies all that is published: every version whole, the pointer and the pins naming versions that are there.
 */
import { POINTER_KEY } from '../../shared/model/artifact.ts';
import type { PublicKey } from '../../shared/model/signature.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { checkVersion, type CheckedVersion, type Fault } from './check-version.ts';
import { findServed, isSameVersion, LEDGER_KEY, nameVersion, type VersionId } from './ledger.ts';
import { surveyStore, type Survey } from './survey.ts';

export interface Verification {
  readonly versions: readonly CheckedVersion[];
  /** What a publisher or a deleter left that was killed: no fault, since nothing serves it; `prune` deletes it. */
  readonly leftovers: readonly VersionId[];
  /** All that was found, those of the versions too. */
  readonly faults: readonly Fault[];
}

export interface VerifyOptions {
  /** Of one model, or of one version of it; of everything when not given. */
  readonly only?: { readonly name: string; readonly version: string | undefined } | undefined;
  readonly publicKeys?: readonly PublicKey[];
  readonly onChecked?: (version: CheckedVersion) => void;
}

/**
 * Reads and checks what is published. Writes nothing.
 * @throws PublishError, StorageError
 */
export async function verifyStore(
  store: ObjectStore,
  options: VerifyOptions = {},
): Promise<Verification> {
  const { only, publicKeys = [], onChecked = () => {} } = options;
  const survey = await surveyStore(store);
  const isMeant = ({ name, version }: VersionId): boolean =>
    only === undefined ||
    (name === only.name && (only.version === undefined || version === only.version));
  const versions: CheckedVersion[] = [];
  const leftovers: VersionId[] = [];
  for (const surveyed of survey.versions.filter(isMeant)) {
    const { name, version, objects, hasManifest } = surveyed;
    const served = findServed(survey.pointer?.pointer, name);
    const isServed = served?.version === version;
    if (!hasManifest && !isServed) {
      leftovers.push({ name, version });
      continue;
    }
    const manifestSha256 = isServed ? served.manifestSha256 : undefined;
    const checked = await checkVersion(
      store,
      { name, version },
      { objects, manifestSha256, publicKeys },
    );
    versions.push(checked);
    onChecked(checked);
  }
  const faults = [
    ...versions.flatMap((version) => version.faults),
    ...findDangling(survey)
      .filter((each) => isMeant(each.id))
      .map(({ fault }) => fault),
  ];
  return { versions, leftovers, faults };
}

/** Versions that pointer or pins name and of which nothing is there. */
function findDangling({
  pointer,
  ledger,
  versions,
}: Survey): { readonly id: VersionId; readonly fault: Fault }[] {
  const named = [
    ...Object.entries(pointer?.pointer.models ?? {}).map(([name, { version }]) => ({
      key: POINTER_KEY,
      id: { name, version },
    })),
    ...ledger.pins.map(({ name, version }) => ({ key: LEDGER_KEY, id: { name, version } })),
  ];
  return named
    .filter(({ id }) => !versions.some((version) => isSameVersion(version, id)))
    .map(({ key, id }) => ({
      id,
      fault: { key, problem: `names ${nameVersion(id)}, of which nothing is there` },
    }));
}
