/**
 * A reference implementation of the networks and losses: loops over plain numbers in double
 * precision, with gradients by central differences. It shares no code with what it tests, and
 * provides small problems for comparison.
 */
import { planGenerator, sizeOf, type GeneratorConfig } from '../../../shared/model/generator.ts';
import { planDiscriminator, type DiscriminatorConfig } from '../../../trainer/gan/networks.ts';
import type { ObjectiveConfig } from '../../../trainer/gan/preset.ts';
import { makeValues } from './tensors.ts';

/** A GAN of a few dozen weights with one batch, as plain numbers. */
export interface Problem {
  readonly objective: ObjectiveConfig;
  readonly generator: GeneratorConfig;
  readonly discriminator: DiscriminatorConfig;
  readonly image: readonly [number, number, number];
  readonly generatorWeights: Float32Array;
  readonly discriminatorWeights: Float32Array;
  /** [BATCH, ...image] */
  readonly real: Float32Array;
  /** [BATCH, latentSize] */
  readonly latents: Float32Array;
  /** [BATCH]; null without classes. */
  readonly labels: Uint8Array | null;
}

export const BATCH = 4;

/** A small version of the tutorial's GAN. */
export const DENSE_PROBLEM: Problem = makeProblem(
  { type: 'non-saturating' },
  {
    latentSize: 4,
    classes: 0,
    layers: [
      { type: 'dense', units: 8, activation: 'relu' },
      { type: 'dense', units: 16, activation: 'sigmoid' },
      { type: 'reshape', shape: [4, 4, 1] },
    ],
  },
  { type: 'dense', units: [6] },
);

/** The same with R1 and a smoothed target. */
export const PENALISED_PROBLEM: Problem = makeProblem(
  { type: 'non-saturating', r1Gamma: 0.7, realTarget: 0.8 },
  DENSE_PROBLEM.generator,
  DENSE_PROBLEM.discriminator,
);

/** Every kind of layer, labels, the relativistic loss with R1 and R2. */
export const CONVOLUTIONAL_PROBLEM: Problem = makeProblem(
  { type: 'relativistic', gamma: 0.7 },
  {
    latentSize: 3,
    classes: 2,
    layers: [
      { type: 'dense', units: 2 * 2 * 3, activation: 'leakyRelu' },
      { type: 'reshape', shape: [2, 2, 3] },
      { type: 'conv2d', filters: 4, kernelSize: 3, activation: 'tanh' },
      { type: 'depthToSpace', blockSize: 2 },
    ],
  },
  { type: 'convolutional', filters: [2, 3], kernelSizes: [5, 3], units: 3 },
);

function makeProblem(
  objective: ObjectiveConfig,
  generator: GeneratorConfig,
  discriminator: DiscriminatorConfig,
): Problem {
  const plan = planGenerator(generator);
  const judgePlan = planDiscriminator(discriminator, plan.outputShape, generator.classes);
  const size = judgePlan.weights.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return {
    objective,
    generator,
    discriminator,
    image: plan.outputShape,
    generatorWeights: makeValues(plan.parameters, 0.3, 0.6),
    discriminatorWeights: makeValues(size, 2.9, 0.6),
    real: makeValues(BATCH * sizeOf(plan.outputShape), 1, 0.9),
    latents: makeValues(BATCH * generator.latentSize, 2),
    labels:
      generator.classes === 0
        ? null
        : Uint8Array.from({ length: BATCH }, (_, i) => i % generator.classes),
  };
}

/** The discriminator's whole loss, penalties included. */
export function computeDiscriminatorTotal(
  problem: Problem,
  judgeWeights: ArrayLike<number>,
  penaltyStep = 1e-4,
): number {
  const { objective, generatorWeights } = problem;
  const reals = takeRows(problem.real);
  const fakes = generateAll(problem, generatorWeights);
  const judgeAt = (x: number[], i: number): number =>
    judge(problem, judgeWeights, x, labelOf(problem, i));
  const pairs = reals.map(
    (real, i) => [judgeAt(real, i), judgeAt(fakes[i] as number[], i)] as const,
  );
  if (objective.type === 'non-saturating') {
    const { r1Gamma = 0, realTarget = 1 } = objective;
    const smoothed = (real: number): number =>
      realTarget * softplus(-real) + (1 - realTarget) * softplus(real);
    const penalty = r1Gamma === 0 ? 0 : computePenalties(problem, judgeWeights, penaltyStep)[0];
    return (
      mean(pairs.map(([real, fake]) => smoothed(real) + softplus(fake))) + (r1Gamma / 2) * penalty
    );
  }
  const [r1, r2] = computePenalties(problem, judgeWeights, penaltyStep);
  return (
    mean(pairs.map(([real, fake]) => softplus(fake - real))) + (objective.gamma / 2) * (r1 + r2)
  );
}

/** Mean squared norm of the logits' gradient with respect to real and to generated images. */
export function computePenalties(
  problem: Problem,
  judgeWeights: ArrayLike<number>,
  penaltyStep = 1e-4,
): [r1: number, r2: number] {
  const squaredNorm = (x: number[], i: number): number =>
    differentiate(
      (at) => judge(problem, judgeWeights, at, labelOf(problem, i)),
      x,
      penaltyStep,
    ).reduce((sum, value) => sum + value * value, 0);
  return [
    mean(takeRows(problem.real).map(squaredNorm)),
    mean(generateAll(problem, problem.generatorWeights).map(squaredNorm)),
  ];
}

/** The generator's loss. */
export function computeGeneratorTotal(
  problem: Problem,
  generatorWeights: ArrayLike<number>,
): number {
  const { objective, discriminatorWeights } = problem;
  const reals = takeRows(problem.real);
  return mean(
    generateAll(problem, generatorWeights).map((image, i) => {
      const fake = judge(problem, discriminatorWeights, image, labelOf(problem, i));
      const real = judge(problem, discriminatorWeights, reals[i] as number[], labelOf(problem, i));
      return objective.type === 'non-saturating' ? softplus(-fake) : softplus(real - fake);
    }),
  );
}

/** The gradient by central differences, in double precision. */
export function differentiate(
  f: (x: number[]) => number,
  at: ArrayLike<number>,
  step = 1e-4,
): number[] {
  return Array.from(at, (value, i) => {
    const [up, down] = [Array.from(at), Array.from(at)];
    up[i] = value + step;
    down[i] = value - step;
    return (f(up) - f(down)) / (2 * step);
  });
}

function generateAll(problem: Problem, weights: ArrayLike<number>): number[][] {
  const { latentSize, classes, layers } = problem.generator;
  return Array.from({ length: BATCH }, (_, row) => {
    const latent = Array.from(problem.latents.subarray(row * latentSize, (row + 1) * latentSize));
    let x = [
      ...latent,
      ...Array.from({ length: classes }, (_unused, label) =>
        label === labelOf(problem, row) ? 1 : 0,
      ),
    ];
    let shape: number[] = [x.length];
    let next = 0;
    for (const layer of layers) {
      const [h = 1, w = 1, c = 1] = shape;
      if (layer.type === 'dense') {
        [x, next] = [
          affine(x, weights, next, layer.units).map(activate(layer.activation)),
          next + (x.length + 1) * layer.units,
        ];
        shape = [layer.units];
      } else if (layer.type === 'conv2d') {
        const k = layer.kernelSize;
        x = convolve(x, shape, weights, next, k, layer.filters, 1).map(activate(layer.activation));
        [next, shape] = [next + (k * k * c + 1) * layer.filters, [h, w, layer.filters]];
      } else if (layer.type === 'depthToSpace') {
        [x, shape] = shuffle(x, h, w, c, layer.blockSize);
      } else {
        shape = [...layer.shape];
      }
    }
    return x;
  });
}

function judge(
  { discriminator, image, generator }: Problem,
  weights: ArrayLike<number>,
  input: number[],
  label: number,
): number {
  if (discriminator.type === 'dense') {
    let [x, next] = [input, 0];
    for (const units of discriminator.units) {
      [x, next] = [
        affine(x, weights, next, units).map(activate('relu')),
        next + (x.length + 1) * units,
      ];
    }
    return affine(x, weights, next, 1)[0] as number;
  }
  let [x, shape, next] = [input, [...image], 0];
  discriminator.filters.forEach((filters, i) => {
    const k = discriminator.kernelSizes[i] as number;
    x = convolve(x, shape, weights, next, k, filters, 2).map(activate('leakyRelu'));
    next += (k * k * (shape[2] as number) + 1) * filters;
    shape = [Math.ceil((shape[0] as number) / 2), Math.ceil((shape[1] as number) / 2), filters];
  });
  const features = affine(x, weights, next, discriminator.units).map(activate('leakyRelu'));
  next += (x.length + 1) * discriminator.units;
  const logit = affine(features, weights, next, 1)[0] as number;
  next += features.length + 1;
  const { classes } = generator;
  return classes === 0
    ? logit
    : logit +
        features.reduce(
          (sum, value, i) => sum + value * (weights[next + i * classes + label] as number),
          0,
        );
}

function affine(x: number[], weights: ArrayLike<number>, from: number, units: number): number[] {
  return Array.from({ length: units }, (_, unit) =>
    x.reduce(
      (sum, value, i) => sum + value * (weights[from + i * units + unit] as number),
      weights[from + x.length * units + unit] as number,
    ),
  );
}

/** Padding 'same' as in TensorFlow: an odd remainder goes to the bottom and the right. */
function convolve(
  x: number[],
  [h = 1, w = 1, c = 1]: number[],
  weights: ArrayLike<number>,
  from: number,
  k: number,
  filters: number,
  stride: number,
) {
  const [rows, cols] = [Math.ceil(h / stride), Math.ceil(w / stride)];
  const top = Math.floor(Math.max((rows - 1) * stride + k - h, 0) / 2);
  const left = Math.floor(Math.max((cols - 1) * stride + k - w, 0) / 2);
  const bias = from + k * k * c * filters;
  const y: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      for (let f = 0; f < filters; f++) {
        let sum = weights[bias + f] as number;
        for (let dy = 0; dy < k; dy++) {
          for (let dx = 0; dx < k; dx++) {
            const [sy, sx] = [row * stride + dy - top, col * stride + dx - left];
            for (let i = 0; i < c && sy >= 0 && sy < h && sx >= 0 && sx < w; i++) {
              sum +=
                (x[(sy * w + sx) * c + i] as number) *
                (weights[from + ((dy * k + dx) * c + i) * filters + f] as number);
            }
          }
        }
        y.push(sum);
      }
    }
  }
  return y;
}

function shuffle(
  x: number[],
  h: number,
  w: number,
  c: number,
  block: number,
): [number[], number[]] {
  const depth = c / (block * block);
  const y = new Array<number>(x.length);
  x.forEach((value, at) => {
    const [channel, col, row] = [at % c, Math.floor(at / c) % w, Math.floor(at / (c * w))];
    const [dy, dx, d] = [
      Math.floor(channel / (block * depth)),
      Math.floor(channel / depth) % block,
      channel % depth,
    ];
    y[((row * block + dy) * w * block + col * block + dx) * depth + d] = value;
  });
  return [y, [h * block, w * block, depth]];
}

function activate(activation: string): (x: number) => number {
  const functions: Record<string, (x: number) => number> = {
    relu: (x) => Math.max(0, x),
    leakyRelu: (x) => (x > 0 ? x : 0.2 * x),
    tanh: Math.tanh,
    sigmoid: (x) => 1 / (1 + Math.exp(-x)),
    linear: (x) => x,
  };
  return functions[activation] as (x: number) => number;
}

const softplus = (x: number): number => Math.log1p(Math.exp(x));
const mean = (values: number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const labelOf = ({ labels }: Problem, row: number): number => labels?.[row] ?? -1;
const takeRows = (values: Float32Array): number[][] =>
  Array.from({ length: BATCH }, (_, i) =>
    Array.from(values.subarray((i * values.length) / BATCH, ((i + 1) * values.length) / BATCH)),
  );
