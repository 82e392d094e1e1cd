/**
 * A training step of each preset beside the same one in Keras, with one thread and with all: `npm run bench:keras` twice, as a
 * record. `npm run bench -- training`.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { ExpectedError } from '../trainer/expected-error.ts';
import { runCommand } from '../trainer/tensorflow/command.ts';
import { beginRecord, printTable, saveRecord, takeSpread, type BenchTable } from './record.ts';

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

/** Ours over Keras's, at most. */
const GOAL = 1.5;

const { json } = new Command('npm run bench -- training')
  .description('Times a training step beside the same one in Keras, with one thread and with all.')
  .option('--json <file>', 'writes the figures there too')
  .allowExcessArguments(false)
  .parse()
  .opts<{ json?: string }>();

try {
  await main();
} catch (error) {
  if (!(error instanceof ExpectedError)) {
    throw error;
  }
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const started = beginRecord('training');
  const tables: BenchTable[] = [];
  let versions: Record<string, string> = {};
  for (const threads of new Set([1, availableParallelism()])) {
    const report = await runKeras(threads);
    const [first] = report.presets;
    versions = { ...first?.versions.keras, ...first?.versions.ours };
    tables.push(buildTable(report, threads));
  }
  tables.forEach(printTable);
  if (json !== undefined) {
    await saveRecord(json, { ...started, versions, tables });
  }
}

function buildTable({ presets, pinnedTo }: KerasReport, threads: number): BenchTable {
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
      { subject: 'digitmint, tfjs-node', isOurs: true, values: presets.map((one) => takeSpread(one.ours.rounds)) },
      { subject: 'Keras, compiled graph', isOurs: false, values: keras },
      {
        subject: 'tfjs-node, operation by operation',
        isOurs: false,
        values: presets.map((one) => takeSpread(one.operations.rounds)),
      },
    ],
    limit: null,
    goals: keras.map(({ median }) => GOAL * median),
  };
}

async function runKeras(threads: number): Promise<KerasReport> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-training-'));
  try {
    const file = join(folder, 'keras.json');
    const args = [join(import.meta.dirname, 'keras.ts'), '--preset', 'both', '--threads', String(threads), '--json', file];
    const ended = await runCommand(process.execPath, args, { env: process.env, showOutput: true });
    if (ended?.status !== 0) {
      throw new ExpectedError(`bench:keras failed:\n${ended?.stderr ?? ''}`);
    }
    return JSON.parse(await readFile(file, 'utf8')) as KerasReport;
  } finally {
    await rm(folder, { recursive: true });
  }
}
