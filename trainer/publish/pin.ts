/**
 * Pins: versions that are never pruned, whatever their age. A pin is an entry in the ledger, with a note that says why.
 */
import { PublishError } from './publish-error.ts';
import { requireManifest } from './check-version.ts';
import { holding, holdToKeep, type OnWait } from './hold.ts';
import {
  changeLedger,
  isSameVersion,
  LEDGER_LIMITS,
  readLedger,
  type Publication,
  type VersionId,
} from './ledger.ts';

export interface PinOptions extends Publication {
  readonly id: VersionId;
  /** Why; at most 200 characters. */
  readonly note?: string;
  /** True to check everything and write nothing. */
  readonly dryRun?: boolean;
  readonly onWait?: OnWait;
}

/**
 * Pins a version.
 *
 * @returns  True when the ledger was changed, or for a dry run would be.
 * @throws PublishError  `not_whole`, when there is no such version; `too_many_pins`.
 */
export async function pinVersion(options: PinOptions): Promise<boolean> {
  const { store, now, id, note = '', dryRun = false } = options;
  const { ledger } = await readLedger(store);
  await requireManifest(store, id);
  if (ledger.pins.some((pin) => isSameVersion(pin, id) && pin.note === note)) {
    return false;
  }
  if (dryRun) {
    return true;
  }
  const hold = await holdToKeep(options, id, (present) => present, options.onWait);
  await holding(hold, async () => {
    // Again, since it may have been deleted before the hold began. From here on it cannot be.
    await requireManifest(store, id);
    await hold.assure();
    await hold.release((present) => {
      const others = present.pins.filter((pin) => !isSameVersion(pin, id));
      if (others.length >= LEDGER_LIMITS.pins) {
        throw new PublishError(store.description, { reason: 'too_many_pins', pins: others.length });
      }
      return present.pins.some((pin) => isSameVersion(pin, id) && pin.note === note)
        ? present
        : {
            ...present,
            pins: [
              ...others,
              { name: id.name, version: id.version, pinnedAt: now().toISOString(), note },
            ],
          };
    });
  });
  return true;
}

/**
 * Takes a pin away.
 * @returns  True when the ledger was changed, or for a dry run would be.
 */
export async function unpinVersion({
  id,
  dryRun = false,
  ...publication
}: PinOptions): Promise<boolean> {
  const { ledger } = await readLedger(publication.store);
  if (!ledger.pins.some((pin) => isSameVersion(pin, id))) {
    return false;
  }
  if (!dryRun) {
    await changeLedger(publication, (present) => {
      const pins = present.pins.filter((pin) => !isSameVersion(pin, id));
      return pins.length === present.pins.length ? present : { ...present, pins };
    });
  }
  return true;
}
