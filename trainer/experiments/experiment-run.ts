/**
 * One run of an arm: trains, measures on a schedule, keeps a checkpoint at each measurement, and goes on from the last one. A
 * run's weights depend on its arm, its seed and the data alone.
 */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import canonicalize from 'canonicalize';
import { decodePixels } from '../../shared/picture/pixels.ts';
import { deriveKey } from '../../shared/model/random.ts';
import { buildSheet, encodePng } from '../../shared/picture/sheet.ts';
import { loadNewestCheckpoint, saveCheckpoint } from '../run/checkpoint.ts';
import { createBatcher, gatherImages, type Dataset } from '../data/dataset.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import { appendToLog, writeAtomically } from '../../storage/files.ts';
import { pngEncoder } from '../node-kernels.ts';
import { readState } from '../gan/network-state.ts';
import { PURPOSES, type TrainingConfig } from '../gan/preset.ts';
import { hashRun } from '../run/run-folder.ts';
import { createGan, disposeGan, trainStep, type StepSource } from '../gan/seeded-step.ts';
import type { Gan } from '../gan/steps.ts';
import { createLearningClock, type LearningClock } from './learning-clock.ts';
import { drawQualitySamples, QUALITY_SAMPLES, type Gauge, type Quality } from './quality.ts';
import {
  loadPoints,
  locateExperiment,
  saveResult,
  type ExperimentEnvironment,
  type ExperimentPoint,
} from './result.ts';
import { createVae, disposeVae, drawNoise, stepVae, type VaeConfig } from './vae.ts';

/** What a run is told. */
export interface ExperimentRun {
  readonly arm: string;
  readonly config: TrainingConfig;
  readonly vae: VaeConfig | undefined;
  readonly dataset: Dataset;
  readonly data: { readonly name: string; readonly images: number; readonly sha256: string };
  readonly folder: string;
  readonly gauge: Gauge;
  readonly floor: Quality;
  readonly environment: ExperimentEnvironment;
  /** When aborted, the run ends after the step that it is in. What it did since its last measurement is lost. */
  readonly signal: AbortSignal;
  /** Told of every measurement. */
  readonly onPoint: (point: ExperimentPoint) => void;
}

/** Samples on the grid at the end, and how they are laid out. */
export const EXPERIMENT_GRID = { count: 30, layout: { cols: 10, scale: 1 } } as const;

/** True for the steps at which a run is measured: dense at first, where most happens, and the last. */
export function isMeasuringStep(step: number, steps: number): boolean {
  return step === steps || step % (step < 200 ? 100 : step < 1000 ? 200 : 500) === 0;
}

/** SHA-256 of all that decides a run's weights, but for how long it trains: a finished run can be given more steps. */
export function hashExperiment({
  config,
  vae,
  data,
}: Pick<ExperimentRun, 'config' | 'vae' | 'data'>): string {
  const own = hashRun({ config, dataset: data });
  return vae === undefined
    ? own
    : createHash('sha256')
        .update(canonicalize({ run: own, vae }) as string)
        .digest('hex');
}

/**
 * Trains to the last step, or until the signal.
 *
 * @returns  True when the run is finished and its record written.
 * @throws ExpectedError  When the folder holds another run.
 */
export async function runExperiment(run: ExperimentRun): Promise<boolean> {
  const { config, folder, signal } = run;
  const paths = locateExperiment(folder);
  await mkdir(paths.checkpoints, { recursive: true });
  const sha256 = hashExperiment(run);
  const checkpoint = (await loadNewestCheckpoint(paths.checkpoints))?.checkpoint ?? null;
  if (checkpoint !== null && checkpoint.runSha256 !== sha256) {
    throw new ExpectedError(
      `${folder} holds a run with other settings or data: delete it, or choose another --out`,
    );
  }
  const points = (await loadPoints(paths.metrics)).filter(
    ({ step }) => step <= (checkpoint?.step ?? -1),
  );
  await writeAtomically(
    paths.metrics,
    points.map((point) => `${JSON.stringify(point)}\n`).join(''),
  );
  await writeAtomically(
    paths.options,
    `${JSON.stringify({ ...run.data, sha256, vae: run.vae ?? null, config }, null, 2)}\n`,
  );
  const source = { config, dataset: run.dataset, key: deriveKey('train', config.seed) };
  const gan = createGan(source, checkpoint);
  const learner = createLearner(run, source, gan);
  const clock = createLearningClock(points.at(-1));
  let failure: string | null = null;
  let losses: Losses = {};
  try {
    for (let step = checkpoint?.step ?? 0; ; step++) {
      const isResumed = step === checkpoint?.step;
      if (isMeasuringStep(step, config.steps) && !isResumed) {
        clock.pause();
        const point = measure(run, gan, { step, losses, clock });
        failure = findFailure(point);
        points.push(point);
        await appendToLog(paths.metrics, `${JSON.stringify(point)}\n`);
        run.onPoint(point);
        if (failure === null && step > 0 && step >= (run.vae?.steps ?? 0)) {
          const [generator, discriminator] = await Promise.all([
            readState(gan.generator),
            readState(gan.discriminator),
          ]);
          await saveCheckpoint(paths.checkpoints, {
            step,
            runSha256: sha256,
            generator,
            discriminator,
            average: null,
          });
        }
      }
      if (signal.aborted && step < config.steps) {
        return false;
      }
      if (step >= config.steps || failure !== null) {
        break;
      }
      clock.resume();
      losses = await learner.learn(step, isMeasuringStep(step + 1, config.steps));
      // Lets signals in.
      await setImmediate();
    }
    const grid = drawQualitySamples(gan, config.prior, EXPERIMENT_GRID.count);
    await writeAtomically(
      paths.grid,
      encodePng(pngEncoder, buildSheet(grid, EXPERIMENT_GRID.layout)),
    );
  } finally {
    learner.dispose();
    disposeGan(gan);
  }
  const { arm, data, floor, environment } = run;
  const record = {
    arm,
    seed: config.seed,
    sha256,
    steps: config.steps,
    data,
    failure,
    points,
    floor,
    environment,
  };
  await saveResult(paths.result, { schema: 1, ...record });
  return true;
}

interface Losses {
  readonly discriminatorLoss?: number;
  readonly generatorLoss?: number;
}

/** Does a step, as a VAE's or the GAN's. */
interface Learner {
  /** @param reads  Whether the losses are wanted: reading them waits for the device. */
  learn(step: number, reads: boolean): Promise<Losses>;
  dispose(): void;
}

function createLearner({ vae: told }: ExperimentRun, source: StepSource, gan: Gan): Learner {
  const { config, dataset, key } = source;
  const { batchSize } = config;
  const batcher = createBatcher(dataset.count, batchSize, key, PURPOSES.shuffle);
  const vae = told === undefined ? null : createVae(told, gan.plan, gan.generator, key);
  const learnAsVae = (step: number): void => {
    if (vae === null) {
      return;
    }
    const pixels = decodePixels(
      gatherImages(dataset, batcher.drawIndices(step)),
      config.pixelRange,
    );
    const images = tf.tensor4d(pixels, [
      batchSize,
      dataset.height,
      dataset.width,
      dataset.channels,
    ]);
    const noise = drawNoise(vae, batchSize, key, step);
    tf.dispose([images, noise, stepVae(vae, images, noise, step + 1)]);
    if (step + 1 === vae.config.steps) {
      // What Adam remembers is another loss's: the GAN's begins as it always does, from 0.
      tf.tidy(() => {
        gan.generator.firstMoment.assign(tf.zerosLike(gan.generator.firstMoment));
        gan.generator.secondMoment.assign(tf.zerosLike(gan.generator.secondMoment));
      });
    }
  };
  return {
    async learn(step, reads) {
      const own = step - (told?.steps ?? 0);
      if (own < 0) {
        learnAsVae(step);
        return {};
      }
      // Operation by operation, as in every run so far: arms are compared by their seconds of processor, too.
      const losses = trainStep(gan, source, batcher.drawIndices(step), own);
      const values = reads
        ? await Promise.all([losses.discriminator.data(), losses.generator.data()])
        : [];
      tf.dispose([losses.discriminator, losses.generator]);
      const [[discriminatorLoss = NaN] = [], [generatorLoss = NaN] = []] = values;
      return reads ? { discriminatorLoss, generatorLoss } : {};
    },
    dispose: () => vae && disposeVae(vae),
  };
}

function measure(
  { config, gauge }: ExperimentRun,
  gan: Gan,
  { step, losses, clock }: { step: number; losses: Losses; clock: LearningClock },
): ExperimentPoint {
  const quality = gauge(drawQualitySamples(gan, config.prior, QUALITY_SAMPLES).pixels);
  const rounded = Object.entries({ ...quality, classes: [] }).map(([name, value]) => [
    name,
    round(value as number),
  ]);
  return {
    step,
    seconds: round(clock.seconds()),
    cpuSeconds: round(clock.cpuSeconds()),
    ...Object.fromEntries(Object.entries(losses).map(([name, value]) => [name, round(value)])),
    quality: {
      ...(Object.fromEntries(rounded) as unknown as Quality),
      classes: [...quality.classes],
    },
  };
}

/** Five digits that count: more would only make the records longer. */
function round(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(5)) : -1;
}

/** A loss that is no number ends a run; `round` has made it negative, which no loss of these arms can be. */
function findFailure({
  step,
  discriminatorLoss = 0,
  generatorLoss = 0,
}: ExperimentPoint): string | null {
  return discriminatorLoss < 0 || generatorLoss < 0 ? `diverged before step ${step}` : null;
}
