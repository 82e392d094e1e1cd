import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Pointer } from '../../../shared/model/artifact.ts';
import { leaseToDelete, leaseToKeep } from '../../../trainer/publish/lease.ts';
import {
  changeLedger,
  findPrevious,
  LEASE_MS,
  LEDGER_KEY,
  LEDGER_LIMITS,
  readLedger,
  recordServed,
  type Ledger,
} from '../../../trainer/publish/ledger.ts';
import { pruneStore } from '../../../trainer/publish/prune.ts';
import { createFolderStore } from '../../../storage/folder-store.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { buildPointer, listObjects } from '../../support/models/fixture-artifact.ts';
import { buildTiny, catchPublishFailure, readServed } from '../../support/models/published.ts';

const EMPTY: Ledger = { schema: 1, history: [], pins: [], holds: [] };
const START = Date.parse('2026-02-03T04:05:06Z');
const buildVersion = (index: number): string => index.toString(16).padStart(16, '0');

function buildServed(
  models: Record<string, string>,
  publishedAt = '2026-01-01T00:00:00Z',
): Pointer {
  const entries = Object.entries(models).map(([name, version]) => [
    name,
    { version, manifestSha256: '0'.repeat(64), publishedAt },
  ]);
  return {
    schema: 1,
    default: Object.keys(models)[0] as string,
    models: Object.fromEntries(entries),
  };
}

describe('the history', () => {
  const record = (ledger: Ledger, name: string, from: number, to: number, at = START): Ledger =>
    recordServed(
      ledger,
      buildServed({ [name]: buildVersion(from) }, new Date(START + from).toISOString()),
      { name, version: buildVersion(to) },
      new Date(at),
    );

  it('has each version once, the last served at the end, and a limited number per name', () => {
    let ledger = record(EMPTY, 'other', 1, 2);
    for (let index = 1; index <= 30; index += 1) {
      ledger = record(ledger, 'mlp', index, index + 1);
    }
    const ofName = ledger.history
      .filter(({ name }) => name === 'mlp')
      .map(({ version }) => version);
    expect(ofName).toEqual(
      Array.from({ length: LEDGER_LIMITS.historyOfName }, (_, i) => buildVersion(11 + i)),
    );
    expect(ledger.history.filter(({ name }) => name === 'other')).toHaveLength(1);
    const again = record(ledger, 'mlp', 15, 31).history.filter(({ name }) => name === 'mlp');
    expect(again.filter(({ version }) => version === buildVersion(15))).toEqual([again.at(-1)]);
    expect(again).toHaveLength(LEDGER_LIMITS.historyOfName);
  });

  it('has the time of the last attempt to replace a version', () => {
    const first = record(EMPTY, 'mlp', 1, 2);
    expect(record(first, 'mlp', 1, 2)).toEqual(first);
    expect(record(first, 'mlp', 1, 2, START + 5000).history).toEqual([
      { ...first.history[0], replacedAt: new Date(START + 5000).toISOString() },
    ]);
  });

  it('is not changed by a move to the same version', () => {
    expect(record(EMPTY, 'mlp', 1, 1)).toBe(EMPTY);
    expect(
      recordServed(EMPTY, undefined, { name: 'mlp', version: buildVersion(1) }, new Date()),
    ).toBe(EMPTY);
  });

  it('takes no property of Object.prototype for a model', () => {
    const pointer = buildServed({ mlp: buildVersion(1) });
    expect(
      recordServed(EMPTY, pointer, { name: 'constructor', version: buildVersion(2) }, new Date()),
    ).toBe(EMPTY);
  });

  it('knows the previously served version, although a mover was killed after it recorded the new one', () => {
    const ledger = record(record(EMPTY, 'mlp', 1, 2), 'mlp', 2, 3);
    expect(findPrevious(ledger, 'mlp', buildVersion(3))?.version).toBe(buildVersion(2));
    expect(findPrevious(ledger, 'mlp', buildVersion(2))?.version).toBe(buildVersion(1));
    expect(findPrevious(ledger, 'other', buildVersion(2))).toBeUndefined();
  });
});

describe('in a store', () => {
  let base: string;
  let store: ObjectStore;
  let nowMs: number;
  const now = (): Date => new Date(nowMs);
  const waiting = { sleep: (ms: number) => Promise.resolve(void (nowMs += ms)), random: () => 1 };
  const id = { name: 'mlp', version: buildVersion(1) };
  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'digitmint-ledger-'));
    store = createFolderStore(base);
    nowMs = START;
  });
  afterEach(() => rm(base, { recursive: true, force: true }));

  it('allows several leases of one kind on a version, but never both kinds', async () => {
    const publication = { store, now, waiting };
    const first = await leaseToKeep(publication, id);
    const second = await leaseToKeep(publication, id);
    expect((await leaseToDelete(publication, () => [id])).versions).toEqual([]);
    await first.release();
    expect((await leaseToDelete(publication, () => [id])).versions).toEqual([]);
    await second.release();
    const [one, other] = [
      await leaseToDelete(publication, () => [id]),
      await leaseToDelete(publication, () => [id]),
    ];
    expect([one.versions, other.versions]).toEqual([[id], [id]]);
    await one.release();
    // Waits until the other's lease ends, and no longer.
    const told: Date[] = [];
    await leaseToKeep({ ...publication, onWait: (_, until) => told.push(until) }, id);
    expect(told).toEqual([new Date(START + LEASE_MS.delete)]);
    expect(nowMs - START).toBeLessThanOrEqual(LEASE_MS.delete + 2000);
    expect((await readLedger(store)).ledger.holds).toMatchObject([
      { kind: 'keep', versions: [id] },
    ]);
  });

  it('renews a lease during its work', async () => {
    const lease = await leaseToDelete({ store, now, waiting }, () => [id]);
    for (let step = 0; step < 20; step += 1) {
      nowMs += LEASE_MS.delete / 4;
      await lease.assure();
      const [entry] = (await readLedger(store)).ledger.holds;
      expect(Date.parse(entry?.until ?? '') - nowMs).toBeGreaterThanOrEqual(3 * 60_000);
    }
  });

  it('does not renew an expired lease beside its successor', async () => {
    const slept = await leaseToDelete({ store, now, waiting }, () => [id]);
    nowMs += LEASE_MS.delete + 1;
    const next = await leaseToKeep({ store, now, waiting }, id);
    expect(await catchPublishFailure(slept.assure())).toEqual({
      reason: 'lease_lost',
      versions: [`mlp@${id.version}`],
    });
    await next.assure();
    await slept.release();
    expect((await readLedger(store)).ledger.holds).toHaveLength(1);
  });

  it.each([
    ['delete', LEASE_MS.delete],
    ['keep', LEASE_MS.keep],
  ] as const)('ignores a lease of a wrong clock: %s', async (kind, lengthMs) => {
    const token = '3f1c6d0e-8a53-4f6c-9a39-5f2f6e1c7a10';
    const write = (aheadMs: number) => {
      const until = new Date(START + lengthMs + aheadMs).toISOString();
      const holds = [{ token, kind, versions: [id], until }];
      const bytes = new TextEncoder().encode(JSON.stringify({ ...EMPTY, holds }));
      return writeFile(join(base, LEDGER_KEY), bytes);
    };
    const readHolds = async () =>
      (await changeLedger({ store, now }, (ledger) => ledger)).holds.map((hold) => hold.token);
    await write(60_000);
    expect(await readHolds()).toEqual([token]);
    await write(60_001);
    expect(await readHolds()).toEqual([]);
  });

  it('refuses a change that no reader could parse', async () => {
    const wrong = { name: 'No Name', version: 'x', pinnedAt: 'yesterday', note: '' };
    await expect(
      changeLedger({ store, now }, (ledger) => ({ ...ledger, pins: [wrong] })),
    ).rejects.toThrow('pins');
    const note = 'x'.repeat(LEDGER_LIMITS.noteLength);
    const pins = Array.from({ length: 3000 }, (_, i) => ({
      name: 'mlp',
      version: buildVersion(i),
      pinnedAt: now().toISOString(),
      note,
    }));
    expect(
      (await catchPublishFailure(changeLedger({ store, now }, (ledger) => ({ ...ledger, pins }))))
        .reason,
    ).toBe('ledger_full');
    expect(await store.get(LEDGER_KEY)).toBeNull();
  });

  it('prunes more versions than fit one lease, except the needed ones', async () => {
    const fixtures = Array.from({ length: 60 }, (_, i) => buildTiny('mlp', `version ${i}`));
    const served = fixtures[0] as (typeof fixtures)[number];
    for (const [key, bytes] of fixtures.flatMap(listObjects)) {
      await store.put(key, bytes, null);
    }
    await store.put('current.json', buildPointer(served), null);
    nowMs = Date.now();
    const result = await pruneStore({ store, now, waiting, olderThanMs: 0, keep: 2 });
    expect(result.deleted).toHaveLength(57);
    expect(result.kept.map(({ reason }) => reason).toSorted()).toEqual([
      'recent',
      'recent',
      'served',
    ]);
    expect(await store.list('models/')).toHaveLength(9);
    expect(await readServed(store)).toEqual({ mlp: served.manifest.version });
    expect((await readLedger(store)).ledger.holds).toEqual([]);
  });
});
