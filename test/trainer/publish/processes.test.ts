/**
 * Tests commands in their own processes: killed for real over S3, and many at once while a reader
 * polls.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readLedger } from '../../../trainer/publish/ledger.ts';
import { pinVersion } from '../../../trainer/publish/prune.ts';
import { verifyStore } from '../../../trainer/publish/verify.ts';
import { createFolderStore } from '../../../storage/folder-store.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { createS3Store } from '../../../storage/s3-store.ts';
import type { ChildTask } from '../../support/models/models-child.ts';
import type { Fixture } from '../../support/models/fixture-artifact.ts';
import {
  buildTiny,
  buildVersions,
  publishFixture,
  readPointer,
  readServed,
  writeArtifact,
} from '../../support/models/published.ts';
import {
  hasVersitygw,
  startVersitygw,
  type S3Server,
  type Versitygw,
} from '../../support/storage/s3-server.ts';
import { findProgram } from '../../support/trainer-program.ts';

const CHILD = findProgram('models-child');

let base: string;
const makeBase = async () => {
  base = await mkdtemp(join(tmpdir(), 'digitmint-processes-'));
};
beforeEach(makeBase);
afterEach(() => rm(base, { recursive: true, force: true }));

/** @returns  The results of the child's commands; null when it was killed. */
function runChild(task: ChildTask): Promise<string[] | null> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [CHILD, JSON.stringify(task)], (error, stdout, stderr) => {
      if (error !== null && error.signal !== 'SIGKILL') {
        reject(new Error(stderr, { cause: error }));
      } else {
        resolve(error === null ? (JSON.parse(stdout) as string[]) : null);
      }
    });
  });
}

const publish = (store: ObjectStore, fixture: Fixture) =>
  publishFixture(store, fixture, { makeDefault: false });

/** A new prefix in the server's bucket. */
function openPrefix(
  server: S3Server,
  prefix: string,
): { store: ObjectStore; place: ChildTask['store'] } {
  const { endpoint, bucket, region, credentials } = server;
  const s3 = { endpoint, bucket, region, credentials, prefix };
  return { store: createS3Store(s3), place: { s3 } };
}

describe.skipIf(!hasVersitygw())(
  'over S3 (versitygw, installed by dev/install-versitygw.sh)',
  () => {
    const FILLED = 'filled';
    const [oldest, older, present, next] = buildVersions('oldest', 'older', 'present', 'next');
    let server: Versitygw;
    beforeAll(async () => {
      server = await startVersitygw();
      const { store } = openPrefix(server, FILLED);
      await makeBase();
      for (const fixture of [oldest, older, present]) {
        await publish(store, fixture);
      }
      await rm(base, { recursive: true });
    });
    afterAll(() => server?.stop());

    // `kills.test.ts` tests every operation, without processes.
    it.each<
      [
        what: string,
        name: 'publish' | 'rollback' | 'prune',
        kills: [step: string, when: 'before' | 'after'][],
      ]
    >([
      [
        'publisher',
        'publish',
        [
          ['put ledger.json', 'after'],
          ['put models/mlp/NEXT/weights.bin', 'after'],
          ['put models/mlp/NEXT/manifest.json', 'after'],
          ['put current.json', 'before'],
          ['put current.json', 'after'],
        ],
      ],
      [
        'rollback',
        'rollback',
        [
          ['put ledger.json', 'after'],
          ['put current.json', 'before'],
          ['put current.json', 'after'],
        ],
      ],
      [
        'prune',
        'prune',
        [
          ['put ledger.json', 'after'],
          ['delete models/mlp/OLDEST/manifest.json', 'after'],
          ['delete models/mlp/OLDEST/weights.bin', 'before'],
        ],
      ],
    ])(
      'a %s that is killed leaves a whole model served, and the next one finishes',
      async (_, name, kills) => {
        const versionOf = ({ manifest }: typeof next): string => manifest.version;
        const wanted = { publish: next, rollback: oldest, prune: present }[name];
        const command: ChildTask['command'] = {
          publish: { do: 'publish' as const, folders: [await writeArtifact(base, next)] },
          rollback: { do: 'rollback' as const, name: 'mlp', version: versionOf(oldest) },
          prune: { do: 'prune' as const },
        }[name];
        for (const [index, [step, when]] of kills.entries()) {
          const prefix = `${name}-${index}`;
          const { store, place } = openPrefix(server, prefix);
          // As files, with their ETags: three publications over S3 take longer.
          const folders = [FILLED, prefix].map((each) => join(server.folder, each));
          await promisify(execFile)('cp', ['-a', ...folders]);
          const at = step.replace('NEXT', versionOf(next)).replace('OLDEST', versionOf(oldest));
          expect(await runChild({ store: place, command, kill: { at, when } })).toBeNull();
          expect([versionOf(present), versionOf(wanted)]).toContain(
            (await readServed(store))['mlp'],
          );
          expect(await runChild({ store: place, command })).toEqual(['done']);
          expect(await readServed(store)).toEqual({ mlp: versionOf(wanted) });
          expect((await verifyStore(store)).faults).toEqual([]);
        }
      },
    );
  },
);

/** How often each process repeats its command: less over S3, where a command takes longer. */
const PLACES: readonly [
  string,
  times: number,
  boolean,
  () => Promise<{ store: ObjectStore; place: ChildTask['store']; stop: () => Promise<void> }>,
][] = [
  [
    'a folder',
    6,
    true,
    async () => {
      const folder = join(base, 'store');
      return { store: createFolderStore(folder), place: { folder }, stop: async () => undefined };
    },
  ],
  [
    'S3 (versitygw, installed by dev/install-versitygw.sh)',
    3,
    hasVersitygw(),
    async () => {
      const server = await startVersitygw();
      return { ...openPrefix(server, 'shared'), stop: server.stop };
    },
  ],
];

describe.each(PLACES)('in %s', (_, times, isThere, open) => {
  it.skipIf(!isThere)(
    'concurrent publishers, rollbacks, pins and prunes lose nothing, and a reader always finds a whole model',
    async () => {
      const { store, place, stop } = await open();
      try {
        const versions = ['one', 'two', 'three'].map((seed) => buildTiny('mlp', seed));
        const [pinned, raced] = [buildTiny('mlp', 'pinned'), buildTiny('mlp', 'raced')];
        for (const fixture of [pinned, raced, ...versions]) {
          await publish(store, fixture);
        }
        await pinVersion({ store, now: () => new Date(), id: pinned.manifest });
        const folders = await Promise.all(versions.map((fixture) => writeArtifact(base, fixture)));
        const others = await Promise.all(
          ['a', 'b'].map((name) => writeArtifact(base, buildTiny(name, name))),
        );
        const [first] = versions as [ReturnType<typeof buildTiny>];
        const { name, version } = first.manifest;
        const commands: ChildTask['command'][] = [
          { do: 'publish', folders },
          { do: 'publish', folders: folders.toReversed() },
          ...others.map((folder) => ({ do: 'publish', folders: [folder] }) as const),
          { do: 'rollback', name, version },
          { do: 'rollback', name },
          { do: 'prune' },
          { do: 'prune' },
          { do: 'pin', name, version: raced.manifest.version },
        ];
        let isOver = false;
        const running = Promise.all(
          commands.map((command) => runChild({ store: place, command, times })),
        ).finally(() => {
          isOver = true;
        });
        let looks = 0;
        while (!isOver) {
          await lookWhole(store);
          looks += 1;
          await sleep(20); // Else the reader takes a core from the commands.
        }
        const endsOf = await running;
        const ends = endsOf.flat();
        // A refusal names its reason: a target that was pruned, a model that another command
        // moved, or others that came first in all twelve attempts, as on a busy machine.
        expect(new Set(ends)).toEqual(
          new Set(
            ends.filter((end) =>
              ['done', 'not_whole', 'served_changed', 'no_previous', 'contended'].includes(
                end ?? '',
              ),
            ),
          ),
        );
        expect(ends.filter((end) => end === 'done').length).toBeGreaterThan(5 * times);
        expect(looks).toBeGreaterThan(3);
        expect(Object.keys(await readServed(store)).toSorted()).toEqual(['a', 'b', 'mlp']);
        const { ledger } = await readLedger(store);
        // The second pin comes in time, or after a prune of its version; the command's result says
        // which.
        const isRacedPinned = endsOf.at(-1)?.includes('done') ?? false;
        const pins = [pinned, ...(isRacedPinned ? [raced] : [])].map(
          (each) => each.manifest.version,
        );
        expect(ledger.pins.map((pin) => pin.version)).toEqual(pins);
        expect(ledger.holds).toEqual([]);
        expect((await verifyStore(store)).faults).toEqual([]);
      } finally {
        await stop();
      }
    },
  );
});

/** Reads the served model. If it is incomplete, another model must be served by now. */
async function lookWhole(store: ObjectStore): Promise<void> {
  const before = await readPointer(store);
  try {
    await readServed(store);
  } catch (cause) {
    expect(await readPointer(store), String(cause)).not.toEqual(before);
  }
}
