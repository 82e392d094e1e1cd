/**
 * Packages that benchmarks use and nothing else does, in a folder of their own, .digitmint/peers, made on first use.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ExpectedError } from '../shared/expected-error.ts';
import { quoteLastLines, runCommand } from '../trainer/tensorflow/setup/command.ts';

const SOURCE = join(import.meta.dirname, 'peers');
const FOLDER = join(import.meta.dirname, '../.digitmint/peers');
/** Written last: a folder without it was interrupted. Holds the lock file's hash. */
const STAMP = join(FOLDER, 'digitmint.txt');

/** What was installed. */
export interface Peers {
  /** As from beside them. */
  readonly require: NodeJS.Require;
  /** Absolute path of one's folder. */
  readonly find: (name: string) => string;
  /** By name, as bench/peers/package.json pins them. */
  readonly versions: Readonly<Record<string, string>>;
}

/** The packages cannot be had here. The message says why and what to do. */
export class PeersError extends ExpectedError {
  override name = 'PeersError' as const;
}

/**
 * Installs them unless they are there as bench/peers/package-lock.json says.
 *
 * @param log  Tells a person what is going on.
 * @throws PeersError  When npm or the network is missing.
 */
export async function preparePeers(log: (line: string) => void): Promise<Peers> {
  const lock = await readFile(join(SOURCE, 'package-lock.json'));
  const hash = createHash('sha256').update(lock).digest('hex');
  if (!existsSync(STAMP) || (await readFile(STAMP, 'utf8')) !== hash) {
    log('Installing what is measured beside ours to .digitmint/peers: 445 MB, once…');
    await rm(FOLDER, { recursive: true, force: true });
    await mkdir(FOLDER, { recursive: true });
    for (const file of ['package.json', 'package-lock.json']) {
      await copyFile(join(SOURCE, file), join(FOLDER, file));
    }
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
    const installed = await runCommand('npm', args, { env: process.env, cwd: FOLDER });
    if (installed?.status !== 0) {
      const said =
        installed === undefined ? '    (there is no npm on the PATH)' : quoteLastLines(installed);
      throw new PeersError(
        `npm could not install what bench/peers/package.json asks for. It said:\n${said}`,
      );
    }
    await writeFile(STAMP, hash);
  }
  const { dependencies } = JSON.parse(await readFile(join(FOLDER, 'package.json'), 'utf8')) as {
    dependencies: Peers['versions'];
  };
  return {
    require: createRequire(join(FOLDER, 'package.json')),
    find: (name) => join(FOLDER, 'node_modules', name),
    versions: dependencies,
  };
}
