/**
 * WebGPU in Node, by the npm package `webgpu` (Dawn): any GPU that Vulkan, Metal or Direct3D 12 drives. Tensors can be
 * read asynchronously only (`data()`): `dataSync()` needs a browser's canvas.
 */
import { BackendUnusable, type OpenBackend, type Opener } from './open-backend.ts';

/** The part of WebGPU's GPUAdapterInfo that is used here. */
interface AdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly isFallbackAdapter?: boolean;
}

interface Gpu {
  requestAdapter(options: {
    powerPreference: 'high-performance';
  }): Promise<{ readonly info: AdapterInfo } | null>;
}

/** The part of WebGPU's GPUDevice that is used here. */
interface Device {
  /** Settles when it can compute no more; what was begun then fails. */
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
}

/** Software that imitates a GPU: SwiftShader, Mesa's lavapipe, Direct3D's WARP. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|software/i;

/** WebGPU, on a real GPU or, where the options accept it, on software. */
export function createWebgpuOpener(): Opener {
  return async ({ acceptsSoftware }) => {
    const dawn = await import('webgpu').catch((error: Error) => {
      const [reason] = error.message.split('\n');
      throw new BackendUnusable(
        `the optional package webgpu does not load: run npm install (${reason})`,
        {
          cause: error,
        },
      );
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
    const { name, isSoftware } = describeAdapter(adapter.info);
    if (isSoftware && !acceptsSoftware) {
      throw new BackendUnusable(
        `${name} is no GPU but software: ask for it with --backend webgpu if you want it`,
      );
    }
    return await useGpu(gpu, `WebGPU on ${name}${isSoftware ? ' (software)' : ''}`);
  };
}

/** Without it Dawn would find no GPU either, but complain on the terminal first. */
function hasVulkanLoader(): boolean {
  try {
    process.dlopen({ exports: {} }, 'libvulkan.so.1');
    return true;
  } catch (error) {
    return !/cannot open shared object/.test((error as Error).message); // It is there, though it is no Node addon.
  }
}

/** Makes TensorFlow.js compute on it. The backend's package looks for `navigator.gpu` when it is first loaded. */
async function useGpu(gpu: Gpu, description: string): Promise<OpenBackend> {
  const scope = globalThis as unknown as { navigator?: { gpu?: Gpu } };
  if (scope.navigator === undefined) {
    scope.navigator = {};
  }
  const { navigator } = scope;
  navigator.gpu = gpu;
  const tf = await import('@tensorflow/tfjs');
  await import('@tensorflow/tfjs-backend-webgpu');
  const release = async (): Promise<void> => {
    tf.removeBackend('webgpu');
    delete navigator.gpu; // While it is reachable, Dawn keeps the process alive.
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

function describeAdapter({
  vendor,
  architecture,
  device,
  description,
  isFallbackAdapter,
}: AdapterInfo): {
  name: string;
  isSoftware: boolean;
} {
  const isSoftware =
    isFallbackAdapter === true ||
    SOFTWARE.test([vendor, architecture, device, description].join(' '));
  const name =
    description ||
    [vendor, architecture].filter((part) => part !== '').join(' ') ||
    'an unnamed adapter';
  return { name, isSoftware };
}
