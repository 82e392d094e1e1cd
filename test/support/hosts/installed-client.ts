/**
 * The npm package as users install it: built, packed, and installed from the tarball into a folder
 * outside the repository, without a network.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { buildClient } from '../../../dev/build/client.ts';
import { acquireFileLock } from '../../../storage/file-lock.ts';
import type { OtherOrigin } from './other-origin.ts';

const run = promisify(execFile);

export interface InstalledClient {
  /** A project in which the package is installed. */
  readonly folder: string;
  /** The package's folder inside the project. */
  readonly path: string;
  /** Path of the download. */
  readonly tarball: string;
  /** Size of the download in bytes. */
  readonly tarballBytes: number;
  /** Paths of the packed files. */
  readonly files: readonly string[];
  readonly remove: () => Promise<void>;
}

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

type Installed = Omit<InstalledClient, 'path' | 'remove'>;

/** Gives a project in which the package is installed. The caller removes the project. */
export async function installClient(): Promise<InstalledClient> {
  const { folder, tarball, ...rest } = await buildOnce();
  const root = await mkdtemp(join(tmpdir(), 'digitmint-client-'));
  const own = join(root, 'project');
  await cp(folder, own, { recursive: true, verbatimSymlinks: true });
  await copyFile(tarball, join(root, basename(tarball)));
  return {
    ...rest,
    folder: own,
    path: join(own, 'node_modules', 'digitmint'),
    tarball: join(root, basename(tarball)),
    remove: () => rm(root, { recursive: true }),
  };
}

/**
 * Builds and installs the package once in a run, since npm takes seconds. The set-up removes the
 * temporary folder.
 */
async function buildOnce(): Promise<Installed> {
  const root = join(tmpdir(), 'digitmint-client');
  await mkdir(root, { recursive: true });
  const facts = join(root, 'installed.json');
  const lock = await acquireFileLock(join(root, 'lock'), FOREVER);
  try {
    if (!existsSync(facts)) {
      await writeFile(facts, JSON.stringify(await buildAndInstall(root)));
    }
    return JSON.parse(await readFile(facts, 'utf8')) as Installed;
  } finally {
    await lock.release();
  }
}

const FOREVER = { timeoutMs: Infinity, staleMs: Infinity };

/** Leaves the project, the tarball and npm’s cache in a folder. */
async function buildAndInstall(root: string): Promise<Installed> {
  const [built, folder] = [join(root, 'dist'), join(root, 'project')];
  await buildClient(built);
  await mkdir(folder);
  const options = {
    env: { ...process.env, npm_config_cache: join(root, 'cache'), npm_config_offline: 'true' },
  };
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', root], {
    ...options,
    cwd: built,
  });
  // npm versions list the result by position or by name.
  const [packed] = Object.values(JSON.parse(stdout) as Record<string, Packed>) as [Packed];
  await writeFile(
    join(folder, 'package.json'),
    '{ "name": "project", "version": "1.0.0", "type": "module", "private": true }\n',
  );
  const flags = ['--no-audit', '--no-fund', '--ignore-scripts'];
  await run('npm', ['install', ...flags, join(root, packed.filename)], { ...options, cwd: folder });
  return {
    folder,
    tarball: join(root, packed.filename),
    tarballBytes: packed.size,
    files: packed.files.map(({ path }) => path),
  };
}

/** Copies the package's modules to where pages of another origin load them. */
export async function putModules(other: OtherOrigin, client: InstalledClient): Promise<void> {
  for (const name of ['index.js', 'element.js']) {
    other.put(`/${name}`, await readFile(join(client.path, name)));
  }
}

/**
 * Every Node on this machine: the one that runs the tests, and the system's, which may be older.
 */
export function listNodes(): string[] {
  const own = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .map((folder) => join(folder, 'node'))
    .find((path) => existsSync(path));
  return [...new Set([process.execPath, ...(own === undefined ? [] : [own])])];
}
