/**
 * `npm run setup:tensorflow`: makes @tensorflow/tfjs-node work, the trainer's fastest backend, where its own installer
 * cannot or must not run: libtensorflow out of a pinned wheel from PyPI, and the binding compiled here.
 */
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { locateCache } from './build-tree.ts';
import { setUpTensorflow, undoSetUp } from './install.ts';
import { locateTfjsNode } from './installation.ts';
import { SetUpProblem } from './problem.ts';

interface Flags {
  readonly gpu?: true;
  readonly undo?: true;
  readonly force?: true;
  readonly wheel?: string[];
}

const root = fileURLToPath(new URL('../../../', import.meta.url));

const program = new Command('npm run setup:tensorflow --')
  .description(
    'Makes @tensorflow/tfjs-node work, the fastest backend of the trainer: downloads libtensorflow (Linux x64: 207 MB, ' +
      'arm64: 282 MB), compiles the binding, and proves it by multiplying two matrices. Needs python3 with pip, and ' +
      'g++. The result is kept in .digitmint/tensorflow, so after `npm ci` this takes a second and no network.',
  )
  .option(
    '--gpu',
    'the build for NVIDIA GPUs with CUDA 12 (Linux x64; downloads 3.3 GB). Not tried on a GPU so far.',
  )
  .option(
    '--wheel <file...>',
    'use wheels that are already downloaded; their SHA-256 is checked all the same',
  )
  .option('--force', 'build it again, and replace what another installer put there')
  .option('--undo', 'remove everything that this command added, and do nothing else')
  .allowExcessArguments(false);

try {
  await run(program.parse().opts<Flags>());
} catch (error) {
  if (!(error instanceof SetUpProblem)) {
    throw error;
  }
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

async function run(flags: Flags): Promise<void> {
  const packageFolder = locateTfjsNode();
  const cacheFolder = locateCache(root);
  if (flags.undo) {
    const removed = await undoSetUp(packageFolder, cacheFolder);
    console.log(
      removed.length === 0 ? 'There is nothing to remove.' : `Removed:\n  ${removed.join('\n  ')}`,
    );
    return;
  }
  if (packageFolder === undefined) {
    throw new SetUpProblem(
      'The optional dependency @tensorflow/tfjs-node is not installed. Run npm install (without --omit=optional) first.',
    );
  }
  const { version, usesGpu } = await setUpTensorflow({
    packageFolder,
    cacheFolder,
    platform: process.platform,
    arch: process.arch,
    gpu: flags.gpu ?? false,
    force: flags.force ?? false,
    wheelFiles: flags.wheel ?? [],
    env: process.env,
    log: console.log,
  });
  console.log(`tfjs-node works: libtensorflow ${version} on the ${usesGpu ? 'GPU' : 'CPU'}.`);
  if (flags.gpu && !usesGpu) {
    console.log(
      'It found no GPU that it can use: it needs an NVIDIA driver of version 525 or newer (see nvidia-smi).',
    );
  }
}
