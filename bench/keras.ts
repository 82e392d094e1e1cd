/**
 * One training step of each preset, ours (as the graph that it is trained with, and operation by operation) and the same one in
 * Keras (TensorFlow's compiled graph), on the same cores with the same number of threads, in alternating rounds. First the sides
 * do a few steps from the same weights with the same draws; unless they end with the same losses and weights, nothing is timed
 * and the exit status is 1.
 *
 *   npm run bench:keras [-- --threads 1|2 --preset digits|seed|both --rounds 9 --xla --json FILE]
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { parseWhole } from '../trainer/cli/arguments.ts';
import { ExpectedError } from '../shared/expected-error.ts';
import { PRESETS, type PresetName } from '../trainer/gan/preset.ts';
import { describeMachine } from '../trainer/run/run-folder.ts';
import { runCommand } from '../trainer/tensorflow/setup/command.ts';
import { prepareKeras } from './keras-environment.ts';
import {
  compareOutcomes,
  describeAgreement,
  drawStartingWeights,
  loadOutcome,
  makeProblem,
  saveProblem,
  type Agreement,
  type Problem,
} from './keras-problem.ts';
import { takeSpread, type Spread } from './record.ts';
import { runProgram } from './suite.ts';
import { serveTrainer, startSide, type Side } from './keras-side.ts';

/** Steps in a round: some seconds, so that a garbage collection more or less does not decide it. */
const ROUND_STEPS: Readonly<Record<PresetName, number>> = { seed: 100, digits: 20 };
/** Seconds of computing before the first round, in which code is compiled and caches fill, as steps. */
const WARM_UP_STEPS: Readonly<Record<PresetName, number>> = { seed: 50, digits: 10 };
/** Other programs' demand for cores above which figures are called busy. */
const QUIET_LOAD = 0.5;
const STEP_SCRIPT = join(import.meta.dirname, 'keras_step.py');

interface Flags {
  readonly preset: PresetName | 'both';
  readonly threads: number;
  readonly rounds: number;
  readonly xla: boolean;
  readonly json?: string;
}

/** A side's figures. */
interface Rounds extends Spread {
  readonly rounds: readonly number[];
}

/** By side, what it is asked for. */
type Sides = Readonly<Record<'ours' | 'operations' | 'keras', Side>>;

/** One preset's figures. */
interface PresetResult {
  readonly preset: PresetName;
  readonly batchSize: number;
  readonly agreement: Agreement;
  readonly stepsPerRound: number;
  /** Milliseconds a step, of each round its mean. */
  readonly ours: Rounds;
  readonly operations: Rounds;
  readonly keras: Rounds;
  /** Ours over Keras's of the same round: below 1 where ours takes less. */
  readonly ratio: Spread;
  /** The same operation by operation. */
  readonly operationsRatio: Spread;
  readonly versions: { readonly ours: Side['versions']; readonly keras: Side['versions'] };
}

if (process.argv[2] === '--side') {
  await serveTrainer(
    process.argv[3] as PresetName,
    Number(process.argv[4]),
    process.argv[5] === 'graphs',
  );
  process.exit(0);
}

const flags = new Command('npm run bench:keras --')
  .description(
    'Times a training step beside the same one in Keras, after checking that it is the same.',
  )
  .addOption(
    new Option('--preset <name>', 'what to time')
      .choices([...Object.keys(PRESETS), 'both'])
      .default('both'),
  )
  .option(
    '--threads <count>',
    'and as many cores, for each side',
    parseWhole(1, 1024),
    availableParallelism(),
  )
  .option('--rounds <count>', 'of each side', parseWhole(1, 1000), 9)
  .option('--xla', 'compiles the step in Keras with XLA', false)
  .option('--json <file>', 'writes the figures there too')
  .allowExcessArguments(false)
  .parse()
  .opts<Flags>();

await runProgram(() => run(flags));

async function run({ preset, threads, rounds, xla, json }: Flags): Promise<void> {
  const python = await prepareKeras(console.log);
  const [load = 0] = loadavg();
  const cores = await chooseCores(threads);
  const machine = { ...describeMachine(), loadBefore: load };
  console.log(
    `${machine.cores} x ${machine.processor}, ${machine.system}, ${machine.memoryGiB} GiB`,
  );
  console.log(
    `${threads === 1 ? '1 thread' : `${threads} threads`} each, ${cores === null ? 'free to move between cores' : `on core ${cores.join(' and ')}`}`,
  );
  if (load > QUIET_LOAD) {
    console.log(
      `The machine is busy (load ${load.toFixed(2)}): figures for publication need a quiet one.`,
    );
  }
  const results: PresetResult[] = [];
  for (const name of preset === 'both' ? (Object.keys(PRESETS) as PresetName[]) : [preset]) {
    results.push(await benchPreset(name, { python, threads, cores, rounds, xla }));
  }
  if (json !== undefined) {
    const record = {
      measuredAt: new Date().toISOString(),
      machine,
      threads,
      pinnedTo: cores,
      rounds,
      presets: results,
    };
    await writeFile(json, `${JSON.stringify(record, null, 2)}\n`);
    console.log(`\nwritten to ${json}`);
  }
}

/** The first cores that this process may use. @returns  Null where processes cannot be tied to cores. */
async function chooseCores(count: number): Promise<number[] | null> {
  if ((await runCommand('taskset', ['--version'], { env: process.env }))?.status !== 0) {
    return null;
  }
  const status = await readFile('/proc/self/status', 'utf8');
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '';
  const cores = list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  if (cores.length < count) {
    throw new ExpectedError(
      `--threads ${count}: this process may use ${cores.length} cores (${list}).`,
    );
  }
  return cores.slice(0, count);
}

interface Conditions {
  readonly python: string;
  readonly threads: number;
  readonly cores: readonly number[] | null;
  readonly rounds: number;
  readonly xla: boolean;
}

async function benchPreset(preset: PresetName, conditions: Conditions): Promise<PresetResult> {
  const { python, threads, cores, rounds, xla } = conditions;
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-keras-'));
  const tie = cores === null ? [] : ['taskset', '-c', cores.join(',')];
  const started: Side[] = [];
  const start = async (...command: string[]): Promise<Side> => {
    const side = await startSide([...tie, ...command]);
    started.push(side);
    return side;
  };
  try {
    const problem = makeProblem(preset);
    const problemFile = join(folder, 'problem.safetensors');
    await saveProblem(problemFile, problem);
    const trainer = [process.execPath, import.meta.filename, '--side', preset, String(threads)];
    const sides: Sides = {
      ours: await start(...trainer, 'graphs'),
      operations: await start(...trainer, 'operations'),
      keras: await start(
        python,
        STEP_SCRIPT,
        problemFile,
        String(threads),
        ...(xla ? ['--xla'] : []),
      ),
    };
    const { ours, keras } = sides;
    console.log(`\n${preset}, ${problem.source.config.batchSize} images a step`);
    console.log(`  ours   ${describeVersions(ours)}\n  keras  ${describeVersions(keras)}`);

    const agreement = await checkAgreement(problem, sides, folder);
    console.log(`  ${describeAgreement(agreement)}`);
    if (!agreement.agrees) {
      throw new ExpectedError(
        `${preset}: the sides do not do the same step, so nothing was timed.`,
      );
    }
    const times = await timeRounds(sides, {
      rounds,
      steps: ROUND_STEPS[preset],
      warmUpSteps: WARM_UP_STEPS[preset],
    });
    const compare = (side: readonly number[]): Spread =>
      takeSpread(side.map((ms, i) => ms / (times.keras[i] as number)));
    const result: PresetResult = {
      preset,
      batchSize: problem.source.config.batchSize,
      agreement,
      stepsPerRound: ROUND_STEPS[preset],
      ours: { ...takeSpread(times.ours), rounds: times.ours },
      operations: { ...takeSpread(times.operations), rounds: times.operations },
      keras: { ...takeSpread(times.keras), rounds: times.keras },
      ratio: compare(times.ours),
      operationsRatio: compare(times.operations),
      versions: { ours: ours.versions, keras: keras.versions },
    };
    printTable(result);
    return result;
  } finally {
    await Promise.all(started.map((side) => side.close()));
    await rm(folder, { recursive: true });
  }
}

function describeVersions({ versions }: Side): string {
  return Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
}

/** Lets each side do the first steps. @throws ExpectedError  When our own two ways differ in a bit. */
async function checkAgreement(
  { source }: Problem,
  sides: Sides,
  folder: string,
): Promise<Agreement> {
  const locateOutcome = (name: string): string => join(folder, `${name}.safetensors`);
  for (const [name, side] of Object.entries(sides)) {
    await side.check(locateOutcome(name));
  }
  if (
    !(await readFile(locateOutcome('ours'))).equals(await readFile(locateOutcome('operations')))
  ) {
    throw new ExpectedError(
      'a step as one graph has other bits than operation by operation, so nothing was timed.',
    );
  }
  const [ours, keras] = [
    await loadOutcome(locateOutcome('ours')),
    await loadOutcome(locateOutcome('keras')),
  ];
  return compareOutcomes(ours, keras, drawStartingWeights(source));
}

/** Lets the sides take turns, every other round in the other order. @returns  Mean milliseconds a step of each round. */
async function timeRounds(
  sides: Sides,
  { rounds, steps, warmUpSteps }: { rounds: number; steps: number; warmUpSteps: number },
): Promise<Record<keyof Sides, number[]>> {
  const times = { ours: [] as number[], operations: [] as number[], keras: [] as number[] };
  const names = Object.keys(times) as (keyof Sides)[];
  for (const name of names) {
    await sides[name].train(warmUpSteps);
  }
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      times[name].push(computeMean(await sides[name].train(steps)));
    }
  }
  return times;
}

function printTable({
  ours,
  operations,
  keras,
  ratio,
  operationsRatio,
  stepsPerRound,
}: PresetResult): void {
  console.log(
    `\n  ms/step over ${ours.rounds.length} rounds of ${stepsPerRound} steps each   min  median     max`,
  );
  const lines = {
    'ours, one graph': ours,
    'ours, operation by operation': operations,
    Keras: keras,
  };
  for (const [name, figures] of Object.entries(lines)) {
    console.log(`  ${name.padEnd(40)}${formatSpread(figures, 1)}`);
  }
  console.log(`  ${'one graph / Keras, of the same round'.padEnd(40)}${formatSpread(ratio, 2)}`);
  console.log(`  ${'operations / Keras'.padEnd(40)}${formatSpread(operationsRatio, 2)}`);
}

function formatSpread({ min, median, max }: Spread, digits: number): string {
  return [min, median, max].map((value) => value.toFixed(digits).padStart(8)).join('');
}

function computeMean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
