/**
 * A program that counts what training does on a GPU, and prints the counts as JSON on the last
 * line. Dawn's null device checks shaders and commands and computes nothing. So a count takes no
 * time, needs no driver, and can be of the presets' own batches.
 *
 *     node test/support/gpu/null-device.ts
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { PRESETS, type PresetName } from '../../../trainer/gan/preset.ts';
import { countDispatches } from '../../../trainer/gpu-check/check.ts';
import { startSteps } from '../../../trainer/run/trial-steps.ts';
import { nameDeviceFault } from '../../../trainer/tensorflow/backend.ts';
import { useGpu, type OpenBackend } from '../../../trainer/tensorflow/open-backend.ts';
import { readSmallMnist } from '../training/small-mnist.ts';
import { trainQuietly } from '../training/train-quietly.ts';

/** Counts of one step. */
interface Counts {
  readonly dispatches: number;
  /** Ranges of buffers that the driver copies. */
  readonly copies: number;
  /** Bytes of tensors that go to the device. */
  readonly sentBytes: number;
  /** The same where the device's buffers are too small for the data set. */
  readonly sentBytesWithoutRoom: number;
  /** Tensors and buffers that it leaves behind. */
  readonly leaked: number;
}

/** The printed result. */
export interface NullDeviceRun {
  readonly counts: Readonly<Record<PresetName, Counts>>;
  /** The steps of a run of RUN_STEPS after which something was read from the device. */
  readonly stepsRead: readonly number[];
  /** The faults that the device found until then. */
  readonly fault: string | null;
  /** The error of a training whose batch the device's memory does not hold. */
  readonly outOfMemory: string;
  /** Kinds of faults: no room for a mapped buffer; after that, of a lost device, asked twice. */
  readonly kinds: readonly (string | undefined)[];
}

export const RUN_STEPS = 32;

type Run = (program: { readonly shaderKey: string }, ...rest: unknown[]) => unknown;

interface Backend {
  readonly device: { readonly limits: object };
  readonly bufferManager: { getNumUsedBuffers(): number };
  readonly tensorMap: { get(dataId: object): { readonly values: ArrayLike<number> | null } };
  uploadToGPU(dataId: object): void;
  runWebGPUProgram: Run;
}

if (process.argv[1] === import.meta.filename) {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const gpu = create(['backend=null']) as unknown as Parameters<typeof useGpu>[0];
  const opened = await useGpu(gpu, 'null device', { isSoftware: false, adapter: {} });
  const backend = tf.backend() as unknown as Backend;
  const seed = await countStep('seed', backend);
  const counts = { seed, digits: await countStep('digits', backend) };
  const stepsRead = await listStepsRead(backend);
  await setImmediate();
  const fault = opened.takeFault?.()?.message ?? null;
  const outOfMemory = await exhaustMemory(opened);
  const kinds = [opened.takeFault?.(new RangeError('createBuffer failed to allocate'))?.kind];
  const { device } = tf.backend() as unknown as { device: GPUDevice };
  device.destroy();
  await device.lost;
  kinds.push(opened.takeFault?.()?.kind, opened.takeFault?.()?.kind);
  const result = { counts, stepsRead, fault, outOfMemory, kinds } satisfies NullDeviceRun;
  console.log(JSON.stringify(result));
  await opened.release();
}

/** Trains with a batch that is too large for the null device's 256 MiB. */
async function exhaustMemory(backend: OpenBackend): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-null-'));
  const config = { ...PRESETS.digits, seed: 'null', steps: 2, batchSize: 1024 };
  const advice = { advice: 'Go on with --resume.', batchSize: config.batchSize };
  const message = await nameDeviceFault(backend, advice, async () =>
    trainQuietly(join(folder, 'run'), config, await readSmallMnist(1024)),
  ).then(() => 'none', String);
  await rm(folder, { recursive: true });
  return message;
}

async function countStep(preset: PresetName, backend: Backend): Promise<Counts> {
  const dataset = await readSmallMnist(256);
  const start = async () => {
    const steps = startSteps({ ...PRESETS[preset], seed: 'gpu-check' }, dataset);
    steps.step(); // Sends starting weights and data.
    await steps.drain();
    return steps;
  };
  const steps = await start();
  let copies = 0;
  const restore = watchCalls('GPUCommandEncoder', 'copyBufferToBuffer', () => copies++);
  const dispatches = countDispatches(() => steps.step());
  restore();
  const sentBytes = countSentBytes(backend, () => steps.step());
  const kept = await countKept(steps.drain, backend);
  steps.step();
  const leaked = (await countKept(steps.drain, backend)) - kept;
  steps.release();
  const { limits } = backend.device;
  const tooSmall = new Proxy(limits, {
    get: (target, name) =>
      name === 'maxStorageBufferBindingSize'
        ? dataset.images.length - 1
        : (Reflect.get(target, name, target) as unknown),
  });
  const setLimits = (value: object): void =>
    void Object.defineProperty(backend.device, 'limits', { value, configurable: true });
  setLimits(tooSmall);
  const cramped = await start();
  const sentBytesWithoutRoom = countSentBytes(backend, () => cramped.step());
  cramped.release();
  setLimits(limits);
  return { dispatches, copies, sentBytes, sentBytesWithoutRoom, leaked };
}

async function countKept(drain: () => Promise<void>, { bufferManager }: Backend): Promise<number> {
  await drain();
  return tf.memory().numTensors + bufferManager.getNumUsedBuffers();
}

function countSentBytes(backend: Backend, work: () => void): number {
  const { uploadToGPU } = backend;
  let bytes = 0;
  backend.uploadToGPU = (dataId) => {
    bytes += 4 * (backend.tensorMap.get(dataId).values?.length ?? 0);
    uploadToGPU.call(backend, dataId);
  };
  work();
  backend.uploadToGPU = uploadToGPU;
  return bytes;
}

async function listStepsRead(backend: Backend): Promise<number[]> {
  const { runWebGPUProgram } = backend;
  let updates = 0;
  backend.runWebGPUProgram = (program, ...rest) => {
    updates += Number(program.shaderKey.startsWith('DigitmintAdam'));
    return runWebGPUProgram.call(backend, program, ...rest);
  };
  const read = new Set<number>();
  // Each step updates two networks.
  const restore = watchCalls('GPUBuffer', 'mapAsync', () => read.add(updates / 2 - 1));
  // The null device computes nothing. Its memory may hold no numbers: a run would end.
  const restoreMemory = watchCalls('GPUBuffer', 'getMappedRange', (range) => {
    const values = new Float32Array(range as ArrayBuffer);
    values.set(values.map((_, i) => (i % 11) / 11)); // Samples differ from each other.
  });
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-null-'));
  const rare = { imageEvery: 1e9, checkpointEvery: 1e9 };
  const config = { ...PRESETS.seed, ...rare, seed: 'null', steps: RUN_STEPS, batchSize: 64 };
  const dataset = await readSmallMnist(256);
  // Steps take no time, or slow ones would be read.
  await trainQuietly(join(folder, 'run'), config, dataset, {}, undefined, () => 0);
  await rm(folder, { recursive: true });
  restore();
  restoreMemory();
  return [...read];
}

/** Watches what a method of WebGPU returns. @returns  Ends it. */
function watchCalls(type: string, method: string, onCall: (result: unknown) => void): () => void {
  type Method = (this: unknown, ...args: unknown[]) => unknown;
  const { prototype } = (
    globalThis as unknown as Record<string, { prototype: Record<string, Method> }>
  )[type] as { prototype: Record<string, Method> };
  const original = prototype[method] as Method;
  prototype[method] = function (...args) {
    const result = original.apply(this, args);
    onCall(result);
    return result;
  };
  return () => {
    prototype[method] = original;
  };
}
