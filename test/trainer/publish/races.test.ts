/**
 * Tests two commands on one store. One is halted before each of its operations in turn while the
 * other runs, to its end or until it waits for the first.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { POINTER_KEY } from '../../../shared/model/artifact.ts';
import { readLedger } from '../../../trainer/publish/ledger.ts';
import { pinVersion } from '../../../trainer/publish/prune.ts';
import { pruneStore } from '../../../trainer/publish/prune.ts';
import { verifyStore } from '../../../trainer/publish/verify.ts';
import { rollBack } from '../../../trainer/publish/publish.ts';
import type { Waiting } from '../../../storage/retry.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { createMemoryStore, type MemoryStore } from '../../support/storage/memory-store.ts';
import { listKeys } from '../../support/storage/object-store-contract.ts';
import {
  buildTiny,
  catchPublishFailure,
  publishFixture,
  readServed,
} from '../../support/models/published.ts';
import { createCountingStore, createPausingStore } from '../../support/storage/stepped-store.ts';

const oldest = buildTiny('mlp', 'oldest');
const older = buildTiny('mlp', 'older');
const present = buildTiny('mlp', 'present');
const other = buildTiny('other', 'other');
const versionOf = ({ manifest }: typeof oldest): string => manifest.version;
const idOf = ({ manifest: { name, version } }: typeof oldest) => ({ name, version });

let base: string;
let filled: MemoryStore | undefined;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'digitmint-races-'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

const now = (): Date => new Date();
const quick: Waiting = {
  sleep: () => new Promise((resolve) => setTimeout(resolve, 1)),
  random: () => 1,
};

type Command = (store: ObjectStore, waiting: Waiting) => Promise<unknown>;

const publish =
  (fixture: typeof oldest): Command =>
  (store, waiting) =>
    publishFixture(store, fixture, { makeDefault: false, now, waiting });
const prune: Command = (store, waiting) =>
  pruneStore({ store, now, waiting, olderThanMs: 0, keep: 0 });
const rollBackTo =
  (fixture: typeof oldest): Command =>
  (store, waiting) =>
    rollBack({ store, now, waiting, name: 'mlp', version: versionOf(fixture) });
const pin: Command = (store, waiting) => pinVersion({ store, now, waiting, id: idOf(oldest) });

/** Opens a store with a model of three versions. */
async function openFilled(): Promise<ObjectStore> {
  if (filled === undefined) {
    filled = createMemoryStore();
    for (const fixture of [oldest, older, present]) {
      await publish(fixture)(filled, quick);
    }
  }
  return filled.copy();
}

/** The outcome of a command: `done`, or the reason of its refusal. */
async function settle(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'done',
    async () => (await catchPublishFailure(call)).reason,
  );
}

/**
 * Runs `halted`, and `passing` before one of its operations. When `passing` has to wait, `halted`
 * continues, and `passing` finishes afterwards.
 */
async function interleave(
  store: ObjectStore,
  halted: Command,
  passing: Command,
  at: number,
): Promise<[string, string]> {
  const ended = Promise.withResolvers<void>();
  let passed: Promise<string> | undefined;
  const pausing = createPausingStore(store, at, async () => {
    const waits = Promise.withResolvers<void>();
    const sleep = async (): Promise<void> => {
      waits.resolve();
      await ended.promise;
    };
    passed = settle(passing(store, { sleep, random: () => 1 }));
    await Promise.race([passed, waits.promise]);
  });
  const first = await settle(halted(pausing, quick));
  ended.resolve();
  return [first, (await passed) ?? 'not run'];
}

/** Interleaves the commands at every operation, and checks each outcome. */
async function interleaveEverywhere(
  halted: Command,
  passing: Command,
  check: (store: ObjectStore, ends: readonly [string, string]) => Promise<void>,
): Promise<void> {
  for (let at = 1; ; at += 1) {
    const store = await openFilled();
    const ends = await interleave(store, halted, passing, at);
    if (ends[1] === 'not run') {
      // Fewer operations would mean that a command skips a part of its protocol.
      expect(at).toBeGreaterThan(8);
      return;
    }
    await check(store, ends);
    await readServed(store);
    expect((await verifyStore(store)).faults).toEqual([]);
    expect((await readLedger(store)).ledger.holds).toEqual([]);
  }
}

const servedIs = async (store: ObjectStore, fixture: typeof oldest): Promise<void> =>
  expect((await readServed(store))['mlp']).toBe(versionOf(fixture));

it.each([
  ['a deleter of that version comes in between', true],
  ['its deletion is halted', false],
])(
  'a published version is served and whole at the end, wherever %s',
  async (_, isPublisherHalted) => {
    const [halted, passing] = isPublisherHalted
      ? [publish(oldest), prune]
      : [prune, publish(oldest)];
    await interleaveEverywhere(halted, passing, async (store, ends) => {
      expect(ends).toEqual(['done', 'done']);
      await servedIs(store, oldest);
    });
  },
);

it.each([
  ['a deleter of its target comes in between', true],
  ['the deletion of its target is halted', false],
])(
  'rolling back serves a whole target or changes nothing, wherever %s',
  async (_, isRollbackHalted) => {
    const [halted, passing] = isRollbackHalted
      ? [rollBackTo(oldest), prune]
      : [prune, rollBackTo(oldest)];
    const seen = new Set<string>();
    await interleaveEverywhere(halted, passing, async (store, ends) => {
      const [rolledBack, pruned] = isRollbackHalted ? ends : ends.toReversed();
      expect(pruned).toBe('done');
      seen.add(rolledBack as string);
      await servedIs(store, rolledBack === 'done' ? oldest : present);
    });
    // Both outcomes must have occurred.
    expect([...seen].toSorted()).toEqual(['done', 'not_whole']);
  },
);

it.each([
  ['a deleter comes in between', true],
  ['its deletion is halted', false],
])('a version is both pinned and present, or neither, wherever %s', async (_, isPinHalted) => {
  const [halted, passing] = isPinHalted ? [pin, prune] : [prune, pin];
  const seen = new Set<string>();
  await interleaveEverywhere(halted, passing, async (store, ends) => {
    const [pinned] = isPinHalted ? ends : ends.toReversed();
    seen.add(pinned as string);
    const isPinned = (await readLedger(store)).ledger.pins.length === 1;
    expect(isPinned).toBe(pinned === 'done');
    expect(await listKeys(store, `models/mlp/${versionOf(oldest)}/`)).toHaveLength(
      isPinned ? 3 : 0,
    );
  });
  expect([...seen].toSorted()).toEqual(['done', 'not_whole']);
});

it('two publishers keep each other’s entries, at any interleaving', async () => {
  await interleaveEverywhere(publish(oldest), publish(other), async (store, ends) => {
    expect(ends).toEqual(['done', 'done']);
    expect(await readServed(store)).toEqual({ mlp: versionOf(oldest), other: versionOf(other) });
  });
});

it('rolling back never undoes a concurrent publication, and the history names every served version', async () => {
  const next = buildTiny('mlp', 'next');
  await interleaveEverywhere(
    rollBackTo(oldest),
    publish(next),
    async (store, [rolledBack, published]) => {
      expect(published).toBe('done');
      expect(['done', 'served_changed']).toContain(rolledBack);
      const { mlp } = await readServed(store);
      const history = (await readLedger(store)).ledger.history.map(({ version }) => version);
      expect([versionOf(next), versionOf(oldest)]).toContain(mlp);
      expect(history).toContain(versionOf(present));
      if (mlp === versionOf(oldest)) {
        expect(history.at(-1)).toBe(versionOf(next));
      }
    },
  );
});

it('the publisher heals a deletion that outlasted every lease, after moving the pointer', async () => {
  const { store: counting, seen } = createCountingStore(await openFilled());
  await publish(oldest)(counting, quick);
  const store = await openFilled();
  let isDeleted = false;
  // The publisher's first operation after the move.
  const halted = createPausingStore(store, seen.indexOf(`put ${POINTER_KEY}`) + 2, async () => {
    await servedIs(store, oldest);
    for (const key of await listKeys(store, `models/mlp/${versionOf(oldest)}/`)) {
      await store.delete(key);
    }
    isDeleted = true;
  });
  await publish(oldest)(halted, quick);
  expect(isDeleted).toBe(true);
  await servedIs(store, oldest);
});
