/**
 * Tests any concurrent commands with their operations in any order, some killed: the served model
 * is whole after every operation. fast-check chooses commands, order and kills, and shrinks a
 * failure.
 */
import { equal } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Pointer } from '../../../shared/model/artifact.ts';
import { readLedger } from '../../../trainer/publish/ledger.ts';
import { pinVersion } from '../../../trainer/publish/prune.ts';
import { pruneStore } from '../../../trainer/publish/prune.ts';
import { verifyStore } from '../../../trainer/publish/verify.ts';
import { publishArtifact, rollBack } from '../../../trainer/publish/publish.ts';
import type { Waiting } from '../../../storage/retry.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { createMemoryStore, type MemoryStore } from '../../support/storage/memory-store.ts';
import { buildTiny, catchPublishFailure, writeArtifact } from '../../support/models/published.ts';
import { Death, wrapOperations } from '../../support/storage/stepped-store.ts';

const fixtures = ['oldest', 'older', 'present'].map((seed) => buildTiny('mlp', seed));
const other = buildTiny('other', 'other');

let laterMs = 0;
const now = (): Date => new Date(Date.now() + laterMs);

type Command = (store: ObjectStore, waiting: Waiting) => Promise<unknown>;

let base: string;
let filled: MemoryStore;
const commands: Record<string, Command> = {};
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'digitmint-schedules-'));
  filled = createMemoryStore();
  for (const fixture of [...fixtures, other]) {
    const { name, version } = fixture.manifest;
    const folder = await writeArtifact(base, fixture);
    commands[`publish ${name}@${version}`] = (store, waiting) =>
      publishArtifact({ store, folder, makeDefault: false, now, waiting });
    if (fixture !== other) {
      commands[`rollback ${version}`] = (store, waiting) =>
        rollBack({ store, now, waiting, name, version });
      await commands[`publish ${name}@${version}`]?.(filled, {
        sleep: () => Promise.resolve(),
        random: () => 1,
      });
    }
  }
  const id = { name: 'mlp', version: fixtures[0]?.manifest.version as string };
  commands['rollback'] = (store, waiting) => rollBack({ store, now, waiting, name: 'mlp' });
  commands['pin'] = (store, waiting) => pinVersion({ store, now, waiting, id });
  commands['prune'] = (store, waiting) =>
    pruneStore({ store, now, waiting, olderThanMs: 0, keep: 0 });
});
afterAll(() => rm(base, { recursive: true, force: true }));

const NAMES = [
  ...fixtures.flatMap(({ manifest: { version } }) => [
    `publish mlp@${version}`,
    `rollback ${version}`,
  ]),
  `publish other@${other.manifest.version}`,
  'rollback',
  'pin',
  'prune',
  'prune',
];

function hash(bytes: Uint8Array | undefined): string {
  return createHash('sha256')
    .update(bytes ?? 'nothing')
    .digest('hex');
}

/**
 * Returns the served versions and checks, at one moment, that all of their files are whole. It uses
 * Node's assertions, because vitest's take longer than the hashes.
 */
function lookWhole(store: MemoryStore): Record<string, string> {
  const { models } = JSON.parse(new TextDecoder().decode(store.peek('current.json'))) as Pointer;
  return Object.fromEntries(
    Object.entries(models).map(([name, { version, manifestSha256 }]) => {
      const manifest = store.peek(`models/${name}/${version}/manifest.json`);
      equal(hash(manifest), manifestSha256);
      for (const file of JSON.parse(new TextDecoder().decode(manifest)).files) {
        equal(hash(store.peek(`models/${name}/${version}/${file.path}`)), file.sha256);
      }
      return [name, version];
    }),
  );
}

it('the served model is whole after each operation, whatever commands run, in any order, with any kills', async () => {
  const seen: Record<string, number> = {};
  const task = fc.record({
    name: fc.constantFrom(...NAMES),
    /**
     * The operation at which the command is killed. A surviving command has a number above its
     * count of operations.
     */
    dieAt: fc.oneof({ weight: 3, arbitrary: fc.constant(1000) }, fc.integer({ min: 1, max: 35 })),
    diesAfter: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(task, { minLength: 2, maxLength: 5 }),
      async (scheduler, tasks) => {
        const store = filled.copy();
        laterMs = 0;
        let live = tasks.length;
        let asleep = 0;
        const waiting: Waiting = {
          random: () => 1,
          sleep: async (ms) => {
            asleep += 1;
            await scheduler.schedule(Promise.resolve(), 'sleep');
            // Time passes only while all commands sleep, because no request here takes minutes.
            laterMs += asleep === live ? ms : 0;
            asleep -= 1;
          },
        };
        const run = async ({ name, dieAt, diesAfter }: (typeof tasks)[number]): Promise<string> => {
          let operations = 0;
          const stepped = wrapOperations(store, async (label, operate) => {
            await scheduler.schedule(Promise.resolve(), `${name}: ${label}`);
            operations += 1;
            if (operations > dieAt || (operations === dieAt && !diesAfter)) {
              throw new Death(label);
            }
            const result = await operate();
            lookWhole(store);
            if (operations === dieAt) {
              throw new Death(label);
            }
            return result;
          });
          const call = (commands[name] as Command)(stepped, waiting);
          const end = await call.then(
            () => 'done',
            async (cause: unknown) =>
              cause instanceof Death ? 'killed' : (await catchPublishFailure(call)).reason,
          );
          live -= 1;
          seen[end] = (seen[end] ?? 0) + 1;
          return end;
        };
        const ends = await scheduler.waitFor(Promise.all(tasks.map(run)));

        expect([
          'done',
          'killed',
          'not_whole',
          'served_changed',
          'no_previous',
          'contended',
        ]).toEqual(expect.arrayContaining(ends));
        const served = lookWhole(store);
        tasks.forEach(({ name }, i) => {
          if (name.startsWith('publish other') && ends[i] === 'done') {
            expect(served['other']).toBe(other.manifest.version);
          }
        });
        const isKilled = ends.includes('killed');
        const { holds, pins } = (await readLedger(store)).ledger;
        expect(isKilled || holds.length === 0).toBe(true);
        const { faults } = await verifyStore(store);
        expect(faults).toEqual([]);
        tasks.forEach(({ name }, i) => {
          if (name === 'pin' && ends[i] === 'done') {
            expect(pins).toHaveLength(1);
          }
        });
      },
    ),
    { numRuns: 300, seed: 6 },
  );
  // Every possible outcome occurred.
  expect(seen['done']).toBeGreaterThan(300);
  expect(seen['killed']).toBeGreaterThan(50);
  expect(seen['not_whole']).toBeGreaterThan(0);
  expect(seen['served_changed']).toBeGreaterThan(0);
});
