import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unstable_readConfig as readWranglerConfig } from 'wrangler';
import { LOCAL_BUCKET, lockLocalR2, openLocalR2 } from '../../storage/local-r2.ts';
import { catchStorageFailure, listKeys } from '../support/storage/object-store-contract.ts';
import { findFreePort, startWrangler, type WranglerServer } from '../support/storage/s3-server.ts';

const utf8 = new TextEncoder();
const absent = null;

let root: string;
let server: WranglerServer | undefined;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'digitmint-local-'));
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  await rm(root, { recursive: true, force: true });
});

async function writeDevServerFile(content: unknown): Promise<void> {
  await mkdir(join(root, '.digitmint'), { recursive: true });
  await writeFile(join(root, '.digitmint/dev-server.json'), JSON.stringify(content));
}

/** Children of this process that run the simulator. */
function countSimulators(): number {
  const lines = execFileSync('ps', ['-o', 'args=', '--ppid', String(process.pid)], {
    encoding: 'utf8',
  }).split('\n');
  return lines.filter((line) => line.includes('workerd')).length;
}

describe('the local R2 bucket', () => {
  it('is the bucket of wrangler.toml', () => {
    const { r2_buckets: buckets } = readWranglerConfig(
      { config: 'wrangler.toml' },
      { hideWarnings: true },
    );
    const bucket = buckets.find((candidate: { binding: string }) => candidate.binding === 'MODELS');
    expect(bucket?.bucket_name).toBe(LOCAL_BUCKET.bucket);
    expect(bucket?.local_dev?.experimental_s3_credentials).toEqual(LOCAL_BUCKET.credentials);
  });

  it('says what is wrong where its lock cannot be made', async () => {
    await writeFile(join(root, '.digitmint'), 'a file in the place of the folder');
    const failure = await catchStorageFailure(openLocalR2(root));
    expect(failure).toMatchObject({
      reason: 'unexpected',
      detail: expect.stringContaining('mkdir'),
    });
  });

  it('is unreachable where the simulator cannot start', async () => {
    await writeFile(join(root, '.wrangler'), 'a file in the place of the folder');
    const failure = await catchStorageFailure(openLocalR2(root));
    expect(failure).toEqual({ reason: 'unreachable', detail: 'the R2 simulator did not start' });
    await rm(join(root, '.wrangler'));
    await (await openLocalR2(root)).close(); // The lock is free again.
  });

  it('shares its objects with a later `wrangler dev`, in both directions', async () => {
    const before = await openLocalR2(root);
    await before.put('models/a.json', utf8.encode('before'), absent);
    const written = await before.get('models/a.json');
    await before.close();

    server = await startWrangler(root);
    const response = await fetch(`${server.url}models/a.json`);
    expect(await response.text()).toBe('before');
    expect(response.headers.get('etag')).toBe(written?.etag);

    await writeDevServerFile({ url: server.url, pid: server.pid, startedAt: 'ignored' });
    const during = await openLocalR2(root);
    expect(during.description).toContain(server.url);
    await during.put('models/b.json', utf8.encode('during'), absent);
    await during.close();
    expect(await (await fetch(`${server.url}models/b.json`)).text()).toBe('during');
    await server.stop();
    server = undefined;

    // A killed dev server leaves the file behind; its process no longer exists.
    const after = await openLocalR2(root);
    expect(after.description).toContain('.wrangler/state/v3');
    expect(await listKeys(after)).toEqual(['models/a.json', 'models/b.json']);
    await after.close();
  });

  it('leaves no process and no lock when it is closed', async () => {
    const store = await openLocalR2(root);
    expect(countSimulators()).toBe(1);
    expect(await readFile(join(root, '.digitmint/local-r2.lock'), 'utf8')).toContain(
      `"pid":${process.pid}`,
    );
    await store.close();
    expect(countSimulators()).toBe(0);
    expect(await readdir(join(root, '.digitmint'))).toEqual([]);
  });

  it('is kept from others by a server that starts, and opened through it when it has', async () => {
    const lock = await lockLocalR2(root, 0);
    expect(await catchStorageFailure(lockLocalR2(root, 0))).toMatchObject({ reason: 'busy' });
    const opening = openLocalR2(root);
    const starting = createServer((_, response) => response.end()).listen(0, '127.0.0.1');
    await once(starting, 'listening');
    const { port } = starting.address() as AddressInfo;
    await writeDevServerFile({ url: `http://127.0.0.1:${port}/`, pid: process.pid });
    expect((await opening).description).toContain(String(port));
    starting.close();
    await lock.release();
  });

  it('is opened by one publisher after another', async () => {
    const write = async (key: string): Promise<void> => {
      const store = await openLocalR2(root);
      await store.put(key, utf8.encode(key), absent);
      await store.close();
    };
    await Promise.all(['a.json', 'b.json', 'c.json'].map(write));
    const store = await openLocalR2(root);
    expect(await listKeys(store)).toEqual(['a.json', 'b.json', 'c.json']);
    await store.close();
  });

  it('is refused while a dev server runs that does not answer', async () => {
    await writeDevServerFile({
      url: `http://127.0.0.1:${await findFreePort()}/`,
      pid: process.pid,
    });
    const failure = await catchStorageFailure(openLocalR2(root));
    expect(failure).toMatchObject({
      reason: 'busy',
      detail: expect.stringContaining('dev-server.json'),
    });
  });

  it.each([
    ['half-written', '{"url":'],
    ['of another shape', '{"port":8787}'],
    ['about another machine', JSON.stringify({ url: 'http://example.com/', pid: process.pid })],
  ])('ignores a dev server file that is %s', async (_what, text) => {
    await mkdir(join(root, '.digitmint'));
    await writeFile(join(root, '.digitmint/dev-server.json'), text);
    const store = await openLocalR2(root);
    expect(store.description).toContain('.wrangler/state/v3');
    await store.close();
  });
});
