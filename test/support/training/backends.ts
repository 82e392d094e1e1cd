/**
 * The backends for contract suites. Each runs in its own process, because a process can choose a
 * backend only once and WebGPU reads its environment at the start.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findProgram, type OtherProgram } from '../trainer-program.ts';
import { prepareSwiftShader, swiftShaderMissing } from './swiftshader.ts';

const binding = fileURLToPath(
  new URL(
    '../../../node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node',
    import.meta.url,
  ),
);

export interface TrainingBackend {
  readonly name: 'tensorflow' | 'webgpu' | 'wasm';
  /** True when the backend is missing. */
  readonly skip: boolean;
}

/**
 * Lists the backends beside plain JavaScript, which is the reference.
 * @param convolutions  Leaves out wasm, which cannot train convolutions.
 */
export function listTrainingBackends({
  convolutions,
}: {
  convolutions: boolean;
}): TrainingBackend[] {
  const missing = {
    tensorflow: existsSync(binding)
      ? undefined
      : 'tfjs-node is not set up, run `npm run setup:tensorflow`',
    webgpu: swiftShaderMissing,
    wasm: undefined,
  };
  const names = convolutions
    ? (['tensorflow', 'webgpu'] as const)
    : (['tensorflow', 'webgpu', 'wasm'] as const);
  return names.map((name) => {
    const skip = missing[name] !== undefined;
    if (skip) {
      console.warn(`Skipped on ${name}: ${missing[name]}`);
    }
    return { name, skip };
  });
}

/**
 * Runs another program on a backend (WebGPU: on SwiftShader) and parses the last line of
 * its output.
 */
export async function runOnBackend<T>(
  program: OtherProgram,
  backend: string,
  ...args: string[]
): Promise<T> {
  const env = backend === 'webgpu' ? await prepareSwiftShader() : {};
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [findProgram(program, backend), backend, ...args],
    { env: { ...process.env, ...env } },
  );
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as T;
}
