/**
 * `npm run setup:tensorflow` makes @tensorflow/tfjs-node work where its own installer cannot run:
 * with libtensorflow from wheels of PyPI, and a binding that is compiled here.
 */
import { join } from 'node:path';
import { Command } from 'commander';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { parseFlags, runProgram } from '../../cli/arguments.ts';
import { locateTfjsNode } from '../tfjs-node.ts';
import { setUpTensorflow, undoSetUp } from './install.ts';

const CACHE_FOLDER = join(import.meta.dirname, '..', '..', '..', '.digitmint', 'tensorflow');

const program = new Command('npm run setup:tensorflow --')
  .description(
    'Makes @tensorflow/tfjs-node work, the fastest backend of the trainer: downloads ' +
      'libtensorflow (Linux x64: 207 MB, arm64: 282 MB), compiles the binding, and proves it by ' +
      'multiplying two matrices. Needs python3 with pip, and g++. The result is kept in ' +
      '.digitmint/tensorflow, so after `npm ci` this takes a second and no network.',
  )
  .option('--gpu', 'the build for NVIDIA GPUs with CUDA 12 (Linux x64; downloads 3.3 GB)')
  .option(
    '--wheel <file...>',
    'use these downloaded wheels and no network; their SHA-256 is checked',
  )
  .option('--force', 'build it again, and replace what another installer put there')
  .option('--undo', 'remove everything that this command added, and do nothing else');

const flags = parseFlags<{ gpu?: true; undo?: true; force?: true; wheel?: string[] }>(program);
await runProgram(async () => {
  const packageFolder = locateTfjsNode();
  if (flags.undo) {
    const removed = await undoSetUp(packageFolder, CACHE_FOLDER);
    console.log(['Removed:', ...(removed.length > 0 ? removed : ['nothing'])].join('\n  '));
  } else if (packageFolder === undefined) {
    throw new ExpectedError(
      'The optional dependency @tensorflow/tfjs-node is not installed.\n' +
        'Run npm install (without --omit=optional) first.',
    );
  } else {
    const { version, usesGpu } = await setUpTensorflow({
      packageFolder,
      cacheFolder: CACHE_FOLDER,
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
        'It found no GPU that it can use: ' +
          'it needs an NVIDIA driver of version 525 or newer (see nvidia-smi).',
      );
    }
  }
});
