/**
 * A training step of each preset: as the graph that it is trained with, operation by operation, and
 * in Keras (TensorFlow's compiled graph), on the same cores, in turns. Nothing is timed unless all
 * sides end a few steps from the same weights and draws with the same losses and weights.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ExpectedError } from '../../shared/expected-error.ts';
import { PRESETS, type PresetName } from '../../trainer/gan/preset.ts';
import * as harness from '../harness.ts';
import { preparePython } from '../peers.ts';
import type { BenchTable } from '../record.ts';

/** Steps of a round: some seconds, so that one garbage collection more or less does not decide. */
const STEPS: Readonly<Record<PresetName, number>> = { seed: 100, digits: 20 };
/** Ours over Keras's, at most. */
const GOAL_RATIO = 1.5;
const SUBJECTS = [
  'digitmint, tfjs-node',
  'Keras, compiled graph',
  'tfjs-node, operation by operation',
];

type Side = Awaited<ReturnType<typeof startSide>>;
/** A side's first answer: versions, and from Keras the limit of a step. */
type Hello = Readonly<{ versions: Record<string, string>; macs?: number; macsPerMs?: number }>;

export const measure: harness.Suite = async (quick) => {
  const presets = Object.keys(PRESETS) as PresetName[];
  const tables: BenchTable[] = [];
  let versions: Record<string, string> = {};
  for (const threads of new Set([1, availableParallelism()])) {
    await harness.withFolder(async (folder) => {
      const started: Side[] = [];
      try {
        for (const preset of presets) {
          await startSides(preset, threads, folder, started);
        }
        versions = { ...started[1]?.hello.versions, ...started[0]?.hello.versions };
        tables.push(await time(presets, started, threads, quick));
      } finally {
        started.forEach((side) => side.close());
      }
    });
  }
  return { versions, tables };
};

/** Starts one process after the other and waits for each: they compare what they compute. */
async function startSides(preset: string, threads: number, folder: string, started: Side[]) {
  const program = join(import.meta.dirname, '../training-side.ts');
  const script = join(import.meta.dirname, '../peers/keras_step.py');
  const [graphs, operations] = [join(folder, preset), join(folder, `${preset}-operations`)];
  const trainer = [process.execPath, program, preset, String(threads)];
  for (const command of [
    [...trainer, 'graphs', graphs],
    [await preparePython('keras'), script, graphs, String(threads)],
    [...trainer, 'operations', operations],
  ]) {
    started.push(await startSide(threads, command));
  }
  if (!(await readFile(graphs)).equals(await readFile(operations))) {
    throw new ExpectedError('a step as one graph has other bits than operation by operation.');
  }
}

async function time(
  presets: readonly PresetName[],
  sides: readonly Side[],
  threads: number,
  quick: boolean,
): Promise<BenchTable> {
  const rounds = quick ? 1 : 9;
  const rows = await harness.measureRows(
    rounds,
    SUBJECTS.map((subject, i) => ({
      subject,
      isOurs: i === 0,
      cells: presets.map((preset, k) => () => {
        const side = sides[SUBJECTS.length * k + i] as Side;
        return side.train(quick ? 1 : STEPS[preset]);
      }),
    })),
    1,
  );
  const limits = presets.map((_, k) => sides[SUBJECTS.length * k + 1]?.hello as Hello);
  const macs = limits.map((each) => ((each.macs ?? NaN) / 1e6).toFixed(0)).join(' and ');
  const macsPerMs = Math.max(...limits.map((each) => each.macsPerMs ?? NaN));
  const sizes = presets.map((preset) => {
    const { batchSize } = PRESETS[preset];
    return `\`${preset}\`: ${batchSize} images a step, ${rounds} rounds of ${STEPS[preset]} steps`;
  });
  return harness.makeTable({
    id: `training-${threads}`,
    title: `A training step, ${threads === 1 ? 'one thread' : `${threads} threads`}`,
    notes: [
      `${sizes.join('; ')}; in turns, on the same cores.`,
      'Before that, all sides do a few steps from the same weights and end with the same losses, ' +
        'moments and weights.',
    ],
    cases: [...presets],
    rows,
    limit: {
      what:
        `the multiply-accumulates alone, ${macs} million, at ${(macsPerMs / 1e6).toFixed(0)} ` +
        'thousand million a second, the rate of TensorFlow’s product of two large matrices',
      values: limits.map((each) => (each.macs ?? NaN) / macsPerMs),
    },
    goals: presets.map((_, k) => GOAL_RATIO * (rows[1]?.values[k]?.median ?? NaN)),
  });
}

/** @throws ExpectedError  When the process ends before it answers, with the end of its stderr. */
async function startSide(threads: number, command: readonly string[]) {
  const cores = Array.from({ length: threads }, (_, core) => core).join(',');
  const child = spawn('taskset', ['-c', cores, ...command]);
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const receive = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    if (done === true) {
      throw new ExpectedError(`${command.join(' ')} ended:\n${errors.slice(-2000)}`);
    }
    return JSON.parse(value);
  };
  return {
    hello: (await receive()) as Hello,
    /** Does steps. @returns  Mean milliseconds of one. */
    train: async (steps: number) => {
      child.stdin.write(`${steps}\n`);
      return (await receive()) as number;
    },
    close: () => child.stdin.end(),
  };
}
