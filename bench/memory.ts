/**
 * Whether training keeps memory: tensors and the process's resident set while a GAN is trained as `npm run train` does it,
 * with its grids, logs and checkpoints. Exit status 1 when either grew.
 *
 *   npm run bench:memory                                                        a tiny GAN in plain JavaScript
 *   npm run bench:memory -- --preset seed --steps 10000 --backend tensorflow
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import { Command, Option } from 'commander';
import { makeTinyDataset, TINY_CONFIG } from '../test/support/training/tensors.ts';
import { parseWhole } from '../trainer/cli/arguments.ts';
import { hashDataset } from '../trainer/data/dataset.ts';
import { loadMnistPackage } from '../trainer/data/mnist-package.ts';
import { PRESETS, type PresetName } from '../trainer/gan/preset.ts';
import type { Progress } from '../trainer/run/log/reporter.ts';
import { createRunFolder, hashRun } from '../trainer/run/run-folder.ts';
import { BACKEND_NAMES, selectBackend, type BackendName } from '../trainer/tensorflow/backend.ts';
import { runTraining } from '../trainer/run/training-loop.ts';

/** Measurements besides that of step 0. */
const ROWS = 20;
/** The measurements of this part of the run are not judged: caches fill, code is compiled, allocators take their share. */
const SETTLING = 0.25;

interface Flags {
  readonly preset: 'tiny' | PresetName;
  readonly steps: number;
  readonly backend: BackendName;
  readonly threads?: number;
  /** MiB. */
  readonly allowance: number;
}

/** One line of the table. */
interface Row {
  readonly step: number;
  /** Tensors that TensorFlow.js counts, and their bytes. */
  readonly tensors: number;
  readonly tensorBytes: number;
  /** Of the whole process, after a garbage collection. */
  readonly residentMiB: number;
  readonly heapMiB: number;
}

const flags = new Command('npm run bench:memory --')
  .description(
    'Says whether tensors or resident memory grow while a GAN is trained; exit status 1 if so.',
  )
  .addOption(
    new Option('--preset <name>', 'what to train')
      .choices(['tiny', ...Object.keys(PRESETS)])
      .default('tiny'),
  )
  .option('--steps <count>', `how long, at least ${ROWS}`, parseWhole(ROWS, 10_000_000), 1000)
  .addOption(new Option('--backend <name>', 'what computes').choices(BACKEND_NAMES).default('cpu'))
  .option(
    '--threads <count>',
    'for the backend tensorflow (default: the cores)',
    parseWhole(1, 1024),
  )
  .option(
    '--allowance <MiB>',
    'how much the resident set may grow after the first quarter',
    parseWhole(0, 100_000),
    16,
  )
  .allowExcessArguments(false)
  .parse()
  .opts<Flags>();

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

process.exit((await run(flags)) ? 1 : 0);

/** Trains, prints, judges. @returns  Whether memory grew. */
async function run({ preset, steps, backend: name, threads, allowance }: Flags): Promise<boolean> {
  const settings = preset === 'tiny' ? TINY_CONFIG : { ...PRESETS[preset], seed: 'memory' };
  const convolutions = settings.discriminator.type === 'convolutional';
  const backend = await selectBackend(name, {
    convolutions,
    ...(threads === undefined ? {} : { threads }),
  });
  const dataset = preset === 'tiny' ? makeTinyDataset() : await loadMnistPackage();
  const imageEvery = Math.ceil(steps / ROWS);
  const config = { ...settings, steps: steps + 1, imageEvery, checkpointEvery: 500 };
  const options = {
    config,
    dataset: { name: dataset.name, images: dataset.count, sha256: hashDataset(dataset) },
    backend: { name: backend.name, threads: backend.threads ?? null },
  };
  const parent = await mkdtemp(join(tmpdir(), 'digitmint-memory-'));
  const folder = join(parent, 'run');
  await createRunFolder(folder, options);

  console.log(
    `${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.versions.node}; ${backend.description}`,
  );
  console.log(
    `${preset}, ${steps.toLocaleString('en')} steps, a checkpoint every ${config.checkpointEvery}\n`,
  );
  console.log('     step   tensors   tensor bytes   resident MiB   heap MiB');
  const rows: Row[] = [];
  const log = ({ step }: Progress): void => {
    if (step % imageEvery === 0) {
      rows.push(measure(step));
      console.log(formatRow(rows.at(-1) as Row));
    }
  };
  await runTraining({
    config,
    dataset,
    runSha256: hashRun(options),
    folder,
    checkpoint: null,
    reporter: { log, show: () => {}, say: () => {}, end: () => {} },
    signal: new AbortController().signal,
  });
  console.log(`\nafter the run: ${tf.memory().numTensors} tensors`);
  await rm(parent, { recursive: true });
  await backend.release();
  return judge(rows, allowance);
}

function measure(step: number): Row {
  collectGarbage();
  const { rss, heapUsed } = process.memoryUsage();
  const { numTensors, numBytes } = tf.memory();
  return {
    step,
    tensors: numTensors,
    tensorBytes: numBytes,
    residentMiB: rss / 2 ** 20,
    heapMiB: heapUsed / 2 ** 20,
  };
}

function formatRow({ step, tensors, tensorBytes, residentMiB, heapMiB }: Row): string {
  const cells = [
    step.toLocaleString('en'),
    tensors,
    tensorBytes.toLocaleString('en'),
    residentMiB.toFixed(1),
    heapMiB.toFixed(1),
  ];
  return cells.map((cell, i) => String(cell).padStart([9, 10, 15, 15, 11][i] ?? 0)).join('');
}

/**
 * Tensors are counted, so one more is one too many. The resident set breathes by some MiB with the allocators, so medians are
 * compared: of the last quarter of the run with the second.
 */
function judge(rows: readonly Row[], allowance: number): boolean {
  const settled = rows.slice(Math.floor(rows.length * SETTLING));
  const quarter = Math.ceil(rows.length / 4);
  const [first, last] = [settled.slice(0, quarter), settled.slice(-quarter)];
  const tensors = Math.max(...settled.map((row) => row.tensors)) - (settled[0] as Row).tensors;
  const tensorBytes =
    Math.max(...settled.map((row) => row.tensorBytes)) - (settled[0] as Row).tensorBytes;
  const growth =
    computeMedian(last.map((row) => row.residentMiB)) -
    computeMedian(first.map((row) => row.residentMiB));
  const range = `from step ${(settled[0] as Row).step.toLocaleString('en')} on`;
  const tensorsGrew = tensors > 0 || tensorBytes > 0;
  const residentGrew = growth > allowance;
  console.log(
    `tensors ${range}: ${tensorsGrew ? `GREW by ${tensors}, ${tensorBytes} bytes` : 'did not grow'}`,
  );
  console.log(
    `resident memory ${range}: ${residentGrew ? 'GREW' : 'did not grow'}: ${growth >= 0 ? '+' : ''}${growth.toFixed(1)} MiB ` +
      `between the medians of the run's second and last quarters, ${allowance} allowed`,
  );
  return tensorsGrew || residentGrew;
}

function computeMedian(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}
