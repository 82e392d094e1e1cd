/**
 * Links tfjs-node to a build of libtensorflow in the cache, or undoes that. Because `lib` in
 * tfjs-node's folder is only a link, a build outlives `npm ci`.
 */
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, rmdir, symlink } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { acquireFileLock } from '../../../storage/file-lock.ts';
import { nameTemporary, replaceFolder, toWriteError } from '../../../storage/files.ts';
import { build, type BuildOptions, DOWNLOAD_MEGABYTES, NAPI_VERSION, PARTIAL } from './build.ts';
import { quoteLastLines, runCommand } from './command.ts';
import type { ProbeReport } from './probe.ts';

export interface SetUpOptions extends BuildOptions {
  /** The values of `process.platform` and `process.arch`. */
  readonly platform: string;
  readonly arch: string;
  readonly gpu: boolean;
  /** Builds again, and replaces what another installer put there. */
  readonly force: boolean;
}

/**
 * Makes tfjs-node work. A build that loads is kept, so running this again costs a second.
 * @throws ExpectedError  Nothing half-done is left.
 */
export async function setUpTensorflow(options: SetUpOptions): Promise<ProbeReport> {
  const { cacheFolder, platform, arch, gpu } = options;
  const name = `${platform}-${arch}${gpu ? '-gpu' : ''}`;
  if (DOWNLOAD_MEGABYTES[name] === undefined) {
    throw new ExpectedError(describeUnsupported(options));
  }
  const lock = await lockCache(cacheFolder);
  try {
    return await setUpLocked(name, options);
  } finally {
    await lock.release();
  }
}

/** Keeps other set-ups out of the cache, which is made if it is missing. @throws ExpectedError */
async function lockCache(cacheFolder: string) {
  try {
    await mkdir(cacheFolder, { recursive: true });
    return await acquireFileLock(join(cacheFolder, LOCK), { timeoutMs: 0, staleMs: Infinity });
  } catch (cause) {
    throw cause instanceof ExpectedError ? cause : toWriteError(cacheFolder, cause);
  }
}

/** @param name  The name of the set of wheels. */
async function setUpLocked(name: string, options: SetUpOptions): Promise<ProbeReport> {
  const { packageFolder, cacheFolder, force, env, log } = options;
  // Interrupted builds may have left some.
  for (const left of (await readdir(cacheFolder)).filter((each) => each.startsWith(PARTIAL))) {
    await rm(join(cacheFolder, left), { recursive: true, force: true });
  }
  if (hasForeignLibraries(packageFolder, cacheFolder) && !force) {
    const probe = await probeTfjsNode(packageFolder, env);
    if ('failure' in probe) {
      throw new ExpectedError(
        `${packageFolder} holds libraries of another installer, and they do not work:\n` +
          `${probe.failure}\nPass --force to replace them.`,
      );
    }
    log(`tfjs-node already works, with libtensorflow ${probe.version} of another installer.`);
    log('Pass --force to replace it.');
    return probe;
  }
  const key = await computeKey(name, packageFolder);
  const tree = join(cacheFolder, key);
  if (existsSync(tree) && !force) {
    const probe = await tryTree(tree, options);
    if (!('failure' in probe)) {
      log(`Taking libtensorflow and its binding from ${tree}.`);
      return probe;
    }
    log(`What is in ${tree} does not load, and is built again:\n${probe.failure}`);
  }
  await build(name, key, options);
  const probe = await tryTree(tree, options);
  if ('failure' in probe) {
    await rm(tree, { recursive: true });
    throw new ExpectedError(
      `libtensorflow was built but does not load, and was removed again:\n${probe.failure}\n` +
        'The trainer works without it, on its other backends.',
    );
  }
  return probe;
}

/** Links tfjs-node to a build. If that does not load, the link leads to the build before again. */
async function tryTree(tree: string, { packageFolder, cacheFolder, env }: SetUpOptions) {
  const before = findLinkedTree(packageFolder, cacheFolder);
  await placeLink(tree, packageFolder);
  const probe = await probeTfjsNode(packageFolder, env);
  if ('failure' in probe) {
    await (before !== undefined && before !== tree && existsSync(before)
      ? placeLink(before, packageFolder)
      : rm(join(packageFolder, 'lib')));
  }
  return probe;
}

/**
 * Removes everything that setting up added. Libraries of another installer stay.
 * @returns  The removed paths.
 * @throws ExpectedError  Also while a set-up runs.
 */
export async function undoSetUp(packageFolder: string | undefined, cacheFolder: string) {
  const lock = await lockCache(cacheFolder);
  const removed: string[] = [];
  try {
    removed.push(...(await removeOwn(packageFolder, cacheFolder)));
  } finally {
    await lock.release();
  }
  for (const folder of [cacheFolder, dirname(cacheFolder)]) {
    if ((await readdir(folder)).length === 0) {
      await rmdir(folder);
    }
  }
  return removed;
}

async function removeOwn(packageFolder: string | undefined, cacheFolder: string) {
  const removed: string[] = [];
  if (packageFolder !== undefined && findLinkedTree(packageFolder, cacheFolder) !== undefined) {
    await rm(join(packageFolder, 'lib'));
    removed.push(join(packageFolder, 'lib'));
  }
  for (const name of (await readdir(cacheFolder)).filter((each) => OWN.test(each))) {
    await rm(join(cacheFolder, name), { recursive: true });
    removed.push(join(cacheFolder, name));
  }
  return removed;
}

const LOCK = '.lock';
/** The files that this command puts into the cache. */
const OWN = /^((linux-(x64|arm64)(-gpu)?-[0-9a-f]{12})|partial(-\d+)?|\..+\.digitmint-old)$/;

/** Links tfjs-node to a build, in place of older libraries. */
export async function placeLink(tree: string, packageFolder: string): Promise<void> {
  const link = join(packageFolder, 'lib');
  const next = nameTemporary(link);
  await rm(next, { force: true });
  // A relative link survives when the project's folder is moved.
  await symlink(relative(packageFolder, join(tree, 'lib')), next);
  await replaceFolder(next, link);
  await rm(join(packageFolder, 'deps'), { recursive: true, force: true });
}

/** True when tfjs-node has libraries that this command did not put there. */
function hasForeignLibraries(packageFolder: string, cacheFolder: string): boolean {
  const isThere = existsSync(join(packageFolder, 'lib'));
  const isOwn = findLinkedTree(packageFolder, cacheFolder) !== undefined;
  return existsSync(join(packageFolder, 'deps')) || (isThere && !isOwn);
}

/** Finds the build in the cache that tfjs-node is linked to. It may be gone. */
function findLinkedTree(packageFolder: string, cacheFolder: string): string | undefined {
  const link = join(packageFolder, 'lib');
  if (!lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) {
    return undefined;
  }
  const tree = dirname(resolve(packageFolder, readlinkSync(link)));
  return dirname(tree) === resolve(cacheFolder) ? tree : undefined;
}

/** Names a build: equal only for equal wheels, sources of the binding and N-API version. */
export async function computeKey(name: string, packageFolder: string): Promise<string> {
  const requirements = await readFile(join(import.meta.dirname, `${name}.txt`), 'utf8');
  const manifest = await readFile(join(packageFolder, 'package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const inputs = [requirements, version, NAPI_VERSION].join('\n');
  return `${name}-${createHash('sha256').update(inputs).digest('hex').slice(0, 12)}`;
}

/** Loads tfjs-node in another process. */
async function probeTfjsNode(
  packageFolder: string,
  env: NodeJS.ProcessEnv,
): Promise<ProbeReport | { readonly failure: string }> {
  const program = join(import.meta.dirname, 'probe.ts');
  const quiet = { TF_CPP_MIN_LOG_LEVEL: '1', NODE_NO_WARNINGS: '1', ...env };
  const result = await runCommand(process.execPath, [program, packageFolder], { env: quiet });
  if (result?.status === 0) {
    return JSON.parse(result.stdout) as ProbeReport;
  }
  if (result === undefined || result.signal !== null) {
    const how = result?.signal ?? 'no process';
    return { failure: `    it ended with ${how} (libtensorflow needs a CPU with AVX)` };
  }
  const error = result.stderr.split('\n').find((line) => /^\w*Error\b/.test(line));
  return { failure: error === undefined ? quoteLastLines(result) : `    ${error}` };
}

function describeUnsupported({ platform, arch, gpu }: SetUpOptions): string {
  const machine = `${platform}-${arch}`;
  if (gpu && DOWNLOAD_MEGABYTES[machine] !== undefined) {
    return `--gpu: there is a GPU build for linux-x64 only; this is ${machine}. Leave --gpu out.`;
  }
  return (
    `This set-up knows Linux on x64 and arm64; this is ${machine}.\n` +
    "Here tfjs-node's own installer may work:\n" +
    '    npm rebuild @tensorflow/tfjs-node --ignore-scripts=false\n' +
    "(this project's .npmrc keeps it from running by itself). " +
    'The trainer works without it, on its other backends.'
  );
}
