/**
 * Milliseconds of one training step, of each preset on each backend that works here.
 *
 *   npm run bench:train [-- PRESET...]
 */
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { deriveKey } from '../shared/model/random.ts';
import { createBatcher } from '../trainer/data/dataset.ts';
import { loadMnistPackage } from '../trainer/data/mnist-package.ts';
import { PRESETS, PURPOSES, type PresetName } from '../trainer/gan/preset.ts';
import { createGan } from '../trainer/gan/step.ts';
import { createStepper } from '../trainer/run/stepper.ts';
import { prepareSwiftShader, swiftShaderMissing } from '../test/support/training/swiftshader.ts';
import { BACKEND_NAMES, selectBackend, type BackendName } from '../trainer/tensorflow/backend.ts';

const WARM_UP_STEPS = 3;
const MAX_STEPS = 60;
/** A backend is timed for this long, or for MAX_STEPS, whichever comes first. */
const MAX_SECONDS = 10;

if (process.argv[2] === '--child') {
  await benchBackend(process.argv[3] as PresetName, process.argv[4] as BackendName);
} else {
  await benchAll(
    process.argv.length > 2
      ? (process.argv.slice(2) as PresetName[])
      : (Object.keys(PRESETS) as PresetName[]),
  );
}

async function benchAll(presets: readonly PresetName[]): Promise<void> {
  console.log(`${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.versions.node}\n`);
  console.log('preset   backend           steps   ms/step: min  median     max   images/s');
  for (const preset of presets) {
    for (const backend of BACKEND_NAMES) {
      let line = await benchInChild(preset, backend, {});
      if (line === undefined && backend === 'webgpu' && swiftShaderMissing === undefined) {
        line = await benchInChild(preset, backend, await prepareSwiftShader());
        line = line && `${line}   (no GPU: on SwiftShader)`;
      }
      console.log(`${preset.padEnd(8)} ${backend.padEnd(15)} ${line ?? 'not usable here'}`);
    }
  }
}

/** A process of its own, since a backend can be chosen once. @returns  Undefined where the backend does not work. */
async function benchInChild(
  preset: string,
  backend: string,
  env: Record<string, string>,
): Promise<string | undefined> {
  const args = [import.meta.filename, '--child', preset, backend];
  try {
    return (
      await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env } })
    ).stdout.trimEnd();
  } catch (error) {
    const { stderr } = error as { stderr: string };
    return stderr.includes('BackendError')
      ? undefined
      : `failed: ${stderr.trim().split('\n').at(-1)}`;
  }
}

async function benchBackend(preset: PresetName, name: BackendName): Promise<void> {
  const config = { ...PRESETS[preset], seed: 'bench' };
  const backend = await selectBackend(name, {
    convolutions: config.discriminator.type === 'convolutional',
  });
  const dataset = await loadMnistPackage();
  const source = { config, dataset, key: deriveKey('train', config.seed) };
  const gan = createGan(source, null);
  const stepper = createStepper(gan, source);
  const batcher = createBatcher(dataset.count, config.batchSize, source.key, PURPOSES.shuffle);
  const times: number[] = [];
  for (let step = 0, startedAt = performance.now(); times.length < MAX_STEPS; step++) {
    const before = performance.now();
    const losses = stepper.step(batcher.drawIndices(step), step);
    // Reading waits for the device.
    await losses.generator.data();
    tf.dispose([losses.discriminator, losses.generator]);
    if (step >= WARM_UP_STEPS) {
      times.push(performance.now() - before);
    } else {
      startedAt = performance.now();
    }
    if (times.length > 0 && performance.now() - startedAt > MAX_SECONDS * 1000) {
      break;
    }
  }
  times.sort((a, b) => a - b);
  const median = times[times.length >> 1] ?? NaN;
  const cells = [times[0], median, times.at(-1)].map((ms) => (ms ?? NaN).toFixed(1).padStart(8));
  console.log(
    `${String(times.length).padStart(7)}     ${cells.join('')} ${Math.round(
      (1000 / median) * config.batchSize,
    )
      .toLocaleString('en')
      .padStart(10)}`,
  );
  await backend.release();
  process.exit(0);
}
