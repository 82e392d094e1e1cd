/** `npm run sample`: draws offline with the worker's sampler, so a seed gives the same bytes. */
import { lstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { CLASS_LIMITS, describeClasses, findClass } from '../../shared/model/classes.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { createSampler } from '../../shared/model/sampler.ts';
import { buildSheet, encodePng } from '../../shared/picture/sheet.ts';
import { chooseCols, measureSheet } from '../../shared/picture/sheet-layout.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import { prepareFile, requireFree, writeAtomically } from '../../storage/files.ts';
import { encodeIdx, encodeNpy } from '../../shared/array-headers.ts';
import { instantiateKernels, pngEncoder } from '../node-kernels.ts';
import { readArtifactFolder } from '../publish/artifact-folder.ts';
import { parseSeed, parseText, parseWhole } from './arguments.ts';

type SampleFormat = 'idx' | 'npy' | 'png';

interface SampleFlags {
  readonly model: string;
  readonly n: number;
  readonly seed: string;
  readonly start: number;
  readonly label?: string;
  readonly format?: SampleFormat;
  readonly out: string;
  readonly labels?: string;
  readonly force?: true;
  readonly cols?: number;
  readonly scale?: number;
}

const MAX_SAMPLES = 1_000_000;
/** Memory for all samples: a million of 28 x 28 grey pixels take 784 MB. */
const MAX_BYTES = 1024 * 1024 * 1024;

export function buildSampleCommand(): Command {
  const upTo = (max: number, min = 1) => parseWhole(min, max);
  return new Command('sample')
    .description('Draws offline: for the same seed the same bytes as the API.')
    .requiredOption('--model <folder>', 'a model: the folder of a run, or one with a manifest.json')
    .option('--n <count>', 'how many samples', upTo(MAX_SAMPLES), 16)
    .option('--seed <text>', 'the seed', parseSeed, '1')
    .option(
      '--start <index>',
      'index of the first sample in the seed’s endless sequence',
      upTo(Number.MAX_SAFE_INTEGER - MAX_SAMPLES, 0),
      0,
    )
    .option(
      '--label <class>',
      'the class of every sample, by name or number (default: drawn from the seed)',
      parseText(CLASS_LIMITS.nameLength),
    )
    .addOption(
      new Option(
        '--format <format>',
        'idx and npy hold bytes, one picture after the other (default: as --out ends, else png)',
      ).choices(['idx', 'npy', 'png']),
    )
    .requiredOption('--out <file>', 'the output file')
    .option(
      '--labels <file>',
      'writes the labels too, in the same format (IDX for png); for a model with classes',
    )
    .option('--force', 'overwrites existing files')
    .option('--cols <count>', 'png: samples a row (default: a square)', upTo(MAX_SAMPLES))
    .option('--scale <factor>', 'png: size of a pixel (default: 1)', upTo(LIMITS.maxScale))
    .action(sample);
}

/** IDX files have no ending of their own, but MNIST's names end in -ubyte. */
const ENDINGS = { npy: /\.npy$/i, idx: /(?:\.idx|-ubyte)$/i, png: /\.png$/i } as const;

function findFormat(file: string): SampleFormat | undefined {
  return (['npy', 'idx', 'png'] as const).find((format) => ENDINGS[format].test(file));
}

async function sample(given: SampleFlags): Promise<void> {
  const flags = { ...given, format: given.format ?? findFormat(given.out) ?? 'png' };
  const ofPicture = (['cols', 'scale'] as const).find((flag) => flags[flag] !== undefined);
  if (ofPicture !== undefined && flags.format !== 'png') {
    throw new ExpectedError(
      `--${ofPicture}: is for png, and ${flags.format} is written; leave it out`,
    );
  }
  checkPlace(flags.out, '--out', flags);
  checkEnding(flags.out, '--out', flags.format);
  if (flags.labels !== undefined) {
    checkPlace(flags.labels, '--labels', flags);
    checkEnding(flags.labels, '--labels', flags.format === 'png' ? 'idx' : flags.format);
  }
  const artifact = await readArtifactFolder(flags.model);
  const sampler = createSampler(artifact, artifact.weightsFile, instantiateKernels);
  const { classes, generator } = sampler.manifest;
  if (flags.labels !== undefined && generator.classes === 0) {
    throw new ExpectedError(
      `--labels ${flags.labels}: ${sampler.manifest.name} was trained without labels, it has none to write`,
    );
  }
  const label = flags.label === undefined ? undefined : findClass(classes, flags.label);
  if (flags.label !== undefined && label === undefined) {
    const hasClasses = generator.classes > 0;
    const allowed = hasClasses
      ? `expected ${describeClasses(classes)}`
      : 'it was trained without labels';
    throw new ExpectedError(
      `--label ${flags.label}: ${sampler.manifest.name} has no such class, ${allowed}`,
    );
  }
  const { height, width, channels } = sampler.manifest.image;
  if (flags.n * height * width * channels > MAX_BYTES) {
    const most = Math.floor(MAX_BYTES / (height * width * channels));
    throw new ExpectedError(
      `--n ${flags.n}: at most ${most} samples of ${width} x ${height} x ${channels} at a time, use --start`,
    );
  }
  const layout = { cols: flags.cols ?? chooseCols(flags.n), scale: flags.scale ?? 1 };
  if (flags.format === 'png') {
    const sheet = measureSheet(sampler.manifest.image, flags.n, layout);
    // PNG allows larger pictures, but viewers do not open them.
    if (sheet.width * sheet.height > 100_000_000) {
      throw new ExpectedError(
        `--n ${flags.n} --scale ${layout.scale}: the picture would have ${sheet.width} x ${sheet.height} pixels, use --format idx or npy`,
      );
    }
  }
  await prepareFile(flags.out, '--out');
  if (flags.labels !== undefined) {
    await prepareFile(flags.labels, '--labels');
  }
  const { seed, start, n: count } = flags;
  const startedAt = performance.now();
  const samples = sampler.draw({ seed, start, count, label });
  const tookMs = performance.now() - startedAt;
  const { pixels, labels } = samples;
  const encode = flags.format === 'npy' ? encodeNpy : encodeIdx;
  const shape = channels === 1 ? [count, height, width] : [count, height, width, channels];
  await writeAtomically(
    flags.out,
    flags.format === 'png'
      ? encodePng(pngEncoder, buildSheet(samples, layout))
      : encode(shape, pixels),
  );
  if (flags.labels !== undefined && labels !== null) {
    await writeAtomically(flags.labels, encode([count], labels));
  }
  const { name, version } = sampler.manifest;
  console.log(
    `${flags.out}: ${count.toLocaleString('en')} samples of ${name}@${version}, seed ${JSON.stringify(seed)}, in ${Math.round(tookMs)} ms`,
  );
}

/** @throws ExpectedError  When a file's name ends as another format does. */
function checkEnding(path: string, flag: string, format: SampleFormat): void {
  const named = findFormat(path);
  if (named !== undefined && named !== format) {
    throw new ExpectedError(
      `${flag} ${path}: its ending names ${named}, but ${format} is written: change the name or --format`,
    );
  }
}

/** @throws ExpectedError  When a file would be lost. A device or a folder is never replaced. */
function checkPlace(path: string, flag: string, { out, labels, force }: SampleFlags): void {
  if (flag === '--labels' && labels !== undefined && resolve(labels) === resolve(out)) {
    throw new ExpectedError(`--labels ${labels}: is --out too; name another file`);
  }
  const isFile = lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? true;
  if (!isFile || force !== true) {
    const advice = isFile ? ', or add --force for a file of yours' : '';
    requireFree(path, flag, `name another file${advice}`);
  }
}
