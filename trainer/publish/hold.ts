/**
 * Holds on versions: leases in the ledger that keep those who serve a version and those who delete it apart. Holds of one
 * kind go together, holds of the two kinds on one version never. Object storage has no conditional delete that would do
 * (R2 has none at all), so that a delete must not be sent without a hold, nor near its end.
 */
import { randomUUID } from 'node:crypto';
import { realWaiting } from '../../storage/retry.ts';
import { StorageError } from '../../storage/object-store.ts';
import { PublishError } from './publish-error.ts';
import {
  changeLedger,
  isSameVersion,
  nameVersion,
  type HoldEntry,
  type Ledger,
  type Publication,
  type VersionId,
} from './ledger.ts';

/**
 * How long a hold counts when its holder is never heard of again. A file of 16 MiB may take six minutes to upload; a
 * deleter only sends short requests, and who wants to publish what it held has to wait.
 */
export const LEASE_MS = { keep: 20 * 60_000, delete: 6 * 60_000 } as const;
/**
 * No less than this may be left of a hold when a delete or a move of the pointer is sent: such a request may be on its
 * way for two minutes, with its repetitions, and two machines' clocks may differ by one.
 */
const NEEDED_MS = 3 * 60_000;
/** Renewed when less is left. */
const RENEWED_MS = 4 * 60_000;
/** Between two looks at whether another's hold is over. */
const LOOK_MS = 2000;

export interface Hold {
  readonly versions: readonly VersionId[];
  /**
   * Makes sure that the hold lasts for one more step; called before each.
   * @throws PublishError  `hold_lost`, when its time ran out and it was taken away.
   */
  assure(): Promise<void>;
  /** Gives it back, and changes the ledger in the same write. */
  release(change?: (ledger: Ledger) => Ledger): Promise<void>;
}

/** That a version is held by a deleter, who is waited for. */
export type OnWait = (version: VersionId, until: Date) => void;

/**
 * Holds a version so that nobody deletes it, and changes the ledger in the same write. Waits while it is being deleted: at
 * most for a lease, after which a deleter that was killed holds it no more.
 */
export async function holdToKeep(
  publication: Publication,
  version: VersionId,
  change: (ledger: Ledger) => Ledger,
  onWait: OnWait = () => {},
): Promise<Hold> {
  const { now, waiting = realWaiting } = publication;
  const token = randomUUID();
  let isTold = false;
  let until = '';
  for (;;) {
    let deleter: HoldEntry | undefined;
    await changeLedger(publication, (ledger) => {
      deleter = findHold(ledger, version, 'delete');
      if (deleter !== undefined || ledger.holds.some((hold) => hold.token === token)) {
        return ledger;
      }
      until = computeEnd('keep', now());
      return addHold(change(ledger), { token, kind: 'keep', versions: [pickId(version)], until });
    });
    if (deleter === undefined) {
      return createHold(publication, { token, kind: 'keep', versions: [pickId(version)], until });
    }
    if (!isTold) {
      onWait(version, new Date(deleter.until));
      isTold = true;
    }
    await waiting.sleep(LOOK_MS);
  }
}

/**
 * Holds those versions that a choice made of the ledger, so that nobody begins to serve or pin them; those that are held
 * by one who keeps them are left out.
 *
 * @param choose  Given the ledger as it is when the hold begins.
 */
export async function holdToDelete(
  publication: Publication,
  choose: (ledger: Ledger) => VersionId[],
): Promise<Hold> {
  const token = randomUUID();
  let versions: VersionId[] = [];
  let until = '';
  await changeLedger(publication, (ledger) => {
    if (ledger.holds.some((hold) => hold.token === token)) {
      return ledger;
    }
    versions = choose(ledger)
      .filter((version) => findHold(ledger, version, 'keep') === undefined)
      .map(pickId);
    until = computeEnd('delete', publication.now());
    return versions.length === 0
      ? ledger
      : addHold(ledger, { token, kind: 'delete', versions, until });
  });
  return createHold(publication, { token, kind: 'delete', versions, until });
}

/** A hold of a kind on a version; undefined when there is none. */
export function findHold(
  ledger: Ledger,
  version: VersionId,
  kind: HoldEntry['kind'],
): HoldEntry | undefined {
  return ledger.holds.find(
    (hold) => hold.kind === kind && hold.versions.some((each) => isSameVersion(each, version)),
  );
}

/** Of something that has more. */
function pickId({ name, version }: VersionId): VersionId {
  return { name, version };
}

function addHold(ledger: Ledger, hold: HoldEntry): Ledger {
  return { ...ledger, holds: [...ledger.holds, hold] };
}

function computeEnd(kind: HoldEntry['kind'], now: Date): string {
  return new Date(now.getTime() + LEASE_MS[kind]).toISOString();
}

function createHold(publication: Publication, { token, kind, versions, until }: HoldEntry): Hold {
  const { store, now } = publication;
  let untilMs = Date.parse(until);

  function isOwn(hold: HoldEntry): boolean {
    return hold.token === token;
  }

  async function renew(): Promise<void> {
    const ledger = await changeLedger(publication, (present) => {
      const own = present.holds.find(isOwn);
      return own === undefined || Date.parse(own.until) - now().getTime() >= RENEWED_MS
        ? present
        : {
            ...present,
            holds: present.holds.map((hold) =>
              isOwn(hold) ? { ...hold, until: computeEnd(kind, now()) } : hold,
            ),
          };
    });
    const own = ledger.holds.find(isOwn);
    untilMs = own === undefined ? 0 : Date.parse(own.until);
  }

  return {
    versions,
    async assure() {
      if (untilMs - now().getTime() < RENEWED_MS) {
        await renew();
      }
      if (untilMs - now().getTime() < NEEDED_MS) {
        throw new PublishError(store.description, {
          reason: 'hold_lost',
          versions: versions.map(nameVersion),
        });
      }
    },
    async release(change = (ledger) => ledger) {
      await changeLedger(publication, (ledger) => {
        const changed = change(ledger);
        return ledger.holds.some(isOwn)
          ? { ...changed, holds: changed.holds.filter((hold) => !isOwn(hold)) }
          : changed;
      });
    },
  };
}

/** Does something under a hold and gives it back. */
export async function holding<T>(hold: Hold, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } finally {
    await hold.release().catch((cause: unknown) => {
      // What was done under it counts more; a hold that is not given back runs out.
      if (!(cause instanceof StorageError || cause instanceof PublishError)) {
        throw cause;
      }
    });
  }
}
