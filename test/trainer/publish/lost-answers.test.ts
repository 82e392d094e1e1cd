/**
 * Tests commands over S3 while each request in turn fails once: its answer is lost, the request is
 * lost, or the server defers it. No command does its work twice or mistakes its own work for
 * another's.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLedger } from '../../../trainer/publish/ledger.ts';
import { pruneStore } from '../../../trainer/publish/prune.ts';
import { verifyStore } from '../../../trainer/publish/verify.ts';
import { rollBack } from '../../../trainer/publish/publish.ts';
import { createFolderStore } from '../../../storage/folder-store.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { createS3Store } from '../../../storage/s3-store.ts';
import {
  buildS3Error,
  startFaultyProxy,
  type Fault,
  type FaultyProxy,
} from '../../support/storage/faulty-proxy.ts';
import { listKeys } from '../../support/storage/object-store-contract.ts';
import { buildVersions, publishFixture, readServed } from '../../support/models/published.ts';
import { hasVersitygw, startVersitygw, type Versitygw } from '../../support/storage/s3-server.ts';

const now = (): Date => new Date();
/** No test waits between attempts. */
const waiting = { sleep: () => Promise.resolve(), random: () => 1 };

const [oldest, older, present, next] = buildVersions('oldest', 'older', 'present', 'next');
const versionOf = ({ manifest }: typeof next): string => manifest.version;

describe.skipIf(!hasVersitygw())(
  'over S3 (versitygw, installed by dev/install-versitygw.sh)',
  () => {
    let base: string;
    let server: Versitygw;
    let proxy: FaultyProxy;
    /** Countdown to the request that fails; the others pass. */
    let armed: { left: number; fault: Fault } | undefined;
    beforeAll(async () => {
      base = await mkdtemp(join(tmpdir(), 'digitmint-lost-'));
      server = await startVersitygw();
      proxy = await startFaultyProxy(server.endpoint, () => {
        if (armed !== undefined) {
          armed.left -= 1;
          if (armed.left === 0) {
            return armed.fault;
          }
        }
        return { do: 'pass' };
      });
    });
    afterAll(async () => {
      await proxy?.close();
      await server?.stop();
      await rm(base, { recursive: true, force: true });
    });

    const publish = (store: ObjectStore, fixture: typeof next) =>
      publishFixture(store, fixture, { makeDefault: false, now, waiting });

    /** A store after three publications, copied under a new prefix for each fault. */
    const FILLED = 'filled';
    beforeAll(async () => {
      const store = createS3Store({ ...server, prefix: FILLED });
      for (const fixture of [oldest, older, present]) {
        await publish(store, fixture);
      }
      await store.close();
    });

    /**
     * Runs a command once for each of its requests, which fails, and once without a fault.
     * @param every  Tries every request, or the first of so many.
     */
    async function runThroughFaults(
      name: string,
      fault: Fault,
      every: number,
      run: (store: ObjectStore) => Promise<unknown>,
      check: (direct: ObjectStore, result: unknown) => Promise<void>,
    ): Promise<void> {
      for (let left = 1; ; left += every) {
        const prefix = `${name}-${left}`;
        // As files, with their ETags: thousands of requests take the processor for seconds.
        const folder = join(server.folder, prefix);
        await promisify(execFile)('cp', ['-a', join(server.folder, FILLED), folder]);
        const direct = createFolderStore(folder);
        armed = { left, fault };
        const result = await run(
          createS3Store({ ...server, endpoint: proxy.endpoint, prefix, waiting }),
        );
        const isOver = armed.left > 0;
        armed = undefined;
        await check(direct, result);
        expect((await readLedger(direct)).ledger.holds).toEqual([]);
        expect((await verifyStore(direct)).faults).toEqual([]);
        expect(await listKeys(direct, 'publish-probe-')).toEqual([]);
        if (isOver) {
          // Fewer requests would mean that the command skips a part of its protocol.
          expect(left).toBeGreaterThan(20);
          return;
        }
      }
    }

    const readHistory = async (store: ObjectStore) =>
      (await readLedger(store)).ledger.history.map(({ version }) => version);
    const moved = { pointerMoved: true, previousVersion: versionOf(present) };

    // Only a request whose answer is lost has had an effect. The client repeats all others alike.
    it.each<[what: string, name: string, fault: Fault, every: number]>([
      ['whose answer is lost', 'cut', { do: 'cut' }, 1],
      ['that is lost', 'drop', { do: 'drop' }, 3],
      ['that is put off', 'slow', { do: 'answer', status: 503, body: buildS3Error('SlowDown') }, 3],
    ])('publishing survives a request %s', async (_, name, fault, every) => {
      await runThroughFaults(
        `publish-${name}`,
        fault,
        every,
        (store) => publish(store, next),
        async (direct, result) => {
          expect(result).toMatchObject(moved);
          expect(await readServed(direct)).toEqual({ mlp: versionOf(next) });
          expect(await readHistory(direct)).toEqual([oldest, older, present].map(versionOf));
        },
      );
    });

    it('rolling back survives any one request whose answer is lost', async () => {
      await runThroughFaults(
        'rollback',
        { do: 'cut' },
        1,
        (store) => rollBack({ store, now, waiting, name: 'mlp', version: versionOf(oldest) }),
        async (direct, result) => {
          expect(result).toMatchObject(moved);
          expect(await readServed(direct)).toEqual({ mlp: versionOf(oldest) });
          expect(await readHistory(direct)).toEqual([oldest, older, present].map(versionOf));
        },
      );
    });

    it('pruning survives any one request whose answer is lost', async () => {
      await runThroughFaults(
        'prune',
        { do: 'cut' },
        1,
        (store) => pruneStore({ store, now, waiting, olderThanMs: 0, keep: 0 }),
        async (direct, result) => {
          expect(result).toMatchObject({ deleted: [{ version: versionOf(oldest) }] });
          expect(await listKeys(direct, `models/mlp/${versionOf(oldest)}/`)).toEqual([]);
          expect(await readServed(direct)).toEqual({ mlp: versionOf(present) });
          expect(await readHistory(direct)).toEqual([versionOf(older)]);
        },
      );
    });
  },
);
