/**
 * Whether training leaks: tensors and the resident memory of the process while a GAN is trained as
 * `npm run train` does it, with its grids, logs and checkpoints. Fails when either grew.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import { Option } from 'commander';
import { ExpectedError } from '../../shared/expected-error.ts';
import { makeTinyDataset, TINY_CONFIG } from '../../test/support/training/tensors.ts';
import { parseWhole } from '../../trainer/cli/arguments.ts';
import { hashDataset } from '../../trainer/data/dataset.ts';
import { loadMnistPackage } from '../../trainer/data/mnist-package.ts';
import { PRESETS, type PresetName } from '../../trainer/gan/preset.ts';
import { createRunFolder, hashRun } from '../../trainer/run/run-folder.ts';
import { runTraining } from '../../trainer/run/training-loop.ts';
import {
  BACKEND_NAMES,
  selectBackend,
  type BackendName,
} from '../../trainer/tensorflow/backend.ts';
import { takeSpread } from '../record.ts';
import { defineSuite, type CommonFlags } from '../suite.ts';

/** Measurements after the one at step 0. */
const ROWS = 20;
/** This part of the run is not judged: caches fill and code is compiled. */
const SETTLING = 0.25;
const COLUMN_WIDTHS = [9, 10, 15, 15, 11];

interface Flags extends CommonFlags {
  readonly preset: 'tiny' | PresetName;
  readonly steps: number;
  readonly backend: BackendName;
  readonly threads?: number;
  /** MiB. */
  readonly allowance: number;
}

interface Row {
  readonly step: number;
  /** As TensorFlow.js counts them. */
  readonly tensors: number;
  readonly tensorBytes: number;
  /** Of the whole process, after a garbage collection. */
  readonly residentMiB: number;
  readonly heapMiB: number;
}

export const suite = defineSuite<Flags>({
  about: 'whether tensors or resident memory grow while a GAN is trained',
  addFlags: (command) =>
    command
      .addOption(
        new Option('--preset <name>', 'what to train')
          .choices(['tiny', ...Object.keys(PRESETS)])
          .default('tiny'),
      )
      .option('--steps <count>', `at least ${ROWS}`, parseWhole(ROWS, 10_000_000), 1000)
      .addOption(
        new Option('--backend <name>', 'what computes').choices(BACKEND_NAMES).default('cpu'),
      )
      .option(
        '--threads <count>',
        'of the backend tensorflow (default: the cores)',
        parseWhole(1, 1024),
      )
      .option(
        '--allowance <MiB>',
        'how much resident memory may grow after the first quarter',
        parseWhole(0, 100_000),
        16,
      ),
  measure: async (flags) => {
    const rows = await train(flags.quick ? { ...flags, steps: 2 * ROWS } : flags);
    judge(rows, flags.quick ? Infinity : flags.allowance);
    return { tables: [], versions: {} };
  },
});

async function train({ preset, steps, backend: name, threads }: Flags): Promise<Row[]> {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const settings = preset === 'tiny' ? TINY_CONFIG : { ...PRESETS[preset], seed: 'memory' };
  const backend = await selectBackend(name, {
    convolutions: settings.discriminator.type === 'convolutional',
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

  const every = config.checkpointEvery;
  console.log(`${preset}, ${steps.toLocaleString('en')} steps, a checkpoint every ${every}`);
  console.log(`${backend.description}\n`);
  printCells(['step', 'tensors', 'tensor bytes', 'resident MiB', 'heap MiB']);
  const rows: Row[] = [];
  const log = ({ step }: { readonly step: number }): void => {
    if (step % imageEvery === 0) {
      collectGarbage();
      const { rss, heapUsed } = process.memoryUsage();
      const { numTensors: tensors, numBytes: tensorBytes } = tf.memory();
      const [residentMiB, heapMiB] = [rss / 2 ** 20, heapUsed / 2 ** 20];
      rows.push({ step, tensors, tensorBytes, residentMiB, heapMiB });
      const megabytes = [residentMiB, heapMiB].map((value) => value.toFixed(1));
      printCells([
        ...[step, tensors, tensorBytes].map((n) => n.toLocaleString('en')),
        ...megabytes,
      ]);
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
    now: () => performance.now(),
  });
  console.log(`\nafter the run: ${tf.memory().numTensors} tensors`);
  await rm(parent, { recursive: true });
  await backend.release();
  return rows;
}

function printCells(cells: readonly string[]): void {
  console.log(cells.map((cell, i) => cell.padStart(COLUMN_WIDTHS[i] ?? 0)).join(''));
}

/**
 * Tensors are counted, so one more is a leak. Resident memory varies by some MiB with the
 * allocators, so the medians of the run's second and last quarters are compared.
 *
 * @throws ExpectedError  When either grew.
 */
function judge(rows: readonly Row[], allowance: number): void {
  const settled = rows.slice(Math.floor(rows.length * SETTLING));
  const quarter = Math.ceil(rows.length / 4);
  const first = settled[0] as Row;
  const grewBy = (column: 'tensors' | 'tensorBytes'): number =>
    Math.max(...settled.map((row) => row[column])) - first[column];
  const takeMedian = (part: readonly Row[]): number =>
    takeSpread(part.map((row) => row.residentMiB)).median;
  const growth = takeMedian(settled.slice(-quarter)) - takeMedian(settled.slice(0, quarter));
  const range = `from step ${first.step.toLocaleString('en')} on`;
  const verdicts: [text: string, grew: boolean][] = [
    [
      `tensors ${range}: +${grewBy('tensors')}, +${grewBy('tensorBytes')} bytes`,
      grewBy('tensors') > 0 || grewBy('tensorBytes') > 0,
    ],
    [
      `resident memory ${range}: ${growth.toFixed(1)} MiB between the medians of the run's ` +
        `second and last quarters, ${allowance} allowed`,
      growth > allowance,
    ],
  ];
  for (const [text, grew] of verdicts) {
    console.log(`${grew ? 'GREW: ' : 'did not grow: '}${text}`);
  }
  if (verdicts.some(([, grew]) => grew)) {
    throw new ExpectedError('memory grew.');
  }
}
