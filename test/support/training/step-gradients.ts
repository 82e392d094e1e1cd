/**
 * Shows the gradients that the two steps follow, on whichever backend is set; as a program, on the one that is named.
 *
 *   node test/support/training/step-gradients.ts BACKEND
 */
import * as tf from '@tensorflow/tfjs';
import { planGenerator } from '../../../shared/model/generator.ts';
import { buildInput } from '../../../trainer/gan/generator-network.ts';
import { planDiscriminator } from '../../../trainer/gan/discriminator.ts';
import { createState, disposeState, readState } from '../../../trainer/gan/network-state.ts';
import type { AdamConfig } from '../../../trainer/gan/preset.ts';
import {
  computeUpdateAmounts,
  stepDiscriminator,
  stepGenerator,
  type Batch,
  type Gan,
  type UpdateSettings,
} from '../../../trainer/gan/steps.ts';
import { selectBackend, type BackendName } from '../../../trainer/tensorflow/backend.ts';
import {
  BATCH,
  CONVOLUTIONAL_PROBLEM,
  DENSE_PROBLEM,
  PENALISED_PROBLEM,
  type Problem,
} from './plain-gan.ts';

/** What both steps do to a problem's networks. */
export interface StepGradients {
  readonly discriminatorLoss: number;
  readonly generatorLoss: number;
  /** By the weights of the network that is updated. */
  readonly discriminator: readonly number[];
  readonly generator: readonly number[];
}

/** Adam with beta1 = 0 and a huge epsilon is gradient descent at rate learningRate / epsilon = 1: it shows the gradient. */
const DESCENT = { learningRate: 1e6, beta1: 0, beta2: 0.5, epsilon: 1e6 };

/** The first update of a run, of either network. */
export function planFirstUpdate({ objective }: Problem, adam: AdamConfig): UpdateSettings {
  return {
    adam,
    amounts: computeUpdateAmounts(objective, adam, { update: 1, factor: 1, gammaFactor: 1 }),
  };
}

/** Puts a problem's networks and batch on the backend. */
export function openProblem(problem: Problem): { gan: Gan; batch: Batch; close: () => void } {
  const plan = planGenerator(problem.generator);
  const judge = planDiscriminator(
    problem.discriminator,
    plan.outputShape,
    problem.generator.classes,
  );
  const withMoments = (weights: Float32Array) => ({
    weights,
    firstMoment: weights.map(() => 0),
    secondMoment: weights.map(() => 0),
  });
  const gan: Gan = {
    plan,
    judge,
    objective: problem.objective,
    generator: createState(plan.weights, withMoments(problem.generatorWeights)),
    discriminator: createState(judge.weights, withMoments(problem.discriminatorWeights)),
    average: null,
  };
  const { labels } = problem;
  const batch: Batch = {
    real: tf.tensor4d(problem.real, [BATCH, ...problem.image]),
    input: buildInput(plan, problem.latents, labels),
    labels:
      labels &&
      tf.tidy(
        () =>
          tf
            .oneHot(tf.tensor1d(labels, 'int32'), problem.generator.classes)
            .toFloat() as tf.Tensor2D,
      ),
    augment: (images) => images,
  };
  return {
    gan,
    batch,
    close() {
      disposeState(gan.generator);
      disposeState(gan.discriminator);
      tf.dispose([batch.real, batch.input, ...(batch.labels === null ? [] : [batch.labels])]);
    },
  };
}

/** Takes one step of each kind, from the same weights, and reads what they changed. */
export async function measureStepGradients(problem: Problem): Promise<StepGradients> {
  const settings = planFirstUpdate(problem, DESCENT);
  const first = openProblem(problem);
  const discriminatorLoss = stepDiscriminator(first.gan, first.batch, settings);
  const judged = (await readState(first.gan.discriminator)).weights;
  const second = openProblem(problem);
  const generatorLoss = stepGenerator(second.gan, second.batch, settings);
  const generated = (await readState(second.gan.generator)).weights;
  const result = {
    discriminatorLoss: (await discriminatorLoss.data())[0] as number,
    generatorLoss: (await generatorLoss.data())[0] as number,
    discriminator: Array.from(
      judged,
      (value, i) => (problem.discriminatorWeights[i] as number) - value,
    ),
    generator: Array.from(generated, (value, i) => (problem.generatorWeights[i] as number) - value),
  };
  tf.dispose([discriminatorLoss, generatorLoss]);
  first.close();
  second.close();
  return result;
}

if (process.argv[1] === import.meta.filename) {
  const backend = await selectBackend(process.argv[2] as BackendName, { convolutions: true });
  const results: StepGradients[] = [];
  for (const problem of [DENSE_PROBLEM, PENALISED_PROBLEM, CONVOLUTIONAL_PROBLEM]) {
    results.push(await measureStepGradients(problem));
  }
  console.log(JSON.stringify(results));
  await backend.release();
}
