/** One run of an arm: `runTraining`, measured on a schedule, a checkpoint at each measurement. */
import { mkdir } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs';
import { hashValue } from '../../shared/model/artifact.ts';
import { planGenerator } from '../../shared/model/generator.ts';
import { buildSheet, encodePng } from '../../shared/picture/sheet.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import { appendToLog, writeAtomically, writeJson } from '../../storage/files.ts';
import type { Dataset } from '../data/dataset.ts';
import { pngEncoder } from '../node-kernels.ts';
import type { TrainingConfig } from '../gan/preset.ts';
import { decodeImages, type StepLosses } from '../gan/step.ts';
import { pickShippedWeights } from '../gan/update.ts';
import { loadNewestCheckpoint } from '../run/checkpoint.ts';
import { SILENT_REPORTER } from '../run/log/reporter.ts';
import { hashRun, reopenRunFolder } from '../run/run-folder.ts';
import { drawSamples } from '../run/sample-grid.ts';
import { createStepper } from '../run/stepper.ts';
import { runTraining, type RunHook } from '../run/training-loop.ts';
import { QUALITY_SAMPLES, SAMPLES_SEED, type Gauge, type Quality } from './quality.ts';
import {
  loadPoints,
  locateExperiment,
  saveResult,
  type ExperimentPoint,
  type ExperimentResult,
} from './records.ts';
import { createVae, type VaeConfig } from './vae.ts';

export interface ExperimentRun {
  readonly arm: string;
  readonly config: TrainingConfig;
  readonly vae: VaeConfig | undefined;
  readonly dataset: Dataset;
  readonly data: ExperimentResult['data'];
  readonly folder: string;
  readonly gauge: Gauge;
  readonly floor: Quality;
  readonly environment: ExperimentResult['environment'];
  /** When aborted, the run ends after its step. The work since its last measurement is lost. */
  readonly signal: AbortSignal;
  readonly onPoint: (point: ExperimentPoint) => void;
  /** See `TrainingRun`. */
  readonly assureFolder?: () => Promise<void>;
}

const GRID = { count: 30, layout: { cols: 10, scale: 1 } } as const;

/** True after the steps at which a run is measured: dense at first, where most happens. */
export function isMeasuringStep(step: number, steps: number): boolean {
  return step === steps || step % (step < 200 ? 100 : step < 1000 ? 200 : 500) === 0;
}

/** SHA-256 of all that decides a run's weights, but its length: a run can get more steps later. */
export function hashExperiment({
  config,
  vae,
  data,
}: Pick<ExperimentRun, 'config' | 'vae' | 'data'>): string {
  const run = hashRun({ config, dataset: data });
  return vae === undefined ? run : hashValue({ run, vae });
}

/**
 * Trains to the last step and writes the record, or until the signal. @returns  True when finished.
 * @throws ExpectedError  When the folder holds another run.
 */
export async function runExperiment(run: ExperimentRun): Promise<boolean> {
  const { arm, config, vae, data, dataset, folder, floor, environment, signal } = run;
  const { checkpoints, images, options, points: log, grid, result } = locateExperiment(folder);
  await mkdir(checkpoints, { recursive: true });
  await mkdir(images, { recursive: true });
  const sha256 = hashExperiment(run);
  const { checkpoint = null } = (await loadNewestCheckpoint(checkpoints)) ?? {};
  if (checkpoint !== null && checkpoint.runSha256 !== sha256) {
    throw new ExpectedError(
      `${folder} holds a run with other settings or data: delete it, or choose another --out`,
    );
  }
  const done = checkpoint?.step ?? -1;
  const points = (await loadPoints(folder)).filter(({ step }) => step <= done);
  await writeAtomically(log, points.map((point) => `${JSON.stringify(point)}\n`).join(''));
  await reopenRunFolder(folder, checkpoint?.step ?? 0);
  const settings = { config, dataset: data, sha256, vae: vae ?? null };
  await writeJson(options, settings);
  const { step, weights } = await runTraining({
    config,
    dataset,
    folder,
    checkpoint,
    runSha256: sha256,
    reporter: SILENT_REPORTER,
    signal,
    endsWhenBroken: false,
    hook: createHook(run, points),
    ...(run.assureFolder && { assureFolder: run.assureFolder }),
  });
  if (signal.aborted && step < config.steps) {
    return false;
  }
  const { seed, steps } = config;
  const plan = planGenerator(config.generator);
  const trained = tf.tensor1d(weights);
  const samples = await drawSamples(plan, trained, { ...config, seed: SAMPLES_SEED }, GRID.count);
  trained.dispose();
  await run.assureFolder?.();
  await writeAtomically(grid, encodePng(pngEncoder, buildSheet(samples, GRID.layout)));
  const failure = findFailure(points.at(-1));
  const record = { arm, seed, sha256, steps, data, failure, points, floor, environment };
  await saveResult(result, { schema: 1, ...record });
  return true;
}

/** @param points  The earlier measurements. New ones are appended. */
function createHook(run: ExperimentRun, points: ExperimentPoint[]): RunHook {
  const { config, vae: vaeConfig, folder, gauge, onPoint } = run;
  const clock = createLearningClock(points.at(-1));
  const vaeSteps = vaeConfig?.steps ?? 0;
  return {
    createStepper(gan, source) {
      const vae = vaeConfig && createVae(vaeConfig, gan.plan, gan.generator, source.key);
      const stepper = createStepper(gan, source);
      return {
        ...stepper,
        step: (indices, step, probe) =>
          clock.time(() => {
            if (vae === undefined || step >= vaeSteps) {
              return stepper.step(indices, step - vaeSteps, probe);
            }
            const images = decodeImages(source, indices);
            vae.train(images, step);
            images.dispose();
            return null;
          }),
        release() {
          stepper.release();
          vae?.dispose();
        },
      };
    },
    async measure(gan, step, losses) {
      if (!isMeasuringStep(step, config.steps)) {
        return 'go on';
      }
      const shipped = pickShippedWeights(gan);
      const law = { ...config, seed: SAMPLES_SEED };
      const samples = await drawSamples(gan.plan, shipped, law, QUALITY_SAMPLES);
      const point: ExperimentPoint = {
        step,
        ...clock.read(),
        ...(losses && (await readLosses(losses))),
        quality: roundQuality(gauge(samples.pixels)),
      };
      points.push(point);
      await run.assureFolder?.();
      await appendToLog(locateExperiment(folder).points, `${JSON.stringify(point)}\n`);
      onPoint(point);
      if (findFailure(point) !== null) {
        return 'stop';
      }
      // A checkpoint has no encoder, so a run that is stopped as a VAE starts again. Weights that
      // are not finite are not saved; the next losses will end the run.
      const weights = await shipped.data<'float32'>();
      const canSave = step > 0 && step >= vaeSteps && weights.every(Number.isFinite);
      return canSave ? 'save' : 'go on';
    },
  };
}

/** Measures the time of steps, on the clock and of the processor (all threads of this process). */
function createLearningClock(start: Pick<ExperimentPoint, 'seconds' | 'cpuSeconds'> | undefined) {
  let { seconds, cpuSeconds } = start ?? { seconds: 0, cpuSeconds: 0 };
  return {
    time<T>(step: () => T): T {
      const startedAt = performance.now();
      const cpuBefore = process.cpuUsage();
      const result = step();
      const { user, system } = process.cpuUsage(cpuBefore);
      seconds += (performance.now() - startedAt) / 1000;
      cpuSeconds += (user + system) / 1e6;
      return result;
    },
    read: () => ({ seconds: round(seconds), cpuSeconds: round(cpuSeconds) }),
  };
}

async function readLosses({ discriminator, generator }: StepLosses) {
  const [[d = NaN], [g = NaN]] = await Promise.all([discriminator.data(), generator.data()]);
  return { discriminatorLoss: round(d), generatorLoss: round(g) };
}

function roundQuality({ classes, ...figures }: Quality): Quality & { classes: number[] } {
  const rounded = Object.entries(figures).map(([name, value]) => [name, round(value)]);
  return { ...(Object.fromEntries(rounded) as typeof figures), classes: [...classes] };
}

/** Five significant digits keep the records short. -1 stands for a value that is not finite. */
function round(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(5)) : -1;
}

/** A loss that is not finite ends a run: `round` made it negative, which no true loss can be. */
function findFailure(point: ExperimentPoint | undefined): string | null {
  const { step = 0, discriminatorLoss = 0, generatorLoss = 0 } = point ?? {};
  return discriminatorLoss < 0 || generatorLoss < 0 ? `diverged before step ${step}` : null;
}
