/**
 * Tests the choice of a backend. Tests that need their own process (tfjs-node, WebGPU, repeated
 * bits) start a child.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import * as core from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { type Openers, selectBackend } from '../../../trainer/tensorflow/backend.ts';
import {
  adviseOnDawn,
  BACKEND_NAMES,
  BackendUnusable,
  openCpu,
  type Opener,
} from '../../../trainer/tensorflow/open-backend.ts';
import { findProgram } from '../../support/trainer-program.ts';
import { prepareSwiftShader, swiftShaderMissing } from '../../support/training/swiftshader.ts';

interface Fingerprint {
  readonly name: string;
  readonly tfBackend: string;
  readonly description: string;
  readonly threads?: number;
  readonly considered: readonly {
    readonly name: string;
    readonly usable: boolean;
    readonly reason: string;
  }[];
  readonly current: string;
  readonly hash: string;
  readonly values: readonly number[];
  readonly leaked: number;
  readonly refusal?: string;
  /** The whole standard error. */
  readonly noise: string;
}

const tfjsNode = fileURLToPath(
  new URL('../../../node_modules/@tensorflow/tfjs-node/lib', import.meta.url),
);
const tensorflowMissing = existsSync(tfjsNode)
  ? undefined
  : 'not set up, run `npm run setup:tensorflow`';

for (const reason of [tensorflowMissing && `tfjs-node: ${tensorflowMissing}`, swiftShaderMissing]) {
  if (reason !== undefined) {
    console.warn(`Skipped: ${reason}`);
  }
}

/**
 * The first numbers of each fingerprint result, by central differences in float64 with plain loops.
 */
const DENSE = [-9.408e-5, 4.467e-6, -79.11];
const CONVOLUTIONS = [-0.8549, -0.10877];

describe('selectBackend', () => {
  afterEach(() => vi.restoreAllMocks());

  test.each(['wasm', 'cpu'] as const)('selects %s without output on the terminal', async (name) => {
    const said = vi.spyOn(console, 'warn');
    const listeners = process.listeners('uncaughtException');
    const backend = await selectBackend(name);
    expect(backend).toMatchObject({ name, tfBackend: name, threads: 1 });
    expect(backend.considered).toEqual([{ name, usable: true, reason: backend.description }]);
    expect(tf.getBackend()).toBe(name);
    expect(core.getBackend()).toBe(name);
    expect(tf.memory().numTensors).toBe(0);
    expect(said).not.toHaveBeenCalled();
    expect(process.listeners('uncaughtException')).toEqual(listeners);
    await backend.release();
  });

  test('refuses wasm when convolutions are to be trained, and lists the usable ones', async () => {
    const refusal = await selectBackend(
      'wasm',
      { convolutions: true },
      pretend({ cpu: openCpu }),
    ).catch(String);
    expect(refusal).toContain('--backend wasm cannot be used here');
    const real = await fingerprint('wasm', { convolutions: true });
    expect(real.refusal).toMatch(
      /cannot train convolutions [^\n]*\n.*Usable here: .*cpu \(plain JavaScript/s,
    );
  });

  test('names the flag, the reason and the usable ones when the requested one is not usable', async () => {
    const openers = pretend({ cpu: openCpu });
    await expect(selectBackend('tensorflow', {}, openers)).rejects.toThrow(ExpectedError);
    await expect(selectBackend('tensorflow', {}, openers)).rejects.toThrow(
      /^--backend tensorflow cannot be used here\.\n {2}tensorflow: pretended\nUsable here: cpu \(plain JavaScript/,
    );
  });

  test('takes the first usable one in auto, and reports each skipped one', async () => {
    const { name, considered } = await selectBackend('auto', {}, pretend({ wasm: openCpu }));
    expect(name).toBe('wasm');
    expect(considered.map((other) => [other.name, other.usable])).toEqual([
      ['tensorflow-gpu', false],
      ['tensorflow', false],
      ['webgpu', false],
      ['wasm', true],
    ]);
  });

  test('takes a software adapter in auto only after wasm, but before plain JavaScript', async () => {
    const software: Opener = (options) =>
      options.acceptsSoftware ? openCpu() : Promise.reject(new BackendUnusable('software'));
    const withWasm = await selectBackend('auto', {}, pretend({ webgpu: software, wasm: openCpu }));
    expect(withWasm.name).toBe('wasm');
    const without = await selectBackend('auto', {}, pretend({ webgpu: software, cpu: openCpu }));
    expect(without.name).toBe('webgpu');
    expect(without.considered.filter(({ name }) => name === 'webgpu')).toHaveLength(1);
  });

  test('takes the faster of the two backends of an NVIDIA GPU in auto, and says so; a fault loses', async () => {
    const released: string[] = [];
    const openAs =
      (name: string): Opener =>
      async () => ({
        ...(await openCpu()),
        description: name,
        release: async () => void released.push(name),
      });
    const openers = pretend({ 'tensorflow-gpu': openAs('CUDA'), webgpu: openAs('Dawn') });
    const measure = async ({ description }: { description: string }) =>
      description === 'CUDA' ? 30 : 20;
    const faster = await selectBackend('auto', {}, openers, measure);
    expect(faster).toMatchObject({ name: 'webgpu', description: 'Dawn' });
    expect(released).toEqual(['CUDA']);
    expect(faster.considered[0]).toMatchObject({
      name: 'tensorflow-gpu',
      reason: 'slower here: 30 ms in place of 20 ms for the same convolutions',
    });
    const failing = pretend({
      'tensorflow-gpu': openAs('CUDA'),
      webgpu: async (options) => ({
        ...(await openAs('Dawn')(options)),
        takeFault: () => ({ kind: 'refusal', message: 'too many buffers' }),
      }),
    });
    const measureThrowing = async ({ description }: { description: string }) => {
      throw new Error(description);
    };
    for (const [each, reason] of [
      [measure, 'it fails: too many buffers'],
      [measureThrowing, 'it fails: Dawn'],
    ] as const) {
      const working = await selectBackend('auto', {}, failing, each);
      expect(working).toMatchObject({ name: 'tensorflow-gpu', considered: [{ reason }, {}] });
      expect(released.pop()).toBe('Dawn');
    }
    const alone = pretend({ 'tensorflow-gpu': openAs('CUDA') });
    expect(await selectBackend('auto', {}, alone, measure)).toMatchObject({
      name: 'tensorflow-gpu',
    });
  });

  test('refuses a backend that computes wrong numbers', async () => {
    const wrong: Opener = async () => {
      const opened = await openCpu();
      vi.spyOn(tf.backend(), 'readSync').mockReturnValue(new Float32Array(64 * 64));
      vi.spyOn(tf.backend(), 'read').mockResolvedValue(new Float32Array(64 * 64));
      return opened;
    };
    await expect(selectBackend('cpu', {}, pretend({ cpu: wrong }))).rejects.toThrow(
      /matMul comes out wrong: element/,
    );
  });

  test('gives the same bits in two processes on wasm and on plain JavaScript', async () => {
    for (const name of ['wasm', 'cpu']) {
      const [first, second] = await Promise.all([fingerprint(name), fingerprint(name)]);
      expect(first.hash).toBe(second.hash);
      expectClose(first.values, DENSE);
      expect(first).toMatchObject({ leaked: 0, noise: '' });
    }
  });
});

describe.skipIf(tensorflowMissing !== undefined)(
  `tfjs-node (${tensorflowMissing ?? 'set up'})`,
  () => {
    test('is selected by auto without output, and gives the same bits in two processes', async () => {
      const [first, second] = await Promise.all([
        fingerprint('auto', { convolutions: true, threads: 2 }),
        fingerprint('auto', { convolutions: true, threads: 2 }),
      ]);
      expect(first).toMatchObject({ tfBackend: 'tensorflow', current: 'tensorflow', leaked: 0 });
      expect(first.description).toMatch(
        /^tfjs-node 4\.22\.0 with libtensorflow \d+\.\d+\.\d+ on the (CPU, 2 threads|GPU)$/,
      );
      expect(second.hash).toBe(first.hash);
      expectClose(first.values, [...DENSE, ...CONVOLUTIONS]);
      if (first.name === 'tensorflow') {
        expect(first.noise).toBe('');
      }
    });

    test('computes on the CPU, and on as many threads, as requested', async () => {
      const one = await fingerprint('tensorflow', { threads: 1 });
      expect(one).toMatchObject({ name: 'tensorflow', threads: 1 });
      expectClose(one.values, DENSE);
    });
  },
);

describe.skipIf(swiftShaderMissing !== undefined)(
  `webgpu (${swiftShaderMissing ?? 'SwiftShader'})`,
  () => {
    test('trains dense layers and convolutions with the same bits in two processes, and lets the process end', async () => {
      const env = await prepareSwiftShader();
      const first = await fingerprint('webgpu', { convolutions: true }, env);
      const second = await fingerprint('webgpu', { convolutions: true }, env);
      expect(first).toMatchObject({ name: 'webgpu', current: 'webgpu', leaked: 0, noise: '' });
      expect(first.description).toMatch(/SwiftShader.*\(software\)/);
      expect(second.hash).toBe(first.hash);
      expectClose(first.values, [...DENSE, ...CONVOLUTIONS]);
    });
  },
);

describe('webgpu on a system that is too old for Dawn', () => {
  test('is refused in one line, with the systems that have what it needs', () => {
    const reason = "/lib/libc.so.6: version `GLIBC_2.34' not found (required by dawn.node)";
    const advice = adviseOnDawn(reason);
    expect(advice).toMatch(/too old.*glibc 2\.34.*Ubuntu 22\.04.*conda.*GLIBC_2\.34/);
    expect(advice).not.toContain('\n');
    expect(adviseOnDawn('Cannot find package')).toBe('run npm install (Cannot find package)');
  });
});

describe('webgpu without a driver', () => {
  test.skipIf(process.platform !== 'linux')(
    'is refused with an explanation, and Dawn prints nothing',
    async () => {
      const env = { VK_ICD_FILENAMES: '/nonexistent', VK_DRIVER_FILES: '/nonexistent' };
      const { refusal } = await fingerprint('webgpu', {}, env);
      expect(refusal).toMatch(
        /^--backend webgpu cannot be used here\.\n {2}webgpu: there is no (Vulkan|GPU)/,
      );
    },
  );
});

/** Openers of which only the given ones work. */
function pretend(openers: Partial<Openers>): Openers {
  const unusable: Opener = () => Promise.reject(new BackendUnusable('pretended'));
  const all = Object.fromEntries(
    BACKEND_NAMES.map((name) => [name, unusable]),
  ) as unknown as Openers;
  return { ...all, ...openers };
}

function fingerprint(
  backend: string,
  options: object = {},
  env: Record<string, string> = {},
): Promise<Fingerprint> {
  const program = findProgram('fingerprint', backend);
  const args = ['--disable-warning=ExperimentalWarning', program, backend, JSON.stringify(options)];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let noise = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    child.stderr.on('data', (data: Buffer) => (noise += data.toString()));
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status === 0) {
        resolve({ ...(JSON.parse(output) as Fingerprint), noise });
      } else {
        reject(new Error(`${backend} ended with ${status ?? signal}: ${output}${noise}`));
      }
    });
  });
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  for (const [i, value] of expected.entries()) {
    expect(Math.abs((actual[i] ?? Number.NaN) - value)).toBeLessThan(Math.abs(value) * 1e-3);
  }
}
