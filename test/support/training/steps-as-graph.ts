/**
 * A program that takes the same steps operation by operation and as a graph, for presets and for
 * other settings. It prints the results as one line of JSON.
 *
 *     node test/support/training/steps-as-graph.ts tensorflow [THREADS]
 */
import { createHash } from 'node:crypto';
import * as tf from '@tensorflow/tfjs';
import { deriveKey } from '../../../shared/model/random.ts';
import { createBatcher } from '../../../trainer/data/dataset.ts';
import { readSmallMnist } from './small-mnist.ts';
import {
  PRESETS,
  PURPOSES,
  USUAL_MATCHING,
  type TrainingConfig,
} from '../../../trainer/gan/preset.ts';
import { createGan, disposeGan, type StepSource } from '../../../trainer/gan/step.ts';
import { drawMatchingClassifier } from '../../../trainer/run/matching-classifier.ts';
import { createStepper } from '../../../trainer/run/stepper.ts';
import type { Probe, StepFigure } from '../../../trainer/gan/update.ts';
import { selectBackend, type BackendName } from '../../../trainer/tensorflow/backend.ts';
import { recordGraph } from '../../../trainer/tensorflow/graph/graph.ts';
import { TINY_CONFIG, makeTinyDataset } from './tensors.ts';

/** Some steps of a run, one of them with a probe. */
export interface SteppedRun {
  /** Hash of the losses and of all that a step changes. */
  readonly hash: string;
  readonly usedGraph: boolean;
  readonly faults: readonly string[];
  /** Hash of what the probe received. */
  readonly figures: readonly StepFigure[];
  /** Growth of the number of tensors. */
  readonly leaked: number;
}

/** The printed results. */
export interface StepsAsGraph {
  /** By name: operation by operation, and as a graph. */
  readonly runs: Readonly<Record<string, { operations: SteppedRun; graph: SteppedRun }>>;
  /** As a graph with falsified results, by the name of the run. */
  readonly falsified: Readonly<Record<string, SteppedRun>>;
  /** The message for each invalid computation, by its fault. */
  readonly refusals: Readonly<Record<string, string>>;
  /** Results of a small computation with inputs other than the recorded ones. */
  readonly repeated: readonly number[];
}

/** One convolutional and one dense GAN. */
export const FALSIFIED = ['digits', 'seed'];

const STEPS = 8;
/** Comes after the steps in which the graph is made and verified. */
const PROBED_STEP = 5;

/** The backend's method into which the fault is injected. */
type Runner = { runSavedModel(...args: unknown[]): tf.Tensor[] };

async function doSteps(source: StepSource, options: { graphs?: boolean }): Promise<SteppedRun> {
  const before = tf.memory().numTensors;
  const gan = createGan(source, null);
  const faults: string[] = [];
  const stepper = createStepper(gan, source, {
    ...options,
    onFault: (fault) => faults.push(fault),
  });
  const batcher = createBatcher(
    source.dataset.count,
    source.config.batchSize,
    source.key,
    PURPOSES.shuffle,
  );
  const figures: StepFigure[] = [];
  const probe: Probe = (figure) => figures.push(figure);
  const hash = createHash('sha256');
  const add = (tensor: tf.Tensor): void => {
    const { buffer, byteOffset, byteLength } = tensor.dataSync();
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  };
  for (let step = 0; step < STEPS; step++) {
    const losses = stepper.step(
      batcher.drawIndices(step),
      step,
      step === PROBED_STEP ? probe : undefined,
    );
    [losses.discriminator, losses.generator].forEach(add);
    tf.dispose([losses.discriminator, losses.generator]);
  }
  for (const { weights, firstMoment, secondMoment } of [gan.generator, gan.discriminator]) {
    [weights, firstMoment, secondMoment].forEach(add);
  }
  if (gan.average !== null) {
    add(gan.average);
  }
  const usedGraph = stepper.usesGraph();
  stepper.release();
  disposeGan(gan);
  return {
    hash: hash.digest('hex'),
    usedGraph,
    faults,
    figures,
    leaked: tf.memory().numTensors - before,
  };
}

/**
 * Makes the second output's last number the next larger one, as if TensorFlow rounded differently.
 */
async function withFalsifiedGraphs<T>(action: () => Promise<T>): Promise<T> {
  const backend = tf.backend() as unknown as Runner;
  const { runSavedModel } = backend;
  backend.runSavedModel = function falsify(...args) {
    const outputs = runSavedModel.apply(this, args);
    const [first, second, ...rest] = outputs as [tf.Tensor, tf.Tensor];
    const values = second.dataSync<'float32'>().slice();
    const bits = new Uint32Array(values.buffer);
    bits[bits.length - 1] = (bits.at(-1) ?? 0) + 1;
    const falsified = tf.tensor(values, second.shape);
    second.dispose();
    return [first, falsified, ...rest];
  };
  try {
    return await action();
  } finally {
    backend.runSavedModel = runSavedModel;
  }
}

function describeRefusals(): Record<string, string> {
  const x = tf.tensor1d([1, 2]);
  const foreign = tf.tensor1d([3, 4]);
  const attempt = (compute: () => tf.Tensor[]): string => {
    try {
      recordGraph([x], compute)().release();
      return 'none';
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
  };
  foreign.square().dispose(); // Uploads the tensor to the backend.
  return {
    'a tensor from outside': attempt(() => [tf.add(x, foreign)]),
    'a read': attempt(() => {
      const sum = tf.sum(x);
      return [tf.mul(x, sum.dataSync()[0] as number)];
    }),
    nothing: attempt(() => [tf.square(x)]),
    'no computation': attempt(() => [foreign]),
  };
}

function repeat(): number[] {
  const [x, factor, unused] = [tf.tensor1d([1, 2]), tf.scalar(3), tf.scalar(9)];
  const graph = recordGraph([x, unused, factor], () => [
    tf.sum(x),
    tf.mul(tf.add(x, 0.5), factor),
  ])();
  const outputs = graph.run([tf.tensor1d([5, 6]), unused, tf.scalar(10)]);
  graph.release();
  return outputs.flatMap((output) => [...output.dataSync()]);
}

if (process.argv[1] === import.meta.filename) {
  const [name = 'tensorflow', threads = '2'] = process.argv.slice(2);
  const backend = await selectBackend(name as BackendName, {
    threads: Number(threads),
    convolutions: true,
  });
  const mnist = await readSmallMnist(600);
  const tiny = makeTinyDataset();
  // No power of 2, because the division in a mean would then be an exact multiplication.
  const small = { steps: 20, batchSize: 12, seed: 'graph' };
  const cases: Readonly<Record<string, readonly [TrainingConfig, StepSource['dataset']]>> = {
    digits: [{ ...PRESETS.digits, ...small }, mnist],
    'digits, moved': [{ ...PRESETS.digits, ...small, augment: 0.5 }, mnist],
    'digits, matched': [
      { ...PRESETS.digits, ...small, matching: { weight: 3, ...USUAL_MATCHING, cosines: 32 } },
      mnist,
    ],
    seed: [{ ...PRESETS.seed, ...small }, mnist],
    'R1, a smoothed target and falling rates': [
      {
        ...TINY_CONFIG,
        ...small,
        objective: { type: 'non-saturating', r1Gamma: 1, realTarget: 0.9 },
        finalFactor: 0.1,
      },
      tiny,
    ],
    'another range': [{ ...TINY_CONFIG, ...small, pixelRange: [-1, 1] }, tiny],
  };
  const runs: Record<string, { operations: SteppedRun; graph: SteppedRun }> = {};
  const falsified: Record<string, SteppedRun> = {};
  for (const [label, [config, dataset]] of Object.entries(cases)) {
    const key = deriveKey('train', config.seed);
    const classifier = config.matching && drawMatchingClassifier(dataset, key);
    const source = { config, dataset, key, classifier };
    runs[label] = {
      operations: await doSteps(source, { graphs: false }),
      graph: await doSteps(source, {}),
    };
    if (FALSIFIED.includes(label)) {
      falsified[label] = await withFalsifiedGraphs(async () => doSteps(source, {}));
    }
  }
  const refusals = describeRefusals();
  const result: StepsAsGraph = { runs, falsified, refusals, repeated: repeat() };
  console.log(JSON.stringify(result));
  await backend.release();
}
