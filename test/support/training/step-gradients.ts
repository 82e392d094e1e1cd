/**
 * Measures the gradients of the two optimizer steps on the current backend. As a program it uses
 * the named backend.
 *
 *     node test/support/training/step-gradients.ts BACKEND
 */
import * as tf from '@tensorflow/tfjs';
import { planGenerator } from '../../../shared/model/generator.ts';
import { createState, disposeState, readState } from '../../../trainer/gan/network-state.ts';
import { buildInput, encodeLabels, planDiscriminator } from '../../../trainer/gan/networks.ts';
import type { AdamConfig } from '../../../trainer/gan/preset.ts';
import { computeAmounts } from '../../../trainer/gan/step.ts';
import {
  updateDiscriminator,
  updateGenerator,
  type Batch,
  type Gan,
  type StepAmounts,
} from '../../../trainer/gan/update.ts';
import { selectBackend, type BackendName } from '../../../trainer/tensorflow/backend.ts';
import {
  BATCH,
  CONVOLUTIONAL_PROBLEM,
  DENSE_PROBLEM,
  PENALISED_PROBLEM,
  type Problem,
} from './plain-gan.ts';
import { TINY_CONFIG } from './tensors.ts';

/** The effect of both steps on a problem's networks. */
export interface StepGradients {
  readonly discriminatorLoss: number;
  readonly generatorLoss: number;
  /** By the weights of the network that is updated. */
  readonly discriminator: readonly number[];
  readonly generator: readonly number[];
}

/**
 * Adam with beta1 = 0 and a huge epsilon is gradient descent at rate learningRate / epsilon = 1, so
 * the change of the weights shows the gradient.
 */
const DESCENT = { learningRate: 1e6, beta1: 0, beta2: 0.5, epsilon: 1e6 };

/** The settings of a run's first step with the given Adam for both networks. */
export function planFirstStep({ objective }: Problem, adam: AdamConfig): StepAmounts {
  return computeAmounts(
    {
      ...TINY_CONFIG,
      objective,
      generatorAdam: adam,
      discriminatorAdam: adam,
      finalFactor: 1,
    },
    0,
  );
}

/** Puts a problem's networks and batch on the backend. */
export function openProblem(
  problem: Problem,
  adam: AdamConfig,
): { gan: Gan; batch: Batch; close: () => void } {
  const plan = planGenerator(problem.generator);
  const discriminatorPlan = planDiscriminator(
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
    discriminatorPlan,
    config: {
      objective: problem.objective,
      generatorAdam: adam,
      discriminatorAdam: adam,
      pixelRange: [-1, 1],
    },
    generator: createState(plan.weights, withMoments(problem.generatorWeights)),
    discriminator: createState(
      discriminatorPlan.weights,
      withMoments(problem.discriminatorWeights),
    ),
    average: null,
    matching: null,
  };
  const { labels } = problem;
  const batch: Batch = {
    real: tf.tensor4d(problem.real, [BATCH, ...problem.image]),
    input: buildInput(plan, problem.latents, labels),
    labels: labels && encodeLabels(labels, problem.generator.classes),
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

/** Takes one step of each kind from the same weights and reads the changes. */
export async function measureStepGradients(problem: Problem): Promise<StepGradients> {
  const amounts = planFirstStep(problem, DESCENT);
  const first = openProblem(problem, DESCENT);
  const discriminatorLoss = updateDiscriminator(first.gan, first.batch, amounts);
  const judged = (await readState(first.gan.discriminator)).weights;
  const second = openProblem(problem, DESCENT);
  const generatorLoss = updateGenerator(second.gan, second.batch, amounts);
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
