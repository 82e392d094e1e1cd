/**
 * Tests commands that are killed at each of their storage operations: before it, or after it
 * without its answer.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { namePublicKey } from '../../../shared/model/signature.ts';
import { removeModel, setDefault } from '../../../trainer/publish/default-model.ts';
import { LEASE_MS, readLedger } from '../../../trainer/publish/ledger.ts';
import { pinVersion } from '../../../trainer/publish/prune.ts';
import { pruneStore } from '../../../trainer/publish/prune.ts';
import { signVersion } from '../../../trainer/publish/signing.ts';
import { verifyStore } from '../../../trainer/publish/verify.ts';
import { rollBack } from '../../../trainer/publish/publish.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { createMemoryStore, type MemoryStore } from '../../support/storage/memory-store.ts';
import { listKeys } from '../../support/storage/object-store-contract.ts';
import {
  buildTiny,
  buildVersions,
  publishFixture,
  readPointer,
  readServed,
} from '../../support/models/published.ts';
import { createDyingStore, Death } from '../../support/storage/stepped-store.ts';

const [oldest, older, present, next] = buildVersions('oldest', 'older', 'present', 'next');
const other = buildTiny('other', 'other');
const idOf = ({ manifest: { name, version } }: typeof next) => ({ name, version });

/** Only `signing.test.ts` needs a real key. */
const signer = {
  publicKey: namePublicKey(new Uint8Array(32).fill(9)),
  sign: () => new Uint8Array(64).fill(1),
};

let base: string;
let laterMs: number;
let filled: MemoryStore | undefined;
const now = (): Date => new Date(Date.now() + laterMs);
/** Advances the test's clock instead of waiting. */
const waiting = { sleep: (ms: number) => Promise.resolve(void (laterMs += ms)), random: () => 1 };

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'digitmint-kills-'));
  laterMs = 0;
});
afterEach(() => rm(base, { recursive: true, force: true }));

const publish = (store: ObjectStore, fixture: typeof next) =>
  publishFixture(store, fixture, { makeDefault: false, now, waiting });

/** Opens a store with a model of three versions and another model. */
async function openFilled(): Promise<ObjectStore> {
  if (filled === undefined) {
    filled = createMemoryStore();
    for (const fixture of [oldest, older, present, other]) {
      await publish(filled, fixture);
    }
  }
  return filled.copy();
}

const prune = (store: ObjectStore) => pruneStore({ store, now, waiting, olderThanMs: 0, keep: 0 });

interface Command {
  readonly what: string;
  readonly run: (store: ObjectStore) => Promise<unknown>;
  /** The versions of which one is served after a kill, and the version served at the end. */
  readonly served: readonly [before: typeof next, after: typeof next];
  /** Checks the store after the command was repeated. */
  readonly check: (store: ObjectStore) => Promise<void>;
}

const COMMANDS: readonly Command[] = [
  {
    what: 'publishing',
    run: (store) => publish(store, next),
    served: [present, next],
    check: async (store) => {
      expect((await readLedger(store)).ledger.history.map(({ version }) => version)).toEqual(
        [oldest, older, present].map(({ manifest }) => manifest.version),
      );
    },
  },
  {
    what: 'rolling back to a version',
    run: (store) =>
      rollBack({ store, now, waiting, name: 'mlp', version: oldest.manifest.version }),
    served: [present, oldest],
    check: async (store) => {
      const { history } = (await readLedger(store)).ledger;
      expect(history.at(-1)?.version).toBe(present.manifest.version);
    },
  },
  {
    what: 'pinning',
    run: (store) => pinVersion({ store, now, waiting, id: idOf(oldest), note: 'a note' }),
    served: [present, present],
    check: async (store) => {
      expect((await readLedger(store)).ledger.pins).toMatchObject([
        { ...idOf(oldest), note: 'a note' },
      ]);
    },
  },
  {
    what: 'signing',
    run: (store) => signVersion({ store, now, waiting, id: idOf(oldest), signer }),
    served: [present, present],
    check: async (store) => {
      const key = `models/mlp/${oldest.manifest.version}/manifest.${signer.publicKey.id}.sig`;
      expect((await store.get(key))?.bytes).toEqual(signer.sign());
    },
  },
  {
    what: 'making another model the default',
    run: (store) => setDefault({ store, now, waiting, name: 'other' }),
    served: [present, present],
    check: async (store) => expect((await readPointer(store)).default).toBe('other'),
  },
  {
    what: 'pruning',
    run: prune,
    served: [present, present],
    check: async (store) => {
      expect(await listKeys(store, `models/mlp/${oldest.manifest.version}/`)).toEqual([]);
      expect(await listKeys(store, `models/mlp/${older.manifest.version}/`)).toHaveLength(3);
      expect((await readLedger(store)).ledger.history.map(({ version }) => version)).toEqual([
        older.manifest.version,
      ]);
    },
  },
];

describe.each(COMMANDS)('$what', ({ run, served: [before, after], check }) => {
  it.each(['before', 'after'] as const)(
    'killed %s any operation leaves a whole model served, and succeeds when repeated at once',
    async (when) => {
      let kills = 0;
      for (let isOver = false; !isOver;) {
        const store = await openFilled();
        const end = await run(createDyingStore(store, kills + 1, when)).then(
          () => 'over',
          (cause: unknown) => cause,
        );
        isOver = end === 'over';
        const served = await readServed(store);
        expect(Object.keys(served).toSorted()).toEqual(['mlp', 'other']);
        expect(served['other']).toBe(other.manifest.version);
        if (isOver) {
          expect(served['mlp']).toBe(after.manifest.version);
        } else {
          expect(end).toBeInstanceOf(Death);
          expect([before.manifest.version, after.manifest.version]).toContain(served['mlp']);
          kills += 1;
        }
        await run(store);
        expect((await readServed(store))['mlp']).toBe(after.manifest.version);
        await check(store);
        expect((await verifyStore(store)).faults).toEqual([]);
        // The killed command's lease expires.
        const { holds } = (await readLedger(store)).ledger;
        expect(holds.length).toBeLessThanOrEqual(1);
        expect(
          holds.every(({ until }) => Date.parse(until) <= now().getTime() + LEASE_MS.keep),
        ).toBe(true);
      }
      // Fewer kills would mean that the command skips a part of its protocol.
      expect(kills).toBeGreaterThanOrEqual(8);
    },
  );
});

it.each(['before', 'after'] as const)(
  'removing a model, killed %s any operation, leaves it served or removed, and a rollback serves it again',
  async (when) => {
    let kills = 0;
    for (let isOver = false; !isOver;) {
      const store = await openFilled();
      const remove = (place: ObjectStore) =>
        removeModel({ store: place, now, waiting, name: 'other' });
      isOver = await remove(createDyingStore(store, kills + 1, when)).then(
        () => true,
        (cause: unknown) => (expect(cause).toBeInstanceOf(Death), false),
      );
      kills += isOver ? 0 : 1;
      const served = await readServed(store);
      expect(served['mlp']).toBe(present.manifest.version);
      if ('other' in served) {
        expect(isOver).toBe(false);
        await remove(store);
      }
      expect(Object.keys(await readServed(store))).toEqual(['mlp']);
      expect((await verifyStore(store)).faults).toEqual([]);
      await rollBack({ store, now, waiting, name: 'other' });
      expect(await readServed(store)).toEqual({
        mlp: present.manifest.version,
        other: other.manifest.version,
      });
    }
    expect(kills).toBeGreaterThanOrEqual(8);
  },
);

it('a version whose deletion was killed at any operation is published again, after the lease if need be', async () => {
  let waited = 0;
  for (let dieAt = 1, isOver = false; !isOver; dieAt += 1) {
    const store = await openFilled();
    isOver = await prune(createDyingStore(store, dieAt, 'after')).then(
      () => true,
      () => false,
    );
    const startMs = laterMs;
    await publish(store, oldest);
    waited += laterMs > startMs ? 1 : 0;
    expect(laterMs - startMs).toBeLessThanOrEqual(LEASE_MS.delete + 5000);
    expect(await readServed(store)).toMatchObject({ mlp: oldest.manifest.version });
  }
  expect(waited).toBeGreaterThan(3);
});
