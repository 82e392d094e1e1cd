import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  acquireFileLock,
  isProcessAlive,
  LockBlockedError,
  LockTimeoutError,
} from '../../storage/file-lock.ts';

const LOCK_MODULE = new URL('../../storage/file-lock.ts', import.meta.url).href;

const FOR_EVER = Number.POSITIVE_INFINITY;

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'digitmint-lock-'));
  path = join(folder, '.lock');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs a program that holds the lock and is killed. */
async function killHolder(): Promise<number> {
  const program = `
    const { acquireFileLock } = await import(${JSON.stringify(LOCK_MODULE)});
    await acquireFileLock(${JSON.stringify(path)}, { timeoutMs: 0, staleMs: Infinity });
    process.kill(process.pid, 'SIGKILL');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: 'inherit',
  });
  const signal = await new Promise((resolve) => child.once('exit', (_code, by) => resolve(by)));
  expect(signal).toBe('SIGKILL');
  return child.pid as number;
}

describe('a lock file', () => {
  it('has one holder at a time', async () => {
    let holders = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const lock = await acquireFileLock(path, {
          timeoutMs: FOR_EVER,
          staleMs: FOR_EVER,
        });
        holders += 1;
        most = Math.max(most, holders);
        await setImmediate();
        holders -= 1;
        await lock.release();
      }),
    );
    expect(most).toBe(1);
    expect(await readdir(folder)).toEqual([]);
  });

  it('names the file to delete when its holder does not release it', async () => {
    const lock = await acquireFileLock(path, { timeoutMs: 0, staleMs: FOR_EVER });
    const waiting = acquireFileLock(path, { timeoutMs: 20, staleMs: FOR_EVER });
    await expect(waiting).rejects.toThrow(LockTimeoutError);
    await expect(waiting).rejects.toThrow(path);
    expect(await lock.isHeld()).toBe(true);
  });

  it('of a killed holder is taken over by exactly one of many', async () => {
    const pid = await killHolder();
    expect(isProcessAlive(pid)).toBe(false);
    // Threads share the numbers of processes, and a thread may get the one of a killed holder.
    const threads = existsSync('/proc/self/task') ? await readdir('/proc/self/task') : [];
    const alive = threads.filter((id) => isProcessAlive(Number(id)));
    expect(alive).toEqual(threads.filter((id) => Number(id) === process.pid));
    expect(await readFile(path, 'utf8')).toContain(`"pid":${pid}`);
    let holders = 0;
    await Promise.all(
      Array.from({ length: 5 }, async () => {
        const lock = await acquireFileLock(path, {
          timeoutMs: FOR_EVER,
          staleMs: FOR_EVER,
        });
        holders += 1;
        expect(holders).toBe(1);
        await setImmediate();
        holders -= 1;
        await lock.release();
      }),
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it('is taken over when the process that broke it was killed, too', async () => {
    await killHolder();
    await copyFile(path, `${path}.break`);
    const lock = await acquireFileLock(path, {
      timeoutMs: FOR_EVER,
      staleMs: FOR_EVER,
    });
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    ['of another machine', JSON.stringify({ token: 'x', pid: 1, host: 'another-machine' })],
    ['of nobody', ''],
  ])(
    '%s is kept while it may be in use, and taken over when it stays unchanged for long',
    async (_whose, content) => {
      await writeFile(path, content);
      await expect(acquireFileLock(path, { timeoutMs: 30, staleMs: FOR_EVER })).rejects.toThrow(
        LockTimeoutError,
      );
      expect(await readFile(path, 'utf8')).toBe(content);
      const lock = await acquireFileLock(path, { timeoutMs: FOR_EVER, staleMs: 30 });
      expect(await lock.isHeld()).toBe(true);
    },
  );

  it('reports to its holder that it was taken over, and is not removed by that holder', async () => {
    const slow = await acquireFileLock(path, { timeoutMs: 0, staleMs: FOR_EVER });
    const quick = await acquireFileLock(path, { timeoutMs: FOR_EVER, staleMs: 10 });
    expect(await slow.isHeld()).toBe(false);
    await slow.release();
    expect(await quick.isHeld()).toBe(true);
  });

  it.each<[what: string, place: (name: string) => Promise<unknown>, got: string]>([
    ['a link to nothing', (name) => symlink('nowhere', name), 'a link'],
    ['a link to a file', (name) => symlink(process.execPath, name), 'a link'],
    ['a link to endless bytes', (name) => symlink('/dev/zero', name), 'a link'],
    ['a folder', (name) => mkdir(name), 'a folder'],
    ['a pipe', async (name) => execFileSync('mkfifo', [name]), 'a pipe'],
  ])('is refused at once, with what to remove, where %s lies', async (_what, place, got) => {
    for (const name of [path, `${path}.break`]) {
      if (name !== path) {
        await killHolder();
      }
      await place(name);
      const acquiring = acquireFileLock(path, { timeoutMs: FOR_EVER, staleMs: FOR_EVER });
      await expect(acquiring).rejects.toThrow(LockBlockedError);
      await expect(acquiring).rejects.toThrow(
        `${name}: expected a lock file or nothing, got ${got}`,
      );
      await rm(name, { recursive: true });
      expect(await readdir(folder)).toEqual(name === path ? [] : ['.lock']);
    }
  });

  it('works where there are no hard links', async () => {
    const program = `
      import fs from 'node:fs';
      import { syncBuiltinESMExports } from 'node:module';
      fs.promises.link = async () => {
        throw Object.assign(new Error('no links'), { code: 'EPERM' });
      };
      syncBuiltinESMExports();
      const { acquireFileLock } = await import(${JSON.stringify(LOCK_MODULE)});
      const acquire = () =>
        acquireFileLock(${JSON.stringify(path)}, { timeoutMs: 0, staleMs: Infinity });
      const lock = await acquire();
      const second = await acquire().catch((error) => error.name);
      await lock.release();
      const third = await acquire();
      console.log(second, await third.isHeld());
      await third.release();`;
    const flags = ['--input-type=module', '--eval', program];
    const { stdout, stderr } = spawnSync(process.execPath, flags, { encoding: 'utf8' });
    expect([stdout, stderr]).toEqual([
      'LockTimeoutError true\n',
      expect.not.stringMatching(/Error/),
    ]);
    expect(await readdir(folder)).toEqual([]);
  });

  it('is lost to its holder when something else comes to lie in its place', async () => {
    const lock = await acquireFileLock(path, { timeoutMs: 0, staleMs: FOR_EVER });
    await rm(path);
    await mkdir(path);
    expect(await lock.isHeld()).toBe(false);
    await lock.release();
    expect(await readdir(folder)).toEqual(['.lock']);
  });
});
