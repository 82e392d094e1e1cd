/**
 * Tests the two updates against gradients by finite differences of plain loops in double precision,
 * on every backend that trains. A missing backend is skipped with a warning.
 */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { readState } from '../../../trainer/gan/network-state.ts';
import {
  updateDiscriminator,
  updateGenerator,
  type Probe,
  type StepFigure,
} from '../../../trainer/gan/update.ts';
import { listTrainingBackends, runOnBackend } from '../../support/training/backends.ts';
import {
  computeDiscriminatorTotal,
  computeGeneratorTotal,
  computePenalties,
  CONVOLUTIONAL_PROBLEM,
  DENSE_PROBLEM,
  differentiate,
  PENALISED_PROBLEM,
  type Problem,
} from '../../support/training/plain-gan.ts';
import {
  measureStepGradients,
  openProblem,
  planFirstStep,
  type StepGradients,
} from '../../support/training/step-gradients.ts';
import { countLeaks } from '../../support/training/tensors.ts';

beforeAll(() => tf.setBackend('cpu'));

const ADAM = { learningRate: 0.01, beta1: 0.5, beta2: 0.9, epsilon: 1e-8 };
const PROBLEMS: [string, Problem][] = [
  ['the tutorial’s GAN', DENSE_PROBLEM],
  ['the tutorial’s GAN with R1 and label smoothing', PENALISED_PROBLEM],
  ['a convolutional GAN with R1 and R2', CONVOLUTIONAL_PROBLEM],
];

/**
 * Relative to the largest component, because a float32 gradient is as exact as its largest terms.
 */
const TOLERANCE = 2e-3;

interface Gradients {
  readonly discriminator: readonly number[];
  readonly generator: readonly number[];
}

const known = new Map<Problem, Gradients>();

/** Computes the oracle's gradients, once for each problem. */
function findGradients(problem: Problem): Gradients {
  const { discriminatorWeights, generatorWeights } = problem;
  const gradients = known.get(problem) ?? {
    discriminator: differentiate(
      (w) => computeDiscriminatorTotal(problem, w),
      discriminatorWeights,
    ),
    generator: differentiate((w) => computeGeneratorTotal(problem, w), generatorWeights),
  };
  known.set(problem, gradients);
  return gradients;
}

function expectGradients(actual: StepGradients, problem: Problem): void {
  const { discriminator, generator } = findGradients(problem);
  expectClose(actual.discriminator, discriminator);
  expectClose(actual.generator, generator);
  expect(actual.generatorLoss).toBeCloseTo(
    computeGeneratorTotal(problem, problem.generatorWeights),
    5,
  );
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  expect(scale).toBeGreaterThan(0.01);
  actual.forEach((value, i) =>
    expect(Math.abs(value - (expected[i] as number)) / scale, `component ${i}`).toBeLessThan(
      TOLERANCE,
    ),
  );
}

describe.each(PROBLEMS)('the steps of %s', (_, problem) => {
  const first = planFirstStep(problem, ADAM);

  it('follow the gradients by finite differences, in plain JavaScript', async () => {
    expectGradients(await measureStepGradients(problem), problem);
  });

  it('leave the other network’s weights and moments unchanged', async () => {
    const { gan, batch, close } = openProblem(problem, ADAM);
    const generator = await readState(gan.generator);
    updateDiscriminator(gan, batch, first).dispose();
    expect(await readState(gan.generator)).toEqual(generator);
    const discriminator = await readState(gan.discriminator);
    updateGenerator(gan, batch, first).dispose();
    expect(await readState(gan.discriminator)).toEqual(discriminator);
    expect(await readState(gan.generator)).not.toEqual(generator);
    close();
  });

  it('report the norms and penalties by finite differences', () => {
    const { gan, batch, close } = openProblem(problem, ADAM);
    const seen: Partial<Record<StepFigure, number>> = {};
    const probe: Probe = (figure, value) => (seen[figure] = value.dataSync()[0] as number);
    updateGenerator(gan, batch, first, probe).dispose();
    const gradients = findGradients(problem);
    expect(seen.generatorGradientNorm).toBeCloseTo(Math.hypot(...gradients.generator), 3);
    close();
    const second = openProblem(problem, ADAM);
    updateDiscriminator(second.gan, second.batch, first, probe).dispose();
    second.close();
    expect(seen.discriminatorGradientNorm).toBeCloseTo(Math.hypot(...gradients.discriminator), 3);
    const [r1, r2] = computePenalties(problem, problem.discriminatorWeights);
    if (problem.objective.type === 'relativistic') {
      expect(Math.abs(r1 - r2)).toBeGreaterThan(0.01);
      expect(seen.r1).toBeCloseTo(r1, 3);
      expect(seen.r2).toBeCloseTo(r2, 3);
    } else if (problem.objective.r1Gamma !== undefined) {
      expect(r1).toBeGreaterThan(0.01);
      expect(seen.r1).toBeCloseTo(r1, 3);
      expect(Object.keys(seen)).toHaveLength(3);
    } else {
      expect(Object.keys(seen)).toHaveLength(2);
    }
  });

  it('change the weights by the same amount with a probe as without', async () => {
    const [plain, watched] = [openProblem(problem, ADAM), openProblem(problem, ADAM)];
    const probe: Probe = (_figure, value) => void value.dataSync();
    for (const [{ gan, batch }, watcher] of [
      [plain, undefined],
      [watched, probe],
    ] as const) {
      updateDiscriminator(gan, batch, first, watcher).dispose();
      updateGenerator(gan, batch, first, watcher).dispose();
    }
    expect(await readState(watched.gan.discriminator)).toEqual(
      await readState(plain.gan.discriminator),
    );
    expect(await readState(watched.gan.generator)).toEqual(await readState(plain.gan.generator));
    plain.close();
    watched.close();
  });

  it('leave no tensor behind but their loss', () => {
    const { gan, batch, close } = openProblem(problem, ADAM);
    expect(countLeaks(() => updateDiscriminator(gan, batch, first).dispose())).toBe(0);
    expect(countLeaks(() => updateGenerator(gan, batch, first).dispose())).toBe(0);
    const probe: Probe = () => {};
    expect(countLeaks(() => updateDiscriminator(gan, batch, first, probe).dispose())).toBe(0);
    expect(countLeaks(() => updateGenerator(gan, batch, first, probe).dispose())).toBe(0);
    close();
  });
});

it('the oracle sees the penalties: without them the gradient differs', () => {
  const problem: Problem = {
    ...CONVOLUTIONAL_PROBLEM,
    objective: { type: 'relativistic', gamma: 0 },
  };
  const withPenalty = findGradients(CONVOLUTIONAL_PROBLEM).discriminator;
  const without = findGradients(problem).discriminator;
  const difference = withPenalty.map((value, i) => Math.abs(value - (without[i] as number)));
  expect(Math.max(...difference)).toBeGreaterThan(0.01);
});

describe('on the backends that train convolutions', () => {
  for (const backend of listTrainingBackends({ convolutions: true })) {
    it.skipIf(backend.skip)(
      `${backend.name} gives the gradients by finite differences`,
      async () => {
        const [dense, penalised, convolutional] = await runOnBackend<
          [StepGradients, StepGradients, StepGradients]
        >('step-gradients', backend.name);
        expectGradients(dense, DENSE_PROBLEM);
        expectGradients(penalised, PENALISED_PROBLEM);
        expectGradients(convolutional, CONVOLUTIONAL_PROBLEM);
      },
    );
  }
});
