/**
 * Leases on versions, kept in the ledger, keep publishers and deleters apart: R2 has no conditional
 * delete. A version may have several leases of one kind, but never both kinds.
 */
import { randomUUID } from 'node:crypto';
import { nameVersion } from '../../shared/model/artifact.ts';
import { StorageError } from '../../storage/object-store.ts';
import { repeat } from '../../storage/retry.ts';
import { PublishError } from './publish-error.ts';
import { changeLedger, LEASE_MS, type LeaseEntry, type Ledger } from './ledger.ts';
import {
  includesVersion,
  requireConditionalWrites,
  type Publication,
  type VersionId,
  type WriteOptions,
} from './writes.ts';

/** A request with its retries may take two minutes, and two machines' clocks may differ by one. */
const NEEDED_MS = 3 * 60_000;
/** A lease is renewed when less is left. */
const RENEWED_MS = 4 * 60_000;
/** Time between two looks at whether another's lease has ended. */
const LOOK = { baseMs: 2000, maxMs: 2000 };

export type Lease = ReturnType<typeof createLease>;

/**
 * Takes a lease so that nobody deletes `version`. Waits while a deleter holds a lease on it.
 */
export async function leaseToKeep(
  options: WriteOptions,
  { name, version }: VersionId,
): Promise<Lease> {
  const { now, waiting, onWait } = options;
  const id = { name, version };
  const token = randomUUID();
  let isTold = false;
  const lease = await repeat(
    async () => {
      let deleter: LeaseEntry | undefined;
      const { holds } = await changeLedger(options, (ledger) => {
        deleter = findLease(ledger, id, 'delete');
        return deleter !== undefined || ledger.holds.some((each) => each.token === token)
          ? ledger
          : addLease(ledger, { token, kind: 'keep', versions: [id] }, now());
      });
      if (deleter !== undefined && !isTold) {
        onWait?.(id, new Date(deleter.until));
        isTold = true;
      }
      return deleter === undefined ? holds.find((each) => each.token === token) : undefined;
    },
    LOOK,
    { waiting },
  );
  return createLease(options, lease as LeaseEntry);
}

/**
 * Takes a lease so that nobody begins to serve or pin the chosen versions. Versions that somebody
 * keeps are left out.
 * @param choose  Is given the ledger as it is when the lease begins.
 */
export async function leaseToDelete(
  publication: Publication,
  choose: (ledger: Ledger) => readonly VersionId[],
): Promise<Lease> {
  const token = randomUUID();
  const { holds } = await changeLedger(publication, (ledger) => {
    if (ledger.holds.some((lease) => lease.token === token)) {
      return ledger;
    }
    const versions = choose(ledger)
      .filter((id) => findLease(ledger, id, 'keep') === undefined)
      .map(({ name, version }) => ({ name, version }));
    return versions.length === 0
      ? ledger
      : addLease(ledger, { token, kind: 'delete', versions }, publication.now());
  });
  const taken = holds.find((lease) => lease.token === token);
  return createLease(publication, taken ?? { token, kind: 'delete', versions: [], until: '' });
}

export function findLease(ledger: Ledger, id: VersionId, kind: LeaseEntry['kind']) {
  return ledger.holds.find((lease) => lease.kind === kind && includesVersion(lease.versions, id));
}

function addLease(ledger: Ledger, lease: Omit<LeaseEntry, 'until'>, now: Date): Ledger {
  return { ...ledger, holds: [...ledger.holds, { ...lease, until: computeEnd(lease.kind, now) }] };
}

function computeEnd(kind: LeaseEntry['kind'], now: Date): string {
  return new Date(now.getTime() + LEASE_MS[kind]).toISOString();
}

function createLease(publication: Publication, { token, kind, versions, until }: LeaseEntry) {
  const { store, now } = publication;
  let untilMs = Date.parse(until);

  function isOwn(lease: LeaseEntry): boolean {
    return lease.token === token;
  }

  async function renew(): Promise<void> {
    const ledger = await changeLedger(publication, (present) => {
      const own = present.holds.find(isOwn);
      if (own === undefined || Date.parse(own.until) - now().getTime() >= RENEWED_MS) {
        return present;
      }
      const renewed = { ...own, until: computeEnd(kind, now()) };
      return { ...present, holds: present.holds.map((each) => (isOwn(each) ? renewed : each)) };
    });
    const own = ledger.holds.find(isOwn);
    untilMs = own === undefined ? 0 : Date.parse(own.until);
  }

  return {
    versions,
    /**
     * Makes sure that the lease lasts for one more step; called before each.
     * @throws PublishError  `lease_lost`, when it ended and was dropped.
     */
    async assure(): Promise<void> {
      if (untilMs - now().getTime() < RENEWED_MS) {
        await renew();
      }
      if (untilMs - now().getTime() < NEEDED_MS) {
        const failure = { reason: 'lease_lost', versions: versions.map(nameVersion) } as const;
        throw new PublishError(store.description, failure);
      }
    },
    /** Ends the lease, and changes the ledger in the same write. */
    async release(change = (ledger: Ledger): Ledger => ledger): Promise<void> {
      await changeLedger(publication, (ledger) => {
        const changed = change(ledger);
        return ledger.holds.some(isOwn)
          ? { ...changed, holds: changed.holds.filter((lease) => !isOwn(lease)) }
          : changed;
      });
    },
  };
}

/**
 * Acts while a lease keeps a version from being deleted.
 * @param act  Gets the lease, and whether the store honours conditions.
 * @throws PublishError  When the store honours no conditions and the caller does not allow that.
 */
export async function whileKept<T>(
  options: WriteOptions,
  id: VersionId,
  act: (lease: Lease, isSafe: boolean) => Promise<T>,
): Promise<T> {
  const isSafe = await requireConditionalWrites(options);
  const lease = await leaseToKeep(options, id);
  return withLease(lease, () => act(lease, isSafe));
}

export async function withLease<T>(lease: Lease, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } finally {
    await lease.release().catch((cause: unknown) => {
      // The action's outcome matters more; an unreleased lease expires.
      if (!(cause instanceof StorageError || cause instanceof PublishError)) {
        throw cause;
      }
    });
  }
}
