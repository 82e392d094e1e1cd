/**
 * WebGPU in Node, by the npm package `webgpu` (Dawn): any GPU that Vulkan, Metal or Direct3D 12 drives. Tensors can be
 * read asynchronously only (`data()`): `dataSync()` needs a browser's canvas.
 */
import { BackendUnusable, type OpenBackend, type OpenOptions } from './open-backend.ts';

/** The parts of WebGPU's interface that are used here. */
interface Gpu {
  requestAdapter(options: { powerPreference: 'high-performance' }): Promise<Adapter | null>;
}
interface Adapter {
  readonly info: {
    readonly vendor: string;
    readonly architecture: string;
    readonly device: string;
    readonly description: string;
    readonly isFallbackAdapter?: boolean;
  };
}
interface Device {
  /** Settles when the device can compute no more. Work that was begun then fails. */
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
}

/** Software that imitates a GPU: SwiftShader, Mesa's lavapipe, Direct3D's WARP. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|software/i;

/** Opens WebGPU on a GPU or, where the options accept it, on software. */
export async function openWebgpu({ acceptsSoftware }: OpenOptions): Promise<OpenBackend> {
  const dawn = await import('webgpu').catch((cause: Error) => {
    const [reason] = cause.message.split('\n');
    const advice = 'run npm install';
    throw new BackendUnusable(`the optional package webgpu does not load: ${advice} (${reason})`, {
      cause,
    });
  });
  if (process.platform === 'linux' && !hasVulkanLoader()) {
    throw new BackendUnusable(
      'there is no Vulkan here (libvulkan.so.1): install it with a driver for your GPU',
    );
  }
  Object.assign(globalThis, dawn.globals);
  const gpu = dawn.create([]) as unknown as Gpu;
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) {
    throw new BackendUnusable(
      'there is no GPU with a Vulkan, Metal or Direct3D 12 driver: install one',
    );
  }
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const name =
    description || [vendor, architecture].filter(Boolean).join(' ') || 'an unnamed adapter';
  const words = [vendor, architecture, device, description].join(' ');
  const isSoftware = isFallbackAdapter === true || SOFTWARE.test(words);
  if (isSoftware && !acceptsSoftware) {
    throw new BackendUnusable(
      `${name} is no GPU but software: ask for it with --backend webgpu if you want it`,
    );
  }
  return useGpu(gpu, `WebGPU on ${name}${isSoftware ? ' (software)' : ''}`);
}

/** Without the loader Dawn finds no GPU either, but complains on the terminal first. */
function hasVulkanLoader(): boolean {
  try {
    process.dlopen({ exports: {} }, 'libvulkan.so.1');
    return true;
  } catch (error) {
    // A loader that is there fails too, in other words: it is no Node addon.
    return !/cannot open shared object/.test((error as Error).message);
  }
}

/** Makes TensorFlow.js compute on a GPU. Its package looks for `navigator.gpu` when it is first loaded. */
async function useGpu(gpu: Gpu, description: string): Promise<OpenBackend> {
  const scope = globalThis as unknown as { navigator?: { gpu?: Gpu } };
  const navigator = (scope.navigator ??= {});
  navigator.gpu = gpu;
  const tf = await import('@tensorflow/tfjs');
  await import('@tensorflow/tfjs-backend-webgpu');
  const release = async (): Promise<void> => {
    tf.removeBackend('webgpu');
    delete navigator.gpu; // While it can be reached, Dawn keeps the process alive.
  };
  if (!(await tf.setBackend('webgpu'))) {
    await release();
    throw new BackendUnusable(`${description}: TensorFlow.js could not open the device`);
  }
  const { device } = tf.backend() as unknown as { device: Device };
  let loss: string | undefined;
  void device.lost.then(({ reason, message }) => {
    loss = message === '' ? reason : message;
  });
  return { tfBackend: 'webgpu', description, threads: undefined, findLoss: () => loss, release };
}
