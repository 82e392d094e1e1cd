/** The folders of builds: what no build made is kept, and so is the old build until the next. */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { replaceBuild } from '../dev/build/output-folder.ts';
import { ExpectedError } from '../shared/expected-error.ts';

const BUILD = fileURLToPath(new URL('../dev/build/main.ts', import.meta.url));

let parent: string;
let folder: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'digitmint-build-'));
  folder = join(parent, 'built');
});
afterEach(() => rm(parent, { recursive: true, force: true }));

const list = async (): Promise<string[]> =>
  (await readdir(folder, { recursive: true })).filter((name) => !name.startsWith('.')).sort();

/** Builds files whose content is their name. */
const build = (...files: string[]): Promise<void> =>
  replaceBuild(folder, async (temporary) => {
    await mkdir(join(temporary, 'assets'));
    for (const file of files) {
      await writeFile(join(temporary, file), file);
    }
  });

it('a build fills a new or an empty folder, and replaces an earlier build as a whole', async () => {
  await build('server.js', 'chunk-1.js', 'assets/page-1.js');
  await build('server.js', 'assets/page-2.js');
  expect(await list()).toEqual(['assets', 'assets/page-2.js', 'server.js']);
  await rm(folder, { recursive: true });
  await mkdir(folder);
  await writeFile(join(folder, '.DS_Store'), ''); // From macOS' Finder.
  await build('server.js');
  expect(await list()).toEqual(['assets', 'server.js']);
  expect(await readdir(parent)).toEqual(['built']);
});

it.each(['thesis.txt', 'assets/own.png', '.env'])(
  'a build refuses a folder with %s in it, which no build made, and changes nothing',
  async (name) => {
    await build('server.js', 'assets/page.js');
    await writeFile(join(folder, name), 'mine');
    const before = await readdir(folder, { recursive: true });
    await expect(build('server.js')).rejects.toThrow(ExpectedError);
    await expect(build('server.js')).rejects.toThrow(`holds ${name}, which no build made`);
    expect(await readdir(folder, { recursive: true })).toEqual(before);
    expect(await readFile(join(folder, name), 'utf8')).toBe('mine');
  },
);

it('a build that fails leaves the one before', async () => {
  await build('server.js');
  const failing = replaceBuild(folder, () => Promise.reject(new Error('of the bundler')));
  await expect(failing).rejects.toThrow('of the bundler');
  expect(await list()).toEqual(['assets', 'server.js']);
  expect(await readdir(parent)).toEqual(['built']);
});

it('a build keeps a link, and replaces what it leads to', async () => {
  await mkdir(join(parent, 'elsewhere'));
  await symlink('elsewhere', folder);
  await build('server.js');
  expect(await readdir(join(parent, 'elsewhere'))).toContain('server.js');
  await rm(folder);
  await writeFile(folder, 'a file');
  await expect(build('server.js')).rejects.toThrow('expected a folder, got a file');
  expect(await readFile(folder, 'utf8')).toBe('a file');
});

it('`npm run build -- server FOLDER` keeps a folder of other things as it is', async () => {
  const home = join(parent, 'home');
  await mkdir(join(home, 'documents'), { recursive: true });
  await writeFile(join(home, 'documents', 'thesis.txt'), 'mine');
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [BUILD, ...args], { encoding: 'utf8' });
  expect(run('server', home)).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(
      /^digitmint: .*home holds documents, which no build made; name a folder/,
    ),
  });
  expect(await readdir(home, { recursive: true })).toEqual(['documents', 'documents/thesis.txt']);
  expect(run('server', '--dry-run').stderr).toContain('server does not take "--dry-run"');
  expect(run('constructor').stderr).toContain('expected one of client, server, page');
  expect(run('page', home).stderr).toContain('page does not take');
});
