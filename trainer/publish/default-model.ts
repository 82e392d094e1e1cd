/**
 * Which model serves requests that name none: whether a new version may become it, how another one
 * does, and how a model that is not it is removed.
 */
import { nameVersion, type Manifest, type Pointer } from '../../shared/model/artifact.ts';
import { shorten } from '../../shared/text.ts';
import { readManifest } from './catalogue.ts';
import { whileKept } from './lease.ts';
import { findServed, readLedger } from './ledger.ts';
import { movePointer, readPointer, withdrawModel, type StoredPointer } from './pointer.ts';
import { PublishError } from './publish-error.ts';
import type { VersionId, WriteOptions } from './writes.ts';

/** A training with a smaller share of the served one's images is a trial. */
const SHORT_SHARE = 0.5;
/** Diversity is 1 for real images. A version that is further from 1 by this is worse. */
const WORSE_DIVERSITY = 0.2;

/**
 * Judges whether a version may replace the default model of the same name.
 * @returns  Why it should not; null if it may.
 */
export async function findObjection(
  { store }: WriteOptions,
  before: StoredPointer,
  next: Manifest,
): Promise<string | null> {
  const { name, version } = next;
  const served = findServed(before?.pointer, name);
  if (before?.pointer.default !== name || served === undefined || served.version === version) {
    return null;
  }
  const present = await readManifest(store, { name, version: served.version });
  return present && compareManifests(nameVersion({ name, version: served.version }), present, next);
}

function compareManifests(served: string, present: Manifest, next: Manifest): string | null {
  const describe = ({ image, classes }: Manifest): string =>
    `${image.width} x ${image.height} x ${image.channels}, classes ${classes.join(', ') || 'none'}`;
  if (describe(present) !== describe(next)) {
    return `it draws ${shorten(describe(next), 100)}; ${served} draws ${shorten(describe(present), 100)}`;
  }
  const [seen, before] = [next, present].map(({ training }) => training.imagesSeen);
  if (seen !== undefined && before !== undefined && seen < SHORT_SHARE * before) {
    return `it has seen ${seen.toLocaleString('en')} images, ${served} ${before.toLocaleString('en')}`;
  }
  const [diversity = NaN, usual = NaN] = [next, present].map(({ figures }) => figures['diversity']);
  return Math.abs(1 - diversity) > Math.abs(1 - usual) + WORSE_DIVERSITY
    ? `its samples have a diversity of ${diversity.toFixed(2)}, those of ${served} ${usual.toFixed(2)}, real images 1`
    : null;
}

type NameOptions = WriteOptions & { readonly name: string };

/**
 * Makes a served model the default.
 * @returns  `pointerMoved`: the pointer was changed, or for a dry run would be.
 * @throws PublishError  When it is not served. StorageError
 */
export async function setDefault(options: NameOptions) {
  const { name, dryRun = false } = options;
  const { pointer, served } = await findModel(options);
  const result = { name, previousDefaultName: pointer.default };
  if (pointer.default === name || dryRun) {
    return { ...result, pointerMoved: pointer.default !== name };
  }
  const isMoved = await whileKept(options, served, async (lease, isSafe) => {
    const target = { ...served, makeDefault: true };
    const check = checkUnchanged(options, served);
    return (await movePointer(options, target, { lease, isSafe, check })).isMoved;
  });
  return { ...result, pointerMoved: isMoved };
}

/**
 * Stops serving a model. Its versions stay in the store.
 * @returns  The version that was served.
 * @throws PublishError  When it is the default, or not served. StorageError
 */
export async function removeModel(options: NameOptions): Promise<VersionId> {
  const { name, dryRun = false } = options;
  const { pointer, served } = await findModel(options);
  refuseDefault(options, pointer);
  if (!dryRun) {
    await whileKept(options, served, async (lease, isSafe) => {
      const checkVersion = checkUnchanged(options, served);
      await withdrawModel(options, name, {
        lease,
        isSafe,
        check(before) {
          refuseDefault(options, before?.pointer);
          checkVersion(before);
        },
      });
    });
  }
  return { name, version: served.version };
}

/** @throws PublishError  `not_served`. */
async function findModel({ store, name }: NameOptions) {
  const pointer = (await readPointer(store))?.pointer;
  const served = findServed(pointer, name);
  if (pointer === undefined || served === undefined) {
    const names = Object.keys(pointer?.models ?? {});
    throw new PublishError(store.description, { reason: 'not_served', name, names });
  }
  await readLedger(store); // A ledger that is refused stops the command before it writes.
  return { pointer, served: { name, ...served } };
}

/** @throws PublishError  `is_default`. */
function refuseDefault({ store, name }: NameOptions, pointer: Pointer | undefined): void {
  if (pointer?.default === name) {
    const names = Object.keys(pointer.models).filter((each) => each !== name);
    throw new PublishError(store.description, { reason: 'is_default', name, names });
  }
}

/** Makes a check that a command changes what it found when it began, and nothing else. */
export function checkUnchanged({ store, name }: NameOptions, { version: expected }: VersionId) {
  return (before: StoredPointer): void => {
    const found = findServed(before?.pointer, name)?.version ?? 'none';
    if (found !== expected) {
      const change = { name, expected, found };
      throw new PublishError(store.description, { reason: 'served_changed', ...change });
    }
  };
}
