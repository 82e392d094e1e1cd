/**
 * The one definition of every generator network: a plain list of layers, its shapes, sizes and costs. The trainer trains it on
 * TensorFlow.js (`trainer/gan/generator-network.ts`), the engine draws with it (`engine/`). Pure.
 *
 * To add a layer: a member of `layerSchema` and a case in `computeLayer`; the compiler finds the rest.
 */
import * as z from 'zod';

/** Bounds on what a description may ask for, checked before any tensor exists. */
export const GENERATOR_LIMITS = {
  layers: 32,
  units: 65_536,
  parameters: 4_000_000,
  macs: 200_000_000,
} as const;

/** Slope of leaky relu below 0, everywhere. */
export const LEAKY_SLOPE = 0.2;

const activationSchema = z.enum(['linear', 'relu', 'leakyRelu', 'sigmoid', 'tanh']);
const sizeSchema = z.int().min(1).max(GENERATOR_LIMITS.units);

const layerSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('dense'), units: sizeSchema, activation: activationSchema }),
  /** Stride 1, padded so that height and width stay. */
  z.strictObject({
    type: z.literal('conv2d'),
    filters: sizeSchema,
    kernelSize: z.union([z.literal(1), z.literal(3), z.literal(5)]),
    activation: activationSchema,
  }),
  /** Turns blocks of channels into blocks of pixels: [h, w, b * b * c] to [b * h, b * w, c] (Shi et al. 2016). */
  z.strictObject({ type: z.literal('depthToSpace'), blockSize: z.int().min(2).max(4) }),
  z.strictObject({
    type: z.literal('reshape'),
    shape: z.tuple([sizeSchema, sizeSchema, sizeSchema]),
  }),
]);

/** A generator as data. Its input is the latent followed by the label's one-hot vector when `classes` > 0. */
export const generatorConfigSchema = z.strictObject({
  latentSize: z.int().min(1).max(4096),
  classes: z.int().min(0).max(256),
  layers: z.array(layerSchema).min(1).max(GENERATOR_LIMITS.layers),
});

export type Activation = z.infer<typeof activationSchema>;
export type LayerConfig = z.infer<typeof layerSchema>;
export type GeneratorConfig = z.infer<typeof generatorConfigSchema>;

/** A trainable array: its name in the artifact and its shape. */
export interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

/** What a description amounts to. Shapes are without the batch; `macs` are multiply-accumulates for one sample. */
export interface GeneratorPlan {
  readonly config: GeneratorConfig;
  readonly inputSize: number;
  /** What each layer is given, in order. */
  readonly shapes: readonly (readonly number[])[];
  readonly outputShape: readonly [height: number, width: number, channels: number];
  readonly weights: readonly WeightSpec[];
  readonly parameters: number;
  readonly macs: number;
}

/** A description that no network can be built from. The message names the layer, what came and what is allowed. */
export class GeneratorConfigError extends Error {
  override name = 'GeneratorConfigError' as const;
}

/**
 * Works out shapes, weights and costs of a description, and refuses one that does not fit together.
 *
 * @throws GeneratorConfigError  When layers do not fit, the output is no image, or a bound of GENERATOR_LIMITS is passed.
 */
export function planGenerator(config: GeneratorConfig): GeneratorPlan {
  const inputSize = config.latentSize + config.classes;
  const weights: WeightSpec[] = [];
  const shapes: (readonly number[])[] = [];
  let shape: readonly number[] = [inputSize];
  let macs = 0;
  for (const [index, layer] of config.layers.entries()) {
    const computed = computeLayer(layer, index, shape);
    shapes.push(shape);
    shape = computed.shape;
    weights.push(...computed.weights);
    macs += computed.macs;
    if (sizeOf(shape) > GENERATOR_LIMITS.units) {
      throw new GeneratorConfigError(
        `layer ${index}: ${sizeOf(shape)} numbers a sample, at most ${GENERATOR_LIMITS.units} allowed`,
      );
    }
  }
  const [height, width, channels] = shape;
  if (
    shape.length !== 3 ||
    height === undefined ||
    width === undefined ||
    (channels !== 1 && channels !== 3)
  ) {
    throw new GeneratorConfigError(
      `the last layer gives [${shape.join(', ')}], expected [height, width, 1 or 3]`,
    );
  }
  const parameters = weights.reduce((sum, weight) => sum + sizeOf(weight.shape), 0);
  if (parameters > GENERATOR_LIMITS.parameters || macs > GENERATOR_LIMITS.macs) {
    throw new GeneratorConfigError(
      `${parameters} parameters and ${macs} multiply-accumulates, ` +
        `at most ${GENERATOR_LIMITS.parameters} and ${GENERATOR_LIMITS.macs} allowed`,
    );
  }
  return {
    config,
    inputSize,
    shapes,
    outputShape: [height, width, channels],
    weights,
    parameters,
    macs,
  };
}

function computeLayer(
  layer: LayerConfig,
  index: number,
  input: readonly number[],
): { shape: readonly number[]; weights: WeightSpec[]; macs: number } {
  switch (layer.type) {
    case 'dense': {
      const [inputs] = input;
      if (input.length !== 1 || inputs === undefined) {
        throw new GeneratorConfigError(
          `layer ${index}: dense takes a flat input, got [${input.join(', ')}]`,
        );
      }
      return {
        shape: [layer.units],
        weights: [
          { name: `dense_${index}/kernel`, shape: [inputs, layer.units] },
          { name: `dense_${index}/bias`, shape: [layer.units] },
        ],
        macs: inputs * layer.units,
      };
    }
    case 'conv2d': {
      const [height, width, channels] = takeImage(layer, index, input);
      const { filters, kernelSize } = layer;
      return {
        shape: [height, width, filters],
        weights: [
          { name: `conv2d_${index}/kernel`, shape: [kernelSize, kernelSize, channels, filters] },
          { name: `conv2d_${index}/bias`, shape: [filters] },
        ],
        // Counted at the borders too, where a part of the kernel lies on padding.
        macs: height * width * kernelSize * kernelSize * channels * filters,
      };
    }
    case 'depthToSpace': {
      const [height, width, channels] = takeImage(layer, index, input);
      const block = layer.blockSize;
      if (channels % (block * block) !== 0) {
        throw new GeneratorConfigError(
          `layer ${index}: ${channels} channels cannot become blocks of ${block} x ${block}`,
        );
      }
      return {
        shape: [height * block, width * block, channels / (block * block)],
        weights: [],
        macs: 0,
      };
    }
    case 'reshape': {
      if (sizeOf(layer.shape) !== sizeOf(input)) {
        throw new GeneratorConfigError(
          `layer ${index}: cannot reshape [${input.join(', ')}] to [${layer.shape.join(', ')}]`,
        );
      }
      return { shape: layer.shape, weights: [], macs: 0 };
    }
  }
}

function takeImage(
  layer: LayerConfig,
  index: number,
  input: readonly number[],
): [height: number, width: number, channels: number] {
  const [height, width, channels] = input;
  if (input.length !== 3 || height === undefined || width === undefined || channels === undefined) {
    throw new GeneratorConfigError(
      `layer ${index}: ${layer.type} takes [height, width, channels], got [${input.join(', ')}]`,
    );
  }
  return [height, width, channels];
}

/** Numbers in a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
