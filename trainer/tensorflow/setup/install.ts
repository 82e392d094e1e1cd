/**
 * Sets libtensorflow up for tfjs-node, or takes it away: decides what is there, what has to be built, and proves the
 * result by loading it.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type BuildOptions,
  buildTree,
  computeTreeKey,
  removeCache,
  sweepPartials,
} from './build-tree.ts';
import {
  clearInstallation,
  hasForeignInstallation,
  placeTree,
  probeInstallation,
  readStamp,
} from './installation.ts';
import { SetUpProblem } from './problem.ts';
import type { ProbeReport } from './probe.ts';
import { findDistribution } from './wheels.ts';

export interface SetUpOptions extends Omit<BuildOptions, 'distribution' | 'packageVersion'> {
  /** As `process.platform` and `process.arch`. */
  readonly platform: string;
  readonly arch: string;
  readonly gpu: boolean;
  /** Builds again what is there, and replaces what another installer put there. */
  readonly force: boolean;
}

/**
 * Makes tfjs-node work. Safe to run again: what is valid stays.
 *
 * @returns  What was proven by loading it.
 * @throws SetUpProblem  For everything that the user can do something about; then nothing is half-installed.
 */
export async function setUpTensorflow(options: SetUpOptions): Promise<ProbeReport> {
  const { packageFolder, cacheFolder, gpu, force, env, log } = options;
  const packageVersion = await readPackageVersion(packageFolder);
  const distribution = findDistribution(options.platform, options.arch, gpu);
  if (distribution === undefined) {
    throw new SetUpProblem(describeUnsupported(options));
  }
  await sweepPartials(cacheFolder);

  if (hasForeignInstallation(packageFolder) && !force) {
    const probe = await probeInstallation(packageFolder, env);
    if ('failure' in probe) {
      throw new SetUpProblem(
        `${packageFolder} holds libraries that another installer put there, and they do not work:\n${probe.failure}\n` +
          'Pass --force to replace them.',
      );
    }
    log(
      `tfjs-node already works, with libtensorflow ${probe.version} from its own installer (--force replaces it).`,
    );
    return probe;
  }

  const key = computeTreeKey(distribution, packageVersion);
  if (!force && (await readStamp(packageFolder))?.key === key) {
    const probe = await probeInstallation(packageFolder, env);
    if (!('failure' in probe)) {
      log(
        `tfjs-node is already set up with libtensorflow ${probe.version} (${distribution.name}).`,
      );
      return probe;
    }
    log(`What is set up does not load, and is built again:\n${probe.failure}`);
  } else if (!force && (await readStamp(join(cacheFolder, key)))?.key === key) {
    log('Taking libtensorflow and its binding from an earlier set-up.');
    await placeTree(join(cacheFolder, key), packageFolder);
    const probe = await probeInstallation(packageFolder, env);
    if (!('failure' in probe)) {
      return probe;
    }
    log(`It does not load here, and is built again:\n${probe.failure}`);
  }

  const tree = await buildTree({ ...options, distribution, packageVersion });
  await placeTree(tree, packageFolder);
  const probe = await probeInstallation(packageFolder, env);
  if ('failure' in probe) {
    await clearInstallation(packageFolder);
    await removeCache(cacheFolder);
    throw new SetUpProblem(
      `libtensorflow ${distribution.version} was built but does not load, and was removed again:\n${probe.failure}\n` +
        'The trainer works without it, on its other backends.',
    );
  }
  return probe;
}

/**
 * Takes away everything that setting up added.
 *
 * @returns  What was removed, one folder a line; what another installer put there stays.
 */
export async function undoSetUp(
  packageFolder: string | undefined,
  cacheFolder: string,
): Promise<string[]> {
  const removed: string[] = [];
  if (
    packageFolder !== undefined &&
    existsSync(join(packageFolder, 'deps')) &&
    !hasForeignInstallation(packageFolder)
  ) {
    await clearInstallation(packageFolder);
    removed.push(`${join(packageFolder, 'deps')}, ${join(packageFolder, 'lib')}`);
  }
  if (existsSync(cacheFolder)) {
    await removeCache(cacheFolder);
    removed.push(cacheFolder);
  }
  return removed;
}

async function readPackageVersion(packageFolder: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}

function describeUnsupported({ platform, arch, gpu }: SetUpOptions): string {
  if (gpu && findDistribution(platform, arch, false) !== undefined) {
    return `--gpu: there is a GPU build for linux-x64 only; this is ${platform}-${arch}. Leave --gpu out.`;
  }
  return (
    `This set-up knows Linux on x64 and arm64; this is ${platform}-${arch}. Here tfjs-node's own installer may work:\n` +
    '    npm rebuild @tensorflow/tfjs-node --ignore-scripts=false\n' +
    "(this project's .npmrc keeps it from running by itself). The trainer works without it, on its other backends."
  );
}
