import { randomUUID } from 'node:crypto';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createObjectReader, shareReads } from '../../server/object-reader.ts';
import { classify, createFolderStore } from '../../storage/folder-store.ts';
import { StorageError } from '../../storage/object-store.ts';
import { catchStorageFailure, listKeys } from '../support/storage/object-store-contract.ts';

const utf8 = new TextEncoder();
const absent = null;
const STORE_MODULE = new URL('../../storage/folder-store.ts', import.meta.url).href;
const run = promisify(execFile);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'digitmint-folder-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** True when the kernel lets this user mount a small file system in a new namespace. */
const canMount =
  process.platform === 'linux' &&
  spawnSync('unshare', [
    '--user',
    '--map-root-user',
    '--mount',
    'mount',
    '-t',
    'tmpfs',
    '-o',
    'size=64k',
    'tmpfs',
    tmpdir(),
  ]).status === 0;
if (!canMount) {
  console.warn('Skipped: a folder on a full disk: this user cannot mount a small one');
}

/** Runs a program with a store on its own file system. The program prints JSON. */
async function runOnMount(options: string, prepare: string, program: string): Promise<unknown> {
  const script = `
    const { createFolderStore } = await import(${JSON.stringify(STORE_MODULE)});
    const store = createFolderStore('store');
    const attempt = (call) => call.then((value) => value, (error) => ({ message: error.message, ...error.failure }));
    console.log(JSON.stringify(await (async () => { ${program} })()));`;
  const shell = `set -e; mount -t tmpfs -o ${options} tmpfs ${folder}; cd ${folder}; ${prepare}; exec "$@"`;
  const { stdout } = await run('unshare', [
    '--user',
    '--map-root-user',
    '--mount',
    'sh',
    '-c',
    shell,
    'sh',
    process.execPath,
    '--input-type=module',
    '--eval',
    script,
  ]);
  return JSON.parse(stdout);
}

describe('a folder store', () => {
  it('leaves only objects and its reserve behind', async () => {
    const store = createFolderStore(folder);
    await store.put('current.json', utf8.encode('1'), absent);
    const created = await store.get('current.json');
    await store.put('current.json', utf8.encode('2'), created?.etag ?? '');
    await store.put('current.json', utf8.encode('3'), absent);
    expect(await readdir(folder)).toEqual(['.reserve', 'current.json']);
  });

  it('hides the leftovers of a killed publisher, and deletes them and nothing else after a day', async () => {
    const store = createFolderStore(folder);
    const [fresh, old] = ['.tmp-1', '.tmp-2'].map((name) =>
      join(folder, `${name}${randomUUID().slice(1)}`),
    ) as [string, string];
    const mine = join(folder, '.tmp-notes');
    for (const file of [fresh, old, mine]) {
      await writeFile(file, 'half-writ');
    }
    const yesterday = new Date(Date.now() - 25 * 3600 * 1000);
    await Promise.all([old, mine].map((file) => utimes(file, yesterday, yesterday)));
    const gone = join(folder, 'models', basename(old));
    await mkdir(join(folder, 'models'));
    await writeFile(gone, 'half-writ');
    await utimes(gone, yesterday, yesterday);
    await store.delete('models/b.json');
    expect(await readdir(join(folder, 'models'))).toEqual([]);
    await rm(join(folder, 'models'), { recursive: true });
    await store.put('a.json', utf8.encode('a'), absent);
    expect(await listKeys(store)).toEqual(['a.json']);
    const kept = ['.reserve', basename(fresh), '.tmp-notes', 'a.json'];
    expect((await readdir(folder)).sort()).toEqual(kept.sort());
  });

  it('refuses what its user may not read or move, and names hard links only where one failed', async () => {
    const store = createFolderStore(folder);
    const keys = ['models/a.json', 'models/b.json'] as const;
    for (const key of keys) {
      await store.put(key, utf8.encode(key), absent);
    }
    const fail = (syscall: string) =>
      new StorageError(
        'folder',
        classify(Object.assign(new Error('no'), { code: 'EPERM', syscall })),
      );
    expect(fail('link').failure.reason).toBe('unsupported');
    const get: typeof store.get = (key, maxBytes) =>
      key === keys[1] ? Promise.reject(fail('open')) : store.get(key, maxBytes);
    const reader = createObjectReader({ ...store, get });
    expect(await reader.read(keys[0], 99)).toHaveProperty('etag');
    await expect(reader.read(keys[1], 99)).rejects.toMatchObject({
      failure: { reason: 'forbidden' },
    });
  });

  it('has at most one read of an object that hangs', async () => {
    const { promise: hangs, resolve: end } = Promise.withResolvers<'missing'>();
    let reads = 0;
    const reader = shareReads({ read: () => (reads++, hangs) });
    const read = () => reader.read('current.json', 99, 'etag');
    const both = [read(), read()];
    void reader.read('current.json', 99);
    expect(reads).toBe(2);
    end('missing');
    expect(await Promise.all(both)).toEqual(['missing', 'missing']);
    await read();
    expect(reads).toBe(3);
  });

  it('is not blocked by the lock of a killed publisher', async () => {
    const store = createFolderStore(folder);
    await store.put('a.json', utf8.encode('1'), absent);
    const created = await store.get('a.json');
    const { pid } = spawnSync(process.execPath, ['--version']);
    await writeFile(
      join(folder, '.lock'),
      JSON.stringify({ token: 'of the dead', pid, host: hostname() }),
    );
    expect(await store.put('a.json', utf8.encode('2'), created?.etag ?? '')).toBe(true);
  });

  it('reports when the folder is a file', async () => {
    await writeFile(join(folder, 'file'), '');
    const store = createFolderStore(join(folder, 'file'));
    expect(await store.get('a.json')).toBeNull();
    const failure = await catchStorageFailure(store.put('a.json', utf8.encode('a'), absent));
    expect(failure).toMatchObject({
      reason: 'unexpected',
      detail: expect.stringContaining('a file where a folder should be'),
    });
  });

  it('finds no object in a folder, and does not list invalid keys', async () => {
    const store = createFolderStore(folder);
    await mkdir(join(folder, 'a'));
    await writeFile(join(folder, 'a', 'Read Me.txt'), '');
    expect(await store.get('a')).toBeNull();
    expect(await listKeys(store)).toEqual([]);
  });

  it('lists through linked folders once, and not around in circles', async () => {
    const store = createFolderStore(join(folder, 'store'));
    await mkdir(join(folder, 'disk', 'a'), { recursive: true });
    await mkdir(join(folder, 'store'));
    await symlink(join(folder, 'disk'), join(folder, 'store', 'models'));
    for (const name of ['up', 'again']) {
      await symlink(join(folder, 'disk'), join(folder, 'disk', 'a', name));
    }
    expect(await store.put('models/a/x.json', utf8.encode('x'), absent)).toBe(true);
    expect(await listKeys(store)).toEqual(['models/a/x.json']);
    await store.delete('models/a/x.json');
    expect(await listKeys(store)).toEqual([]);
    // The other disk is not there: its objects must not count as deleted.
    await rm(join(folder, 'disk'), { recursive: true });
    expect(await store.list('publish-probe-')).toEqual([]);
    expect(await catchStorageFailure(store.list('models/'))).toMatchObject({
      reason: 'unexpected',
      detail: expect.stringContaining('models'),
    });
  });

  it.each([
    ['a pipe', () => execFileSync('mkfifo', [join(folder, 'current.json')]), 'a pipe or a device'],
    [
      'a link to an endless device',
      () => symlink('/dev/zero', join(folder, 'current.json')),
      'a link where a file should be',
    ],
    [
      'a link to a file',
      () => symlink('/etc/hosts', join(folder, 'current.json')),
      'a link where a file should be',
    ],
  ])('refuses %s in place of an object at once', async (_what, make, detail) => {
    await make();
    const store = createFolderStore(folder);
    for (const call of [
      () => store.get('current.json', 100),
      () => store.get('current.json'),
      () => store.put('current.json', utf8.encode('x'), '"e"'),
    ]) {
      expect(await catchStorageFailure(call())).toMatchObject({
        reason: 'unexpected',
        detail: expect.stringContaining(detail),
      });
    }
    expect(await listKeys(store)).toEqual([]);
  });

  it.skipIf(!canMount)(
    'keeps its objects on a full disk and leaves nothing half-written (needs a mount namespace)',
    async () => {
      const program = `
      await store.put('current.json', new TextEncoder().encode('old'), null);
      const first = await store.get('current.json');
      const big = new Uint8Array(100_000).fill(1);
      return {
        create: await attempt(store.put('models/weights.bin', big, null)),
        replace: await attempt(store.put('current.json', big, first.etag)),
        keys: (await store.list('')).map(({ key }) => key),
        current: new TextDecoder().decode((await store.get('current.json')).bytes),
        left: (await import('node:fs')).readdirSync('store/models'),
      };`;
      expect(await runOnMount('size=64k', 'true', program)).toMatchObject({
        create: { reason: 'full', message: expect.stringContaining('free some space and repeat') },
        replace: { reason: 'full' },
        keys: ['current.json'],
        current: 'old',
        left: [],
      });
    },
  );

  it.skipIf(!canMount)(
    'reports that it may not write to a read-only disk (needs a mount namespace)',
    async () => {
      const result = await runOnMount(
        'size=64k',
        'mkdir store; mount -o remount,ro .',
        `return attempt(store.put('a.json', new Uint8Array(1), null));`,
      );
      expect(result).toMatchObject({ reason: 'forbidden' });
    },
  );
});
