/**
 * A training step of each preset: as the graph that it is trained with, operation by operation, and
 * in Keras (TensorFlow's compiled graph), on the same cores with the same number of threads, in
 * turns. `--backends` times the trainer's other backends too. First the sides do a few steps from
 * the same weights with the same draws. Unless they end with the same losses and weights, nothing
 * is timed. The limit is what the step's multiply-accumulates alone would take.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import { ExpectedError } from '../../shared/expected-error.ts';
import { prepareSwiftShader, swiftShaderMissing } from '../../test/support/training/swiftshader.ts';
import { parseWhole } from '../../trainer/cli/arguments.ts';
import { PRESETS, type PresetName } from '../../trainer/gan/preset.ts';
import type { BackendName } from '../../trainer/tensorflow/backend.ts';
import { runCommand } from '../../trainer/tensorflow/setup/command.ts';
import { preparePython } from '../peers.ts';
import { takeSpread, type BenchTable } from '../record.ts';
import { defineSuite, makeRow, takeTurns, type CommonFlags } from '../suite.ts';
import {
  compareOutcomes,
  drawStartingWeights,
  loadOutcome,
  makeProblem,
  saveProblem,
} from './problem.ts';
import { startSide, type Limit, type Side, type Times } from './side.ts';

/**
 * Steps of a round: some seconds, so that one garbage collection more or less does not decide. The
 * warm-up is long enough to compile code and fill caches.
 */
const STEPS: Readonly<Record<PresetName, { round: number; warmUp: number }>> = {
  seed: { round: 100, warmUp: 50 },
  digits: { round: 20, warmUp: 10 },
};
const QUICK_STEPS = { round: 1, warmUp: 1 };
/** Another backend does as many steps as it can in this time, up to so many. */
const BACKEND_STEPS = { warmUp: 3, most: 60, maxMs: 10_000 };
const QUICK_BACKEND_STEPS = { warmUp: 0, most: 1, maxMs: 1 };
const OTHER_BACKENDS: readonly BackendName[] = ['wasm', 'cpu', 'webgpu'];
/** Ours over Keras's, at most. */
const GOAL_RATIO = 1.5;
const SUBJECTS = {
  graphs: 'digitmint, tfjs-node',
  keras: 'Keras, compiled graph',
  operations: 'tfjs-node, operation by operation',
};

type SideName = keyof typeof SUBJECTS;

interface Flags extends CommonFlags {
  readonly preset: PresetName | 'both';
  readonly threads?: number;
  readonly rounds: number;
  readonly xla: boolean;
  readonly backends: boolean;
}

interface PresetResult {
  readonly preset: PresetName;
  readonly batchSize: number;
  readonly steps: number;
  /** Mean milliseconds a step of each round. */
  readonly rounds: Readonly<Record<SideName, number[]>>;
  /** Milliseconds of each step; null where a backend does not work. */
  readonly backends: ReadonlyMap<BackendName, readonly number[] | null>;
  readonly limit: Limit;
  readonly versions: Readonly<Record<string, string>>;
}

export const suite = defineSuite<Flags>({
  about: 'a training step, beside the same one in Keras',
  addFlags: (command) =>
    command
      .addOption(
        new Option('--preset <name>', 'what to time')
          .choices([...Object.keys(PRESETS), 'both'])
          .default('both'),
      )
      .option('--threads <count>', 'for each side (default: one, then all)', parseWhole(1, 1024))
      .option('--rounds <count>', 'of each side', parseWhole(1, 1000), 9)
      .option('--xla', 'compiles the step in Keras with XLA', false)
      .option('--backends', 'times the other backends of the trainer too', false),
  measure: async (flags) => {
    const python = await preparePython('keras');
    const { preset, threads } = flags;
    const presets = preset === 'both' ? (Object.keys(PRESETS) as PresetName[]) : [preset];
    const counts = threads === undefined ? [1, availableParallelism()] : [threads];
    const tables: BenchTable[] = [];
    let versions: Record<string, string> = {};
    for (const count of new Set(counts)) {
      const cores = await chooseCores(count);
      const results: PresetResult[] = [];
      for (const name of presets) {
        results.push(await timePreset(name, count, cores, python, flags));
      }
      versions = { ...versions, ...results[0]?.versions };
      tables.push(buildTable(results, count, cores));
    }
    return { versions, tables };
  },
});

function buildTable(
  results: readonly PresetResult[],
  threads: number,
  cores: readonly number[] | null,
): BenchTable {
  const sizes = results.map(
    ({ preset, batchSize, rounds, steps }) =>
      `\`${preset}\`: ${batchSize} images a step, ${rounds.graphs.length} rounds of ${steps} steps`,
  );
  const macs = results.map(({ limit }) => (limit.macs / 1e6).toFixed(0)).join(' and ');
  const rate = Math.max(...results.map(({ limit }) => limit.macsPerMs / 1e6)).toFixed(0);
  const backends = [...(results[0]?.backends.keys() ?? [])];
  return {
    id: `training-${threads}`,
    title: `A training step, ${threads === 1 ? 'one thread' : `${threads} threads`}`,
    unit: 'ms',
    better: 'lower',
    notes: [
      `${sizes.join('; ')}; in turns, ` +
        `${cores === null ? 'free to move between cores' : 'on the same cores'}.`,
      'Before that, all sides do a few steps from the same weights and end with the same losses, ' +
        'moments and weights.',
    ],
    cases: results.map(({ preset }) => preset),
    rows: [
      ...Object.entries(SUBJECTS).map(([side, subject]) =>
        makeRow(
          subject,
          results.map(({ rounds }) => rounds[side as SideName]),
          side === 'graphs',
        ),
      ),
      ...backends.map((name) =>
        makeRow(
          `tfjs on ${name}`,
          results.map((result) => result.backends.get(name)),
          false,
        ),
      ),
    ],
    limit: {
      what:
        `the multiply-accumulates alone, ${macs} million, at ${rate} thousand million a second, ` +
        'the rate of TensorFlow’s product of two large matrices',
      values: results.map(({ limit }) => limit.macs / limit.macsPerMs),
    },
    goals: results.map(({ rounds }) => GOAL_RATIO * takeSpread(rounds.keras).median),
  };
}

/** The first cores that this process may use. @returns  Null where there is no taskset. */
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

async function timePreset(
  preset: PresetName,
  threads: number,
  cores: readonly number[] | null,
  python: string,
  { rounds, xla, backends, quick }: Flags,
): Promise<PresetResult> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-training-'));
  const started: Side[] = [];
  const start = async (command: readonly string[]): Promise<Side> => {
    const tie = cores === null ? [] : ['taskset', '-c', cores.join(',')];
    const side = await startSide([...tie, ...command]);
    started.push(side);
    return side;
  };
  try {
    const problem = makeProblem(preset);
    const problemFile = join(folder, 'problem.safetensors');
    await saveProblem(problemFile, problem);
    const script = join(import.meta.dirname, 'keras_step.py');
    const keras = [python, script, problemFile, String(threads), ...(xla ? ['--xla'] : [])];
    const sides: Record<SideName, Side> = {
      graphs: await start(locateTrainer(preset, 'tensorflow', threads, 'graphs')),
      keras: await start(keras),
      operations: await start(locateTrainer(preset, 'tensorflow', threads, 'operations')),
    };
    const versions = { ...sides.keras.versions, ...sides.graphs.versions };
    const { batchSize } = problem.source.config;
    console.log(`\n${preset}, ${batchSize} images a step, ${threads} threads each`);
    await checkAgreement(drawStartingWeights(problem.source), sides, folder);

    const steps = quick ? QUICK_STEPS : STEPS[preset];
    const names = Object.keys(sides) as SideName[];
    for (const name of names) {
      await train(sides[name], steps.warmUp);
    }
    const contenders = names.map((name) => async () => {
      const ms = await train(sides[name], steps.round);
      return ms.reduce((sum, each) => sum + each, 0) / ms.length;
    });
    const [graphs = [], kerasMs = [], operations = []] = await takeTurns(
      quick ? 1 : rounds,
      contenders,
    );
    for (const [name, ms] of Object.entries({ graphs, operations })) {
      const { min, median, max } = takeSpread(ms.map((each, i) => each / (kerasMs[i] as number)));
      const ratios = [min, median, max].map((value) => value.toFixed(2)).join(', ');
      console.log(`  ${name} over Keras in the same round: ${ratios} (least, median, most)`);
    }
    const limit = (await sides.operations.ask({ do: 'limit' })) as Limit;
    await Promise.all(started.splice(0).map((side) => side.close()));
    return {
      preset,
      batchSize,
      steps: steps.round,
      rounds: { graphs, keras: kerasMs, operations },
      backends: backends
        ? await timeBackends(preset, threads, quick ? QUICK_BACKEND_STEPS : BACKEND_STEPS)
        : new Map(),
      limit,
      versions,
    };
  } finally {
    await Promise.all(started.map((side) => side.close()));
    await rm(folder, { recursive: true });
  }
}

function locateTrainer(preset: string, backend: string, threads: number, mode: string): string[] {
  const program = join(import.meta.dirname, 'trainer-side.ts');
  return [process.execPath, program, preset, backend, String(threads), mode];
}

async function train(side: Side, steps: number, maxMs?: number): Promise<readonly number[]> {
  const request = { do: 'train', steps, ...(maxMs === undefined ? {} : { maxMs }) } as const;
  return ((await side.ask(request)) as Times).ms;
}

/** @throws ExpectedError  When the sides do not do the same step. Then a comparison is void. */
async function checkAgreement(
  start: ReturnType<typeof drawStartingWeights>,
  sides: Readonly<Record<SideName, Side>>,
  folder: string,
): Promise<void> {
  const locate = (name: SideName): string => join(folder, `${name}.safetensors`);
  for (const [name, side] of Object.entries(sides)) {
    await side.ask({ do: 'check', out: locate(name as SideName) });
  }
  if (!(await readFile(locate('graphs'))).equals(await readFile(locate('operations')))) {
    throw new ExpectedError(
      'a step as one graph has other bits than operation by operation, so nothing was timed.',
    );
  }
  const [own, keras] = [await loadOutcome(locate('graphs')), await loadOutcome(locate('keras'))];
  const { agrees, report } = compareOutcomes(own, keras, start);
  console.log(`  ${report}`);
  if (!agrees) {
    throw new ExpectedError('the sides do not do the same step, so nothing was timed.');
  }
}

/** Times the backends that work here; WebGPU on SwiftShader where there is no GPU. */
async function timeBackends(
  preset: PresetName,
  threads: number,
  steps: typeof BACKEND_STEPS,
): Promise<Map<BackendName, readonly number[] | null>> {
  const times = new Map<BackendName, readonly number[] | null>();
  for (const name of OTHER_BACKENDS) {
    const command = locateTrainer(preset, name, threads, 'graphs');
    try {
      times.set(name, await timeBackend(await startSide(command), steps));
    } catch (error) {
      if (name === 'webgpu' && swiftShaderMissing === undefined) {
        console.log('  webgpu: no GPU, so on SwiftShader');
        times.set(
          name,
          await timeBackend(await startSide(command, await prepareSwiftShader()), steps),
        );
      } else {
        const [reason] = /\w*Error: .*/.exec((error as Error).message) ?? [String(error)];
        console.log(`  ${name}: not usable here: ${reason}`);
        times.set(name, null);
      }
    }
  }
  return times;
}

async function timeBackend(
  side: Side,
  { warmUp, most, maxMs }: typeof BACKEND_STEPS,
): Promise<readonly number[]> {
  try {
    await train(side, warmUp, maxMs);
    return await train(side, most, maxMs);
  } finally {
    await side.close();
  }
}
