/** Checks a machine's GPU: names it, tests its results and measures its speed. */
import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import type { Dataset } from '../data/dataset.ts';
import { PRESETS, type PresetName } from '../gan/preset.ts';
import { describeMachine } from '../run/run-folder.ts';
import { startSteps } from '../run/trial-steps.ts';
import {
  BackendUnusable,
  openCpu,
  openWebgpu,
  type GpuDescription,
  type OpenBackend,
} from '../tensorflow/open-backend.ts';
import { openTensorflow } from '../tensorflow/tfjs-node.ts';
import { prepareVulkan, type VulkanFacts } from '../tensorflow/vulkan.ts';
import { findWebgpu } from '../tensorflow/webgpu/device.ts';

const PRESET_NAMES: readonly PresetName[] = ['seed', 'digits'];
const BATCHES = [128, 512, 2048] as const;
const SEED = 'gpu-check';

/** A batch that takes plain JavaScript some seconds, and nearly all kernels of a large one. */
const COMPARED_BATCH = 32;
/** For software in place of a GPU, which takes a second for an image. */
const SOFTWARE_BATCH = 2;
/**
 * Relative. Sums in another order differ by some units of float32's 6e-8; two steps of Adam and a
 * second derivative amplify that.
 */
const TOLERANCE = 1e-3;
/** Figures below this are compared as if they were this large. */
const SMALLEST = 1e-6;

/** Each speed is measured over this time, after the first steps, which compile shaders. */
const MEASURED_MS = 3000;
const FIRST_STEPS = 2;
const MAX_STEPS = 200;
/** Time for tfjs-node beside that for the GPU. */
const CPU_SHARE = 1 / 3;

interface Comparison {
  readonly preset: PresetName;
  readonly isRight: boolean;
  /** The largest relative difference from plain JavaScript, and where it is. */
  readonly difference: number;
  readonly figure: string;
}

export interface Speed {
  readonly backend: string;
  readonly preset: PresetName;
  readonly batch: number;
  /** Why there are no figures. */
  readonly skipped?: string;
  readonly msPerStep?: number;
  readonly imagesPerSecond?: number;
  /** The part of a step in which JavaScript prepares it. */
  readonly javascriptMs?: number;
  /** Compute shaders in a step. */
  readonly dispatches?: number;
  /** Time of the shaders of one step, by the GPU's clock; absent if the driver shows none. */
  readonly gpuMs?: number;
  /** Part of a step's time in which the GPU computes, 0 to 1. */
  readonly gpuShare?: number;
  /** The most memory that TensorFlow.js had on the GPU so far. */
  readonly gpuBytes?: number;
}

/** Everything that a check found, as the JSON file holds it. */
export interface GpuCheck {
  readonly schema: 1;
  readonly startedAt: string;
  readonly versions: Readonly<Record<'node' | 'tfjs', string>>;
  readonly machine: ReturnType<typeof describeMachine>;
  /** Null where there is no Vulkan: on macOS and Windows. */
  readonly vulkan: VulkanFacts | null;
  readonly gpu: GpuDescription | null;
  /** Why there is no GPU, and what to do; or how it failed. */
  readonly problem: string | null;
  readonly comparisons: readonly Comparison[];
  readonly speeds: readonly Speed[];
  readonly seconds: number;
}

interface Request {
  readonly dataset: Dataset;
  /** Time for all measurements of speed. */
  readonly maxSeconds: number;
  /** Called before each part. */
  readonly onPart: (part: string) => void;
}

/** Checks the GPU, then times the CPU beside it. Changes TensorFlow.js's backend. */
export async function checkGpu(request: Request): Promise<GpuCheck> {
  const start = performance.now();
  return {
    schema: 1,
    startedAt: new Date().toISOString(),
    versions: { node: process.versions.node, tfjs: tf.version_core },
    machine: describeMachine(),
    vulkan: process.platform === 'linux' ? prepareVulkan() : null,
    ...(await tryGpu(request)),
    seconds: (performance.now() - start) / 1000,
  };
}

async function tryGpu({ dataset, maxSeconds, onPart }: Request) {
  onPart('looking for a GPU');
  const backend = await openOrExplain(() => openWebgpu({ threads: 1, acceptsSoftware: true }));
  if (typeof backend === 'string') {
    return { gpu: null, problem: backend, comparisons: [], speeds: [] };
  }
  const comparisons: Comparison[] = [];
  const speeds: Speed[] = [];
  const gpu = backend.gpu ?? null;
  try {
    const isSoftware = gpu?.isSoftware === true;
    const comparedBatch = isSoftware ? SOFTWARE_BATCH : COMPARED_BATCH;
    for (const preset of PRESET_NAMES) {
      onPart(`comparing ${preset} with plain JavaScript`);
      comparisons.push(await comparePreset(preset, comparedBatch, dataset));
    }
    const batches = isSoftware ? [SOFTWARE_BATCH] : BATCHES;
    const time = { dataset, onPart, takeFault: backend.takeFault };
    speeds.push(...(await timeBatches('webgpu', batches, { ...time, seconds: maxSeconds })));
    speeds.push(...(await timeCpu({ ...time, seconds: maxSeconds * CPU_SHARE })));
    return { gpu, problem: null, comparisons, speeds };
  } catch (error) {
    const fault = backend.takeFault?.();
    if (fault === undefined) {
      throw error;
    }
    const problem = `the GPU failed: ${fault.message} Update its driver and check again`;
    return { gpu, problem, comparisons, speeds };
  } finally {
    await backend.release();
  }
}

async function openOrExplain(open: () => Promise<OpenBackend>): Promise<OpenBackend | string> {
  try {
    return await open();
  } catch (error) {
    if (error instanceof BackendUnusable) {
      return error.message;
    }
    throw error;
  }
}

/** Compares losses, gradient norms and penalties of the first steps with plain JavaScript's. */
async function comparePreset(
  preset: PresetName,
  batch: number,
  dataset: Dataset,
): Promise<Comparison> {
  const config = { ...PRESETS[preset], batchSize: batch, seed: SEED };
  const steps = startSteps(config, dataset);
  const backend = tf.getBackend();
  try {
    const actual = [await steps.readFigures(), await steps.readFigures()];
    await openCpu();
    const reference = startSteps(config, dataset);
    const expected = [await reference.readFigures(), await reference.readFigures()];
    reference.release();
    const differences = expected.flatMap((figures, step) =>
      Object.entries(figures).map(([name, value]) => {
        const got = actual[step]?.[name] ?? NaN;
        const difference = Math.abs(got - value) / Math.max(Math.abs(value), SMALLEST);
        return { figure: `${name} of step ${step}`, difference };
      }),
    );
    const worst = differences.reduce((a, b) => (a.difference >= b.difference ? a : b));
    return { preset, isRight: worst.difference < TOLERANCE, ...worst };
  } finally {
    await tf.setBackend(backend);
    steps.release();
  }
}

interface Timing {
  readonly dataset: Dataset;
  readonly onPart: Request['onPart'];
  readonly takeFault: OpenBackend['takeFault'];
  /** Measurements that would take longer are left out. */
  readonly seconds: number;
}

/** Times steps of both presets on the current backend, the smaller batches first. */
async function timeBatches(
  backend: string,
  batches: readonly number[],
  { dataset, onPart, takeFault, seconds }: Timing,
): Promise<Speed[]> {
  const speeds: Speed[] = [];
  const endsAt = performance.now() + seconds * 1000;
  for (const preset of PRESET_NAMES) {
    let msPerImage = 0;
    for (const batch of batches) {
      const subject = { backend, preset, batch };
      const expectedMs = (FIRST_STEPS + 1) * batch * msPerImage;
      const skipped =
        batch > dataset.count
          ? `the data has only ${dataset.count} images`
          : `it would take more than ${Math.round(seconds)} seconds in all (--seconds)`;
      if (batch > dataset.count || performance.now() + expectedMs > endsAt) {
        speeds.push({ ...subject, skipped });
        continue;
      }
      onPart(`timing ${preset} on ${backend} with batches of ${batch}`);
      const speed = await measureSpeed(subject, dataset).catch((error: Error) => error);
      const fault = takeFault?.();
      if (fault !== undefined) {
        speeds.push({ ...subject, skipped: fault.message });
        break; // A larger batch does not fit either.
      }
      if (speed instanceof Error) {
        throw speed;
      }
      speeds.push(speed);
      msPerImage = speed.msPerStep / batch;
    }
  }
  return speeds;
}

/** Times steps on the current backend. */
async function measureSpeed(
  subject: Pick<Speed, 'backend' | 'preset' | 'batch'>,
  dataset: Dataset,
) {
  const gpu = findWebgpu();
  const config = { ...PRESETS[subject.preset], batchSize: subject.batch, seed: SEED };
  const steps = startSteps(config, dataset);
  try {
    for (let i = 0; i < FIRST_STEPS; i++) {
      steps.step();
    }
    await steps.drain();
    const start = performance.now();
    let [count, javascript] = [0, 0];
    while (count === 0 || (count < MAX_STEPS && performance.now() - start < MEASURED_MS)) {
      const before = performance.now();
      steps.step();
      javascript += performance.now() - before;
      count++;
      await steps.settle();
      await setImmediate();
    }
    await steps.drain();
    const msPerStep = (performance.now() - start) / count;
    const speed = {
      ...subject,
      msPerStep,
      imagesPerSecond: (subject.batch * 1000) / msPerStep,
      javascriptMs: javascript / count,
    };
    if (gpu === undefined) {
      return speed;
    }
    const dispatches = countDispatches(() => steps.step());
    const gpuBytes = gpu.memory().numBytesAllocatedInGPU;
    const { kernelMs } = await tf.time(() => steps.step());
    const gpuMs = Number(kernelMs);
    const clock = gpuMs > 0 ? { gpuMs, gpuShare: Math.min(1, gpuMs / msPerStep) } : {};
    return { ...speed, dispatches, gpuBytes, ...clock };
  } finally {
    steps.release();
  }
}

/** Times tfjs-node on all cores, if it is there. */
async function timeCpu(timing: Timing): Promise<Speed[]> {
  const options = { threads: availableParallelism(), acceptsSoftware: false };
  const current = tf.getBackend();
  const opened = await openOrExplain(() => openTensorflow('cpu', options));
  if (typeof opened === 'string') {
    const [batch] = BATCHES;
    return PRESET_NAMES.map((preset) => ({
      backend: 'tensorflow',
      preset,
      batch,
      skipped: opened,
    }));
  }
  try {
    return await timeBatches('tensorflow', BATCHES, timing);
  } finally {
    await tf.setBackend(current);
  }
}

/** Counts the dispatches of compute shaders that something does. */
export function countDispatches(work: () => void): number {
  const { prototype } = (globalThis as unknown as Record<'GPUComputePassEncoder', PassEncoder>)
    .GPUComputePassEncoder;
  const { dispatchWorkgroups } = prototype;
  let count = 0;
  prototype.dispatchWorkgroups = function (this: unknown, ...sizes: number[]) {
    count++;
    dispatchWorkgroups.apply(this, sizes);
  };
  try {
    work();
  } finally {
    prototype.dispatchWorkgroups = dispatchWorkgroups;
  }
  return count;
}

interface PassEncoder {
  readonly prototype: { dispatchWorkgroups(this: unknown, ...sizes: number[]): void };
}
