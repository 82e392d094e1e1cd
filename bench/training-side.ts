/**
 * The trainer as a side of the training benchmark, beside bench/peers/keras_step.py:
 *
 *   node training-side.ts PRESET THREADS graphs|operations FILE
 *
 * Does a few steps and writes FILE: the run's settings, starting weights, data and draws, and the
 * weights, moments and losses that followed. Then each line with a number of steps on stdin is
 * answered with the milliseconds of one. The data is noise: only its shape matters for the time.
 */
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import * as tf from '@tensorflow/tfjs';
import { planGenerator } from '../shared/model/generator.ts';
import { deriveKey } from '../shared/model/random.ts';
import { createBatcher, type Dataset } from '../trainer/data/dataset.ts';
import { joinArrays, readState } from '../trainer/gan/network-state.ts';
import { drawUniform, drawWords } from '../trainer/gan/noise.ts';
import { PRESETS, PURPOSES, type PresetName } from '../trainer/gan/preset.ts';
import { createGan, type StepLosses } from '../trainer/gan/step.ts';
import { encodeSafetensors } from '../trainer/run/checkpoint.ts';
import { createStepper } from '../trainer/run/stepper.ts';
import { selectBackend } from '../trainer/tensorflow/backend.ts';

/** Images are at least eight batches. The data has a random stream of its own. */
const [CHECK_STEPS, IMAGES, CLASSES, DATA_PURPOSE] = [3, 2048, 10, 1000];

const [preset, threads, mode, file = ''] = process.argv.slice(2);
const config = { ...PRESETS[preset as PresetName], seed: 'bench' };
const key = deriveKey('train', config.seed);
const [height, width, channels] = planGenerator(config.generator).outputShape;
const words = drawWords(key, DATA_PURPOSE, 0, (IMAGES * height * width * channels) / 4);
const dataset: Dataset = {
  name: 'noise',
  count: IMAGES,
  height,
  width,
  channels,
  images: new Uint8Array(words.buffer),
  labels: Uint8Array.from({ length: IMAGES }, (_, i) => i % CLASSES),
  classes: Array.from({ length: CLASSES }, (_, i) => String(i)),
};
const source = { config, dataset, key };
const batcher = createBatcher(IMAGES, config.batchSize, key, PURPOSES.shuffle);
const { description } = await selectBackend('tensorflow', { threads: Number(threads) });
const gan = createGan(source, null);
const stepper = createStepper(gan, source, {
  graphs: mode === 'graphs',
  onFault(fault) {
    throw new Error(fault);
  },
});
let nextStep = 0;
await writeFile(file, encodeSafetensors(await check()));
answer({ versions: { node: process.versions.node, tfjs: tf.version_core, backend: description } });

for await (const line of createInterface(process.stdin)) {
  const began = performance.now();
  for (let i = 0; i < Number(line); i++) {
    const { discriminator, generator } = doStep();
    await generator.data(); // Waits for the device, as Keras's side does.
    tf.dispose([discriminator, generator]);
  }
  answer((performance.now() - began) / Number(line));
}
process.exit(0);

function doStep(): StepLosses {
  const step = nextStep++;
  return stepper.step(batcher.drawIndices(step), step);
}

async function check() {
  const tensors: Record<string, Float32Array> = {
    images: Float32Array.from(dataset.images),
    labels: Float32Array.from(dataset.labels),
    indices: joinSteps((step) => Float32Array.from(batcher.drawIndices(step))), // [steps * batch]
    discriminatorLatents: joinSteps((step) => drawLatents(PURPOSES.discriminatorLatent, step)),
    generatorLatents: joinSteps((step) => drawLatents(PURPOSES.generatorLatent, step)),
    generator: (await readState(gan.generator)).weights,
    discriminator: (await readState(gan.discriminator)).weights,
  };
  const losses: number[] = [];
  for (let i = 0; i < CHECK_STEPS; i++) {
    const { discriminator, generator } = doStep();
    losses.push(...(await discriminator.data()), ...(await generator.data()));
    tf.dispose([discriminator, generator]);
    for (const name of ['generator', 'discriminator'] as const) {
      const { weights, firstMoment, secondMoment } = await readState(gan[name]);
      tensors[`${name}.weights`] = weights;
      tensors[`${name}.firstMoment`] ??= firstMoment;
      tensors[`${name}.secondMoment`] ??= secondMoment;
    }
  }
  tensors['losses'] = Float32Array.from(losses); // Discriminator's and generator's of each step.
  const average = await gan.average?.data<'float32'>();
  if (average !== undefined) {
    tensors['average'] = average;
  }
  const image = [height, width, channels];
  const metadata = { config: JSON.stringify({ ...config, image, checkSteps: CHECK_STEPS }) };
  return { tensors, metadata };
}

function joinSteps(draw: (step: number) => Float32Array): Float32Array {
  return joinArrays(Array.from({ length: CHECK_STEPS }, (_, step) => draw(step)));
}

function drawLatents(purpose: number, step: number): Float32Array {
  return drawUniform(key, purpose, step, config.batchSize * config.generator.latentSize);
}

function answer(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
