/**
 * The trainer as a side of the training benchmark (see side.ts):
 *
 *   node trainer-side.ts PRESET BACKEND THREADS graphs|operations
 *
 * `operations` does a step operation by operation, without its graph.
 */
import { createInterface } from 'node:readline';
import * as tf from '@tensorflow/tfjs';
import { readState } from '../../trainer/gan/network-state.ts';
import type { PresetName } from '../../trainer/gan/preset.ts';
import { createGan, trainStep, type StepLosses } from '../../trainer/gan/step.ts';
import { createStepper } from '../../trainer/run/stepper.ts';
import { selectBackend, type BackendName } from '../../trainer/tensorflow/backend.ts';
import { CHECK_STEPS, makeProblem, saveOutcome, type Outcome } from './problem.ts';
import type { Limit, Request, Times } from './side.ts';

/** The limit's rate is measured with products of [SIZE, SIZE] matrices. */
const SIZE = 2048;
const PRODUCTS = 8;

const [preset, backend, threads, mode] = process.argv.slice(2);
const { source, batcher } = makeProblem(preset as PresetName);
const { description } = await selectBackend(backend as BackendName, {
  ...(backend === 'tensorflow' ? { threads: Number(threads) } : {}),
  convolutions: source.config.discriminator.type === 'convolutional',
});
answer({ versions: { node: process.versions.node, tfjs: tf.version_core, backend: description } });

const gan = createGan(source, null);
const stepper = createStepper(gan, source, {
  graphs: mode === 'graphs',
  onFault(fault) {
    throw new Error(fault);
  },
});
let nextStep = 0;

for await (const line of createInterface(process.stdin)) {
  const request = JSON.parse(line) as Request;
  switch (request.do) {
    case 'check':
      await saveOutcome(request.out, await check());
      answer({});
      break;
    case 'train':
      answer(await train(request.steps, request.maxMs ?? Infinity));
      break;
    case 'limit':
      answer(await measureLimit());
  }
}
process.exit(0);

function doStep(): StepLosses {
  const step = nextStep++;
  return stepper.step(batcher.drawIndices(step), step);
}

async function check(): Promise<Outcome> {
  const losses: number[] = [];
  const outcome: Record<string, Float32Array> = {};
  for (let i = 0; i < CHECK_STEPS; i++) {
    const { discriminator, generator } = doStep();
    losses.push(...(await discriminator.data()), ...(await generator.data()));
    tf.dispose([discriminator, generator]);
    for (const name of ['generator', 'discriminator'] as const) {
      const { weights, firstMoment, secondMoment } = await readState(gan[name]);
      outcome[`${name}.weights`] = weights;
      if (i === 0) {
        outcome[`${name}.firstMoment`] = firstMoment;
        outcome[`${name}.secondMoment`] = secondMoment;
      }
    }
  }
  const average = await gan.average?.data<'float32'>();
  return {
    losses: Float32Array.from(losses),
    ...outcome,
    ...(average === undefined ? {} : { average }),
  };
}

async function train(steps: number, maxMs: number): Promise<Times> {
  const ms: number[] = [];
  const began = performance.now();
  while (ms.length < steps && (ms.length === 0 || performance.now() - began < maxMs)) {
    const before = performance.now();
    const { discriminator, generator } = doStep();
    await generator.data(); // Waits for the device, as Keras's side does.
    tf.dispose([discriminator, generator]);
    ms.push(performance.now() - before);
  }
  return { ms };
}

async function measureLimit(): Promise<Limit> {
  const { kernels } = await tf.profile(() => {
    tf.dispose(Object.values(trainStep(gan, source, batcher.drawIndices(nextStep), nextStep)));
    return tf.scalar(0);
  });
  const macs = kernels.reduce((sum, kernel) => sum + countMacs(kernel), 0);
  const rates = Array.from({ length: PRODUCTS }, () =>
    tf.tidy(() => {
      const [a, b] = [tf.randomUniform([SIZE, SIZE]), tf.randomUniform([SIZE, SIZE])];
      const began = performance.now();
      tf.matMul(a, b).dataSync();
      return SIZE ** 3 / (performance.now() - began);
    }),
  );
  return { macs, macsPerMs: Math.max(...rates) };
}

/** Counts one kernel. tfjs-node makes fused kernels of these, which the profile names as well. */
function countMacs({
  name,
  inputShapes,
  outputShapes,
}: Awaited<ReturnType<typeof tf.profile>>['kernels'][number]): number {
  const [first = [], second = []] = inputShapes as number[][];
  const [output = []] = outputShapes as number[][];
  switch (name) {
    case 'BatchMatMul':
      // m x k by k x n: each size is in two of the three shapes. There is one batch only.
      return Math.sqrt(countElements(first) * countElements(second) * countElements(output));
    case 'Conv2D':
      return (countElements(output) * countElements(second)) / (second.at(-1) as number);
    case 'Conv2DBackpropInput':
      return (countElements(first) * countElements(second)) / (second.at(-1) as number);
    case 'Conv2DBackpropFilter':
      return (countElements(second) * countElements(output)) / (output.at(-1) as number);
    default:
      return 0;
  }
}

function countElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function answer(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
