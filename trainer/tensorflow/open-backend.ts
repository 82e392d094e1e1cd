/** Backends that need no native library of TensorFlow, and the interface of every backend. */
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { IS_PACKED } from '../packed.ts';
import { canOfferGpu, explainMissingGpu, prepareVulkan } from './vulkan.ts';
import { registerWebgpuKernels } from './webgpu/kernels.ts';

/** The values of `--backend`, besides `auto`, fastest first. */
export const BACKEND_NAMES = ['tensorflow-gpu', 'tensorflow', 'webgpu', 'wasm', 'cpu'] as const;

export type BackendName = (typeof BACKEND_NAMES)[number];

/** A GPU, as WebGPU describes it. */
export interface GpuDescription {
  readonly description: string;
  /** Whether it imitates a GPU on the CPU. */
  readonly isSoftware: boolean;
  readonly adapter: Readonly<Record<string, string>>;
  /** The limits of the device that computes. */
  readonly limits: Readonly<Record<string, number>>;
  readonly features: readonly string[];
}

/** The device is gone; its memory is full; or it refused to compute. */
interface DeviceFault {
  readonly kind: 'lost' | 'memory' | 'refusal';
  readonly message: string;
}

/** A backend that is loaded and is TensorFlow.js's current one. */
export interface OpenBackend {
  /** TensorFlow.js's own name for it. */
  readonly tfBackend: string;
  /** Device and library versions, for people. */
  readonly description: string;
  /**
   * Threads of the arithmetic; undefined on a GPU. Another number of threads adds in another order,
   * so the last bits differ. A run that continues bit for bit needs the same number.
   */
  readonly threads: number | undefined;
  /** Absent without WebGPU. */
  readonly gpu?: GpuDescription;
  /**
   * Says what the device reported, once (a loss always); undefined when all is well. WebGPU's
   * errors are not thrown where they happen, and later results are wrong. Absent without a device
   * that can fail.
   * @param cause  The thrown error: a mapped buffer without room may be thrown, not reported.
   */
  readonly takeFault?: (cause?: unknown) => DeviceFault | undefined;
  /** Gives the device back. A process that used WebGPU does not end without it. */
  release(): Promise<void>;
}

export interface OpenOptions {
  /** For `tensorflow`. A process keeps the number of its first use. */
  readonly threads: number;
  /** Whether to accept an adapter that imitates a GPU on the CPU. */
  readonly acceptsSoftware: boolean;
}

/** Loads a backend. Rejects with `BackendUnusable` when that is not possible here. */
export type Opener = (options: OpenOptions) => Promise<OpenBackend>;

/** A backend cannot be used here. The message says why and what to do. */
export class BackendUnusable extends Error {
  override name = 'BackendUnusable' as const;
}

const release = async (): Promise<void> => {};

/** Opens plain JavaScript, which is slow and always there. */
export async function openCpu(): Promise<OpenBackend> {
  const tf = await import('@tensorflow/tfjs');
  await tf.setBackend('cpu');
  silenceCpu(tf);
  const description = `plain JavaScript, 1 thread (tfjs ${tf.version.tfjs})`;
  return { tfBackend: 'cpu', description, threads: 1, release };
}

/**
 * The first write to plain JavaScript, to which WebGPU gives small tensors, greets the user at
 * length. No flag stops that, so a private field does.
 */
function silenceCpu(tf: typeof import('@tensorflow/tfjs')): void {
  Object.assign(tf.findBackend('cpu'), { firstUse: false });
}

/** Opens WebAssembly on one thread, with SIMD where the processor has it. */
export async function openWasm(): Promise<OpenBackend> {
  const tf = await import('@tensorflow/tfjs');
  const wasm = await import('@tensorflow/tfjs-backend-wasm');
  const require = createRequire(import.meta.url);
  const folder = join(
    dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')),
    'dist',
  );
  // Its threads split sums by the number of cores, so results would depend on the machine. They
  // also keep the process alive.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
  if (tf.engine().registry['wasm'] === undefined) {
    wasm.setWasmPaths(folder + sep);
  }
  // Emscripten's glue rethrows uncaught errors from inside itself, which hides their origin.
  const events = ['uncaughtException', 'unhandledRejection'] as unknown as ['uncaughtException'];
  const before = new Set(events.flatMap((event) => process.listeners(event)));
  if (!(await tf.setBackend('wasm'))) {
    throw new BackendUnusable(`the WebAssembly files in ${folder} could not be loaded: run npm ci`);
  }
  for (const event of events) {
    for (const listener of process.listeners(event).filter((each) => !before.has(each))) {
      process.removeListener(event, listener);
    }
  }
  const library = `tfjs-backend-wasm ${wasm.version_wasm}`;
  const description = `WebAssembly ${simd ? 'with' : 'without'} SIMD, 1 thread (${library})`;
  return { tfBackend: 'wasm', description, threads: 1, release };
}

/**
 * Dawn clears a workgroup's memory before each kernel. All kernels, TensorFlow.js's and ours, write
 * that memory before they read it. On SwiftShader the clearing is most of what is compiled.
 */
const DAWN_FLAGS = [
  'enable-dawn-features=disable_workgroup_init',
  // Against attacks of web pages Dawn makes a GPU's clock as coarse as 65 us: several kernels long.
  'disable-dawn-features=timestamp_quantization',
];

/** Software that imitates a GPU: SwiftShader, Mesa's lavapipe, Direct3D's WARP. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|software/i;

/**
 * Opens WebGPU by the npm package `webgpu` (Dawn), on any GPU that Vulkan, Metal or Direct3D 12
 * drives. Tensors can be read by `data()` only, because `dataSync()` needs a browser's canvas.
 */
export async function openWebgpu({ acceptsSoftware }: OpenOptions): Promise<OpenBackend> {
  const dawn = await import('webgpu').catch((cause: Error) => {
    const [reason = ''] = cause.message.split('\n');
    throw new BackendUnusable(`the package webgpu does not load: ${adviseOnDawn(reason)}`, {
      cause,
    });
  });
  const vulkan = process.platform === 'linux' ? prepareVulkan() : undefined;
  // Without a loader or a driver Dawn finds no GPU either, but complains on the terminal first.
  if (vulkan !== undefined && !canOfferGpu(vulkan)) {
    throw new BackendUnusable(explainMissingGpu(vulkan));
  }
  Object.assign(globalThis, dawn.globals);
  const gpu = dawn.create(DAWN_FLAGS);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) {
    throw new BackendUnusable(
      vulkan === undefined
        ? 'there is no GPU with a Metal or Direct3D 12 driver: install one'
        : explainMissingGpu(vulkan),
    );
  }
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  // NVIDIA's description has the driver alone, and its architecture may be empty.
  const name =
    [device || vendor, description && `(${description})`].filter(Boolean).join(' ') ||
    'an unnamed adapter';
  const words = [vendor, architecture, device, description].join(' ');
  const isSoftware = isFallbackAdapter || SOFTWARE.test(words);
  if (isSoftware && !acceptsSoftware) {
    throw new BackendUnusable(
      `${name} is no GPU but software: ask for it with --backend webgpu if you want it`,
    );
  }
  const facts = { isSoftware, adapter: { vendor, architecture, device, description } };
  return useGpu(gpu, `WebGPU on ${name}${isSoftware ? ' (software)' : ''}`, facts);
}

/** Says what to do when Dawn does not load. @param reason  The dynamic linker's. */
export function adviseOnDawn(reason: string): string {
  if (/GLIBC/.test(reason)) {
    return `this system is too old for it. It needs glibc 2.34 and GCC 12's libstdc++: Ubuntu 22.04 or Debian 12 have them, and so has conda, by LD_LIBRARY_PATH=$CONDA_PREFIX/lib (${reason})`;
  }
  return IS_PACKED
    ? `the bundle is damaged, unpack it again (${reason})`
    : `run npm install (${reason})`;
}

/** A buffer that no device of this kind could hold counts as full memory too. */
function isAboutMemory({ constructor, message }: GPUError): boolean {
  return (
    constructor.name === 'GPUOutOfMemoryError' || /out of memory|exceeds the max/i.test(message)
  );
}

/** Limits that decide which shaders run, and how large a batch may be. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
] as const;

/**
 * Makes TensorFlow.js compute on a GPU; its package reads `navigator.gpu` when it is loaded. Only
 * {@link openWebgpu} and tests call it.
 */
export async function useGpu(
  gpu: GPU,
  description: string,
  facts: Pick<GpuDescription, 'isSoftware' | 'adapter'>,
): Promise<OpenBackend> {
  const scope = globalThis as unknown as { navigator?: { gpu?: GPU } };
  const navigator = (scope.navigator ??= {});
  navigator.gpu = gpu;
  const tf = await import('@tensorflow/tfjs');
  await import('@tensorflow/tfjs-backend-webgpu');
  silenceCpu(tf);
  const releaseGpu = async (): Promise<void> => {
    tf.removeBackend('webgpu');
    delete navigator.gpu; // While it can be reached, Dawn keeps the process alive.
  };
  if (!(await tf.setBackend('webgpu'))) {
    await releaseGpu();
    throw new BackendUnusable(`${description}: TensorFlow.js could not open the device`);
  }
  registerWebgpuKernels();
  const { device } = tf.backend() as WebGPUBackend;
  let fault: DeviceFault | undefined;
  void device.lost.then(({ reason, message }) => {
    const [text = ''] = message.split('\n');
    fault = { kind: 'lost', message: text === '' ? reason : text };
  });
  // Only the first error says what happened: others follow from it.
  device.onuncapturederror = ({ error }) => {
    const [message = ''] = error.message.split('\n');
    fault ??= { kind: isAboutMemory(error) ? 'memory' : 'refusal', message };
  };
  const takeFault = (cause?: unknown): DeviceFault | undefined => {
    if (cause instanceof RangeError && cause.message.startsWith('createBuffer')) {
      fault ??= { kind: 'memory', message: cause.message };
    }
    const taken = fault;
    // A lost device stays lost: it seems to do everything, at once.
    fault = taken?.kind === 'lost' ? taken : undefined;
    return taken;
  };
  return {
    tfBackend: 'webgpu',
    description,
    threads: undefined,
    gpu: {
      description,
      ...facts,
      limits: Object.fromEntries(LIMITS.map((name) => [name, device.limits[name] ?? NaN])),
      features: [...device.features],
    },
    takeFault,
    release: releaseGpu,
  };
}
