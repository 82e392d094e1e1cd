/**
 * A training step of each preset beside the same one in Keras, with one thread and with all: `npm run bench:keras` twice, as a
 * record. `npm run bench:training [-- --json FILE]`. The limit is what the step's multiply-accumulates alone would take at the rate of TensorFlow's own
 * product of two large matrices.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { deriveKey } from '../shared/model/random.ts';
import { createBatcher } from '../trainer/data/dataset.ts';
import { loadMnistPackage } from '../trainer/data/mnist-package.ts';
import { ExpectedError } from '../shared/expected-error.ts';
import { PRESETS, PURPOSES, type PresetName } from '../trainer/gan/preset.ts';
import { createGan, trainStep } from '../trainer/gan/step.ts';
import { selectBackend } from '../trainer/tensorflow/backend.ts';
import { runCommand } from '../trainer/tensorflow/setup/command.ts';
import { takeSpread, type BenchRecord, type BenchTable } from './record.ts';
import { createSuiteCommand, runSuite } from './suite.ts';

/** What is used of what `bench:keras -- --json` writes. */
interface KerasReport {
  readonly pinnedTo: readonly number[] | null;
  readonly presets: readonly {
    readonly preset: string;
    readonly batchSize: number;
    readonly stepsPerRound: number;
    readonly ours: { readonly rounds: readonly number[] };
    readonly operations: { readonly rounds: readonly number[] };
    readonly keras: { readonly rounds: readonly number[] };
    readonly versions: Readonly<Record<'ours' | 'keras', Readonly<Record<string, string>>>>;
  }[];
}

/** Of the product that the limit's rate is measured with: [SIZE, SIZE] each. */
const SIZE = 2048;
const PRODUCTS = 8;

/** Ours over Keras's, at most. */
const GOAL = 1.5;

if (process.argv[2] === '--limit') {
  console.log(
    JSON.stringify(await measureLimit(process.argv[3] as PresetName, Number(process.argv[4]))),
  );
  process.exit(0);
}

await runSuite(
  'training',
  createSuiteCommand(
    'training',
    'Times a training step beside the same one in Keras, with one thread and with all.',
  ),
  measure,
);

async function measure(): Promise<Pick<BenchRecord, 'tables' | 'versions'>> {
  const tables: BenchTable[] = [];
  let versions: Record<string, string> = {};
  for (const threads of new Set([1, availableParallelism()])) {
    const report = await runKeras(threads);
    const [first] = report.presets;
    versions = { ...first?.versions.keras, ...first?.versions.ours };
    const limits: Limit[] = [];
    for (const { preset } of report.presets) {
      limits.push(await askLimit(preset, threads));
    }
    tables.push(buildTable(report, limits, threads));
  }
  return { versions, tables };
}

function buildTable(
  { presets, pinnedTo }: KerasReport,
  limits: readonly Limit[],
  threads: number,
): BenchTable {
  const keras = presets.map((one) => takeSpread(one.keras.rounds));
  return {
    id: `training-${threads}`,
    title: `A training step, ${threads === 1 ? 'one thread' : `${threads} threads`}`,
    unit: 'ms',
    better: 'lower',
    notes: [
      `${presets.map(({ preset, batchSize, stepsPerRound, ours }) => `\`${preset}\`: ${batchSize} images a step, ${ours.rounds.length} rounds of ${stepsPerRound} steps`).join('; ')}; by turns, ${pinnedTo === null ? 'free to move between cores' : 'on the same cores'}.`,
      'Before, all do a few steps from the same weights and end with the same losses, moments and weights.',
    ],
    cases: presets.map(({ preset }) => preset),
    rows: [
      {
        subject: 'digitmint, tfjs-node',
        isOurs: true,
        values: presets.map((one) => takeSpread(one.ours.rounds)),
      },
      { subject: 'Keras, compiled graph', isOurs: false, values: keras },
      {
        subject: 'tfjs-node, operation by operation',
        isOurs: false,
        values: presets.map((one) => takeSpread(one.operations.rounds)),
      },
    ],
    limit: {
      what: `the multiply-accumulates alone, ${limits.map(({ macs }) => (macs / 1e6).toFixed(0)).join(' and ')} million, at ${Math.max(...limits.map(({ macsPerMs }) => macsPerMs / 1e6)).toFixed(0)} thousand million a second: TensorFlow’s product of two matrices of ${SIZE} x ${SIZE}`,
      values: limits.map(({ macs, macsPerMs }) => macs / macsPerMs),
    },
    goals: keras.map(({ median }) => GOAL * median),
  };
}

async function runKeras(threads: number): Promise<KerasReport> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-training-'));
  try {
    const file = join(folder, 'keras.json');
    const args = [
      join(import.meta.dirname, 'keras.ts'),
      '--preset',
      'both',
      '--threads',
      String(threads),
      '--json',
      file,
    ];
    const ended = await runCommand(process.execPath, args, { env: process.env, showOutput: true });
    if (ended?.status !== 0) {
      throw new ExpectedError(`bench:keras failed:\n${ended?.stderr ?? ''}`);
    }
    return JSON.parse(await readFile(file, 'utf8')) as KerasReport;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What a step cannot be done without. */
interface Limit {
  /** Of products and convolutions, gradients included; at borders what lies on padding counts too. */
  readonly macs: number;
  readonly macsPerMs: number;
}

/** In a process of its own, since a number of threads can be chosen once. */
async function askLimit(preset: string, threads: number): Promise<Limit> {
  const cores = Array.from({ length: threads }, (_, i) => i).join(',');
  const args = [
    '-c',
    cores,
    process.execPath,
    import.meta.filename,
    '--limit',
    preset,
    String(threads),
  ];
  const ended = await runCommand('taskset', args, { env: process.env });
  if (ended?.status !== 0) {
    throw new ExpectedError(
      `the limit of ${preset} could not be measured, or there is no taskset (util-linux):\n${ended?.stderr ?? ''}`,
    );
  }
  return JSON.parse(ended.stdout.trim().split('\n').at(-1) ?? '') as Limit;
}

async function measureLimit(preset: PresetName, threads: number): Promise<Limit> {
  await selectBackend('tensorflow', { threads, convolutions: true });
  const config = { ...PRESETS[preset], seed: 'bench' };
  const dataset = await loadMnistPackage();
  const source = { config, dataset, key: deriveKey('train', config.seed) };
  const gan = createGan(source, null);
  const batcher = createBatcher(dataset.count, config.batchSize, source.key, PURPOSES.shuffle);
  const { kernels } = await tf.profile(() => {
    tf.dispose(Object.values(trainStep(gan, source, batcher.drawIndices(0), 0)));
    return tf.scalar(0);
  });
  const macs = kernels.reduce((sum, kernel) => sum + countMacs(kernel), 0);
  return { macs, macsPerMs: Math.max(...Array.from({ length: PRODUCTS }, timeProduct)) };
}

type ProfiledKernel = Pick<
  Awaited<ReturnType<typeof tf.profile>>['kernels'][number],
  'name' | 'inputShapes' | 'outputShapes'
>;

/** Of one kernel as TensorFlow.js's profile tells of it. */
function countMacs({ name, inputShapes, outputShapes }: ProfiledKernel): number {
  const [first = [], second = []] = inputShapes as number[][];
  const [output = []] = outputShapes as number[][];
  switch (name) {
    // tfjs-node makes fused kernels of these, which the profile names too.
    case 'BatchMatMul':
      // Of m x k by k x n each size is in two of the three, whichever is transposed; only one batch is ever at work here.
      return Math.sqrt(sizeOf(first) * sizeOf(second) * sizeOf(output));
    case 'Conv2D':
      return (sizeOf(output) * sizeOf(second)) / (second.at(-1) as number);
    case 'Conv2DBackpropInput':
      return (sizeOf(first) * sizeOf(second)) / (second.at(-1) as number);
    case 'Conv2DBackpropFilter':
      return (sizeOf(second) * sizeOf(output)) / (output.at(-1) as number);
    default:
      return 0;
  }
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** @returns  Multiply-accumulates a millisecond. */
function timeProduct(): number {
  return tf.tidy(() => {
    const [a, b] = [tf.randomUniform([SIZE, SIZE]), tf.randomUniform([SIZE, SIZE])];
    const began = performance.now();
    tf.matMul(a, b).dataSync();
    return SIZE ** 3 / (performance.now() - began);
  });
}
