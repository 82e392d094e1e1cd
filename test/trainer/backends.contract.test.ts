/**
 * One contract for every backend that the trainer may take: the same few steps of the tutorial's GAN from the same seed
 * give the same losses. A backend that is not there is skipped aloud, or fails with DIGITMINT_REQUIRE_BACKENDS=1.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { prepareSwiftShader, swiftShaderMissing } from '../support/swiftshader.ts';
import type { BackendRun } from '../support/train-on-backend.ts';

const STEPS = 3;
/** Relative. Sums in another order differ by some units of float32's 6e-8; three steps of Adam make them grow. */
const TOLERANCE = 2e-5;

const program = fileURLToPath(new URL('../support/train-on-backend.ts', import.meta.url));
const binding = fileURLToPath(new URL('../../node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node', import.meta.url));
const isRequired = process.env['DIGITMINT_REQUIRE_BACKENDS'] === '1';

async function trainOn(backend: string, env: Record<string, string> = {}): Promise<BackendRun> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, backend, String(STEPS)], { env: { ...process.env, ...env } });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as BackendRun;
}

const BACKENDS = [
  { name: 'wasm', missing: undefined },
  { name: 'tensorflow', missing: existsSync(binding) ? undefined : 'tfjs-node is not set up: npm run setup:tensorflow' },
  { name: 'webgpu', missing: swiftShaderMissing },
].map(({ name, missing }) => ({ name, skip: missing !== undefined && !isRequired, missing }));

for (const { name, skip, missing } of BACKENDS) {
  if (skip) {
    console.warn(`Skipped: the training contract on ${name}: ${missing}`);
  }
}

describe('training', () => {
  let expected: BackendRun;
  beforeAll(async () => {
    expected = await trainOn('cpu');
  });

  it('starts from finite losses in plain JavaScript, the reference', () => {
    expect(expected.losses).toHaveLength(STEPS);
    expected.losses.flat().forEach((loss) => expect(loss).toBeGreaterThan(0));
  });

  for (const { name, skip } of BACKENDS) {
    it.skipIf(skip)(`on ${name} has the losses that plain JavaScript has`, async () => {
      const env = name === 'webgpu' ? await prepareSwiftShader() : {};
      const run = await trainOn(name, env);
      expect(run.losses).toHaveLength(STEPS);
      run.losses.flat().forEach((loss, i) => {
        const reference = expected.losses.flat()[i] as number;
        expect(Math.abs(loss - reference) / reference).toBeLessThan(TOLERANCE);
      });
    });
  }

  it.skipIf(BACKENDS[1]?.skip)('on tensorflow repeats bit for bit in another process', async () => {
    const [first, second] = [await trainOn('tensorflow'), await trainOn('tensorflow')];
    expect(second.weightsSha256).toBe(first.weightsSha256);
  });
});
