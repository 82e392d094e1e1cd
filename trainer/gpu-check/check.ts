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
 * Relative, of the first and of the second step. Sums in another order differ by some units of
 * float32's 6e-8; each step of Adam amplifies that, because it follows the sign of tiny gradients.
 * Between tfjs-node and plain JavaScript the first step differs by 7e-6, the second by 8e-4.
 */
const TOLERANCES = [1e-3, 1e-2] as const;
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
  /** The relative difference from plain JavaScript that comes nearest to its tolerance. */
  readonly difference: number;
  readonly figure: string;
  /** All figures, to judge the tolerances by. */
  readonly figures?: readonly { figure: string; got: number; expected: number }[];
  /** Time of a step of plain JavaScript with this batch, which needs no compiling. */
  readonly batch?: number;
  readonly referenceMs?: number;
}

export interface Speed {
  readonly backend: string;
  readonly preset: PresetName;
  readonly batch: number;
  /** Why there are no figures. */
  readonly skipped?: string;
  /** Time of the first steps together, which compile shaders. The other times leave them out. */
  readonly firstMs?: number;
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
  /** Null where there is no Vulkan, as on macOS and Windows, and before it is looked for. */
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
  /**
   * Called before each part, with all that was found: a driver may end the process.
   * Its `problem` tells the part that did not end.
   */
  readonly onPart: (part: string, soFar: GpuCheck) => Promise<void>;
}

type OnPart = (part: string) => Promise<void>;

type Found = {
  -readonly [name in 'vulkan' | 'gpu' | 'comparisons' | 'speeds']: GpuCheck[name];
};

/** Checks the GPU, then times the CPU beside it. Changes TensorFlow.js's backend. */
export async function checkGpu({ dataset, maxSeconds, onPart }: Request): Promise<GpuCheck> {
  const start = performance.now();
  const facts = {
    schema: 1 as const,
    startedAt: new Date().toISOString(),
    versions: { node: process.versions.node, tfjs: tf.version_core },
    machine: describeMachine(),
  };
  const found: Found = { vulkan: null, gpu: null, comparisons: [], speeds: [] };
  const describe = (problem: string | null): GpuCheck => {
    const seconds = (performance.now() - start) / 1000;
    return { ...facts, ...found, problem, seconds };
  };
  const begin: OnPart = (part) => onPart(part, describe(`the check ended while ${part}`));
  return describe(await tryGpu(found, dataset, maxSeconds, begin));
}

/** @returns  Why there is no GPU, or how it failed; null when all is well. */
async function tryGpu(
  found: Found,
  dataset: Dataset,
  maxSeconds: number,
  onPart: OnPart,
): Promise<string | null> {
  await onPart('looking for drivers');
  found.vulkan = process.platform === 'linux' ? prepareVulkan() : null;
  await onPart('looking for a GPU');
  const backend = await openOrExplain(() => openWebgpu({ threads: 1, acceptsSoftware: true }));
  if (typeof backend === 'string') {
    return backend;
  }
  found.gpu = backend.gpu ?? null;
  const isSoftware = found.gpu?.isSoftware === true;
  let cause: unknown;
  try {
    for (const preset of PRESET_NAMES) {
      await onPart(`comparing ${preset} with plain JavaScript`);
      const batch = isSoftware ? SOFTWARE_BATCH : COMPARED_BATCH;
      found.comparisons = [...found.comparisons, await comparePreset(preset, batch, dataset)];
    }
    const onSpeed = (speed: Speed): void => void (found.speeds = [...found.speeds, speed]);
    const time = { dataset, onPart, onSpeed, takeFault: backend.takeFault };
    const batches = isSoftware ? [SOFTWARE_BATCH] : BATCHES;
    await timeBatches('webgpu', batches, { ...time, seconds: maxSeconds });
    await timeCpu({ ...time, seconds: maxSeconds * CPU_SHARE });
  } catch (error) {
    cause = error;
  }
  await setImmediate(); // A failure may come before the news of its reason.
  const fault = backend.takeFault?.(cause);
  await backend.release();
  if (fault === undefined && cause !== undefined) {
    throw cause;
  }
  return fault === undefined
    ? null
    : `the GPU failed: ${fault.message} Update its driver and check again`;
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
    const start = performance.now();
    const expected = [await reference.readFigures(), await reference.readFigures()];
    const referenceMs = (performance.now() - start) / expected.length;
    reference.release();
    const figures = expected.flatMap((values, step) =>
      Object.entries(values).map(([name, value]) => {
        const got = actual[step]?.[name] ?? NaN;
        const difference = Math.abs(got - value) / Math.max(Math.abs(value), SMALLEST);
        const used = difference / (TOLERANCES[step] as number);
        return { figure: `${name} of step ${step}`, got, expected: value, difference, used };
      }),
    );
    // No number at all is worse than any difference.
    const worst = figures.reduce((a, b) => (a.used >= b.used || Number.isNaN(a.used) ? a : b));
    const { figure, difference, used } = worst;
    const all = figures.map(({ figure: name, got, expected: value }) => {
      return { figure: name, got, expected: value };
    });
    return { preset, isRight: used < 1, difference, figure, figures: all, batch, referenceMs };
  } finally {
    await tf.setBackend(backend);
    steps.release();
  }
}

interface Timing {
  readonly dataset: Dataset;
  readonly onPart: OnPart;
  readonly onSpeed: (speed: Speed) => void;
  readonly takeFault: OpenBackend['takeFault'];
  /** Measurements that would take longer are left out. */
  readonly seconds: number;
}

/** Times steps of both presets on the current backend, the smaller batches first. */
async function timeBatches(
  backend: string,
  batches: readonly number[],
  { dataset, onPart, onSpeed, takeFault, seconds }: Timing,
): Promise<void> {
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
        onSpeed({ ...subject, skipped });
        continue;
      }
      await onPart(`timing ${preset} on ${backend} with batches of ${batch}`);
      const speed = await measureSpeed(subject, dataset).catch((error: Error) => error);
      const fault = takeFault?.(speed);
      if (fault !== undefined) {
        onSpeed({ ...subject, skipped: fault.message });
        break; // A larger batch does not fit either.
      }
      if (speed instanceof Error) {
        throw speed;
      }
      onSpeed(speed);
      msPerImage = speed.msPerStep / batch;
    }
  }
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
    const first = performance.now();
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
      firstMs: start - first,
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
async function timeCpu(timing: Timing): Promise<void> {
  const options = { threads: availableParallelism(), acceptsSoftware: false };
  const current = tf.getBackend();
  const opened = await openOrExplain(() => openTensorflow('cpu', options));
  if (typeof opened === 'string') {
    const [batch] = BATCHES;
    for (const preset of PRESET_NAMES) {
      timing.onSpeed({ backend: 'tensorflow', preset, batch, skipped: opened });
    }
    return;
  }
  try {
    await timeBatches('tensorflow', BATCHES, timing);
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
