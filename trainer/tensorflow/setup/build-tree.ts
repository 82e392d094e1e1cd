/**
 * Makes a finished tree of libtensorflow and its binding in the cache: checks first, then download, unpack, compile.
 * It is made under another name and renamed at the end, so whatever interrupts it, the cache holds whole trees only.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import {
  compileBinding,
  type Compiler,
  findCompiler,
  findNodeHeaders,
  NAPI_VERSION,
} from './compile.ts';
import { BINDING, writeStamp } from './installation.ts';
import { isDiskFull, SetUpProblem } from './problem.ts';
import {
  describeMismatch,
  downloadWheel,
  findMissingPython,
  formatBytes,
  hashFile,
  unpackWheel,
} from './python.ts';
import type { Distribution, Wheel } from './wheels.ts';

export interface BuildOptions {
  readonly distribution: Distribution;
  /** tfjs-node's folder. */
  readonly packageFolder: string;
  /** tfjs-node's version. */
  readonly packageVersion: string;
  /** Where finished trees are kept. */
  readonly cacheFolder: string;
  /** Wheels that are already there, in any order. */
  readonly wheelFiles: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Tells a person what is going on. */
  readonly log: (line: string) => void;
}

/** The name of the cached tree: equal only for equal wheels, binding sources and N-API version. */
export function computeTreeKey(distribution: Distribution, packageVersion: string): string {
  const inputs = [packageVersion, NAPI_VERSION, ...distribution.wheels.map(({ sha256 }) => sha256)];
  const digest = createHash('sha256').update(inputs.join('\n')).digest('hex');
  return `${distribution.name}-${distribution.version}-${digest.slice(0, 12)}`;
}

/**
 * Builds a tree, in place of one of that name.
 *
 * @returns  Its folder, stamped: `deps` and `lib`, as tfjs-node wants them.
 * @throws SetUpProblem  For everything that the user can do something about.
 */
export async function buildTree(options: BuildOptions): Promise<string> {
  const { distribution, packageFolder, cacheFolder, env, log } = options;
  const given = await matchWheels(options.wheelFiles, distribution);
  const { compiler, nodeHeaders } = await checkTools(
    options,
    given.size < distribution.wheels.length,
  );
  await mkdir(cacheFolder, { recursive: true });
  await checkRoom(distribution, given, cacheFolder);

  const key = computeTreeKey(distribution, options.packageVersion);
  const partial = join(cacheFolder, `${key}.partial-${process.pid}`);
  const downloads = join(partial, 'downloads');
  try {
    await mkdir(downloads, { recursive: true });
    for (const wheel of distribution.wheels) {
      let path = given.get(wheel);
      if (path === undefined) {
        log(`Downloading ${wheel.project} ${wheel.version} (${formatBytes(wheel.bytes)})…`);
        path = await downloadWheel(wheel, downloads, env);
      }
      log(`Unpacking ${basename(path)}…`);
      await unpackWheel(path, wheel, join(partial, 'deps'), env);
      if (!given.has(wheel)) {
        await rm(path);
      }
    }
    log(`Compiling the binding with ${compiler.join(' ')}…`);
    const depsFolder = join(partial, 'deps');
    await compileBinding({
      compiler,
      nodeHeaders,
      packageFolder,
      depsFolder,
      output: join(partial, BINDING),
      env,
    });
    await rm(downloads, { recursive: true });
    const wheels = distribution.wheels.map(({ file, sha256 }) => ({ file, sha256 }));
    await writeStamp(partial, { key, tensorflow: distribution.version, wheels });
    await rm(join(cacheFolder, key), { recursive: true, force: true });
    await rename(partial, join(cacheFolder, key));
  } catch (error) {
    if (isDiskFull(error)) {
      throw new SetUpProblem(
        `The disk of ${cacheFolder} is full: free some room and run this again.`,
        {
          cause: error,
        },
      );
    }
    throw error;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return join(cacheFolder, key);
}

/** Finds out by their hashes which wheels were given. */
async function matchWheels(
  files: readonly string[],
  { wheels }: Distribution,
): Promise<Map<Wheel, string>> {
  const given = new Map<Wheel, string>();
  for (const file of files) {
    if (!existsSync(file)) {
      throw new SetUpProblem(`--wheel ${file}: there is no such file.`);
    }
    const actual = await hashFile(file);
    const wheel = wheels.find(({ sha256 }) => sha256 === actual);
    if (wheel === undefined) {
      const expected = wheels.find((candidate) => candidate.file === basename(file)) ?? wheels[0];
      throw new SetUpProblem(`--wheel: ${describeMismatch(file, expected as Wheel, actual)}`);
    }
    given.set(wheel, resolve(file));
  }
  return given;
}

/** Looks for everything at once, so that nobody has to find out in three runs what three things are missing. */
async function checkTools(
  { env, packageFolder }: BuildOptions,
  needsPip: boolean,
): Promise<{ compiler: Compiler; nodeHeaders: string }> {
  const missing = await findMissingPython(env, needsPip);
  const compiler = await findCompiler(env);
  if (compiler === undefined) {
    missing.push(
      env['CXX']
        ? `the compiler that CXX names (${env['CXX']}) does not run. Correct CXX, or unset it.`
        : 'no C++ compiler (g++, c++, clang++) is on the PATH. Install one, for instance: apt-get install g++,\n' +
            '    or name yours in the environment variable CXX.',
    );
  }
  const nodeHeaders = findNodeHeaders(join(packageFolder, '..', '..'));
  if (nodeHeaders === undefined) {
    missing.push(
      `node_api.h is not beside ${process.execPath}. Run npm install, which brings a Node that has it.`,
    );
  }
  if (compiler === undefined || nodeHeaders === undefined || missing.length > 0) {
    throw new SetUpProblem(
      `Setting up TensorFlow needs something that is not here:\n  - ${missing.join('\n  - ')}`,
    );
  }
  return { compiler, nodeHeaders };
}

async function checkRoom(
  { wheels, unpackedBytes }: Distribution,
  given: ReadonlyMap<Wheel, string>,
  folder: string,
): Promise<void> {
  // Each wheel goes as soon as it is unpacked; pip may hold it twice for a moment.
  const largest = Math.max(
    0,
    ...wheels.filter((wheel) => !given.has(wheel)).map(({ bytes }) => bytes),
  );
  const needed = unpackedBytes + 2 * largest;
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < needed) {
    throw new SetUpProblem(
      `${folder} needs ${formatBytes(needed)} free and has ${formatBytes(bavail * bsize)}: free some room and run this again.`,
    );
  }
}

/** Removes what an interrupted run left, unless that run is still going on. */
export async function sweepPartials(cacheFolder: string): Promise<void> {
  if (!existsSync(cacheFolder)) {
    return;
  }
  for (const name of await readdir(cacheFolder)) {
    const pid = /\.partial-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) {
      await rm(join(cacheFolder, name), { recursive: true, force: true });
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // Running, but someone else's.
  }
}

/** The cache's folder under a project's root. */
export function locateCache(root: string): string {
  return join(root, '.digitmint', 'tensorflow');
}

/** Removes the cache, and the folder above it if that was all that it held. */
export async function removeCache(cacheFolder: string): Promise<void> {
  await rm(cacheFolder, { recursive: true, force: true });
  const parent = dirname(cacheFolder);
  if (existsSync(parent) && (await readdir(parent)).length === 0) {
    await rm(parent, { recursive: true });
  }
}
