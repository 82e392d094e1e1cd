/**
 * A generator network as a list of layers: its shapes, weights and costs. The trainer builds it on
 * TensorFlow.js (`trainer/gan/networks.ts`), the engine draws with it (`engine/`). Pure.
 */
import * as v from 'valibot';
import { wholeSchema } from '../schema.ts';

/** Checked before any tensor exists. */
export const GENERATOR_LIMITS = {
  layers: 32,
  units: 65_536,
  parameters: 4_000_000,
  macs: 200_000_000,
  effort: 400_000_000,
  /** Products that the engine sums up for a number. With more, its weights become too coarse. */
  products: 16_384,
} as const;

/**
 * Costs of the engine's other work, in multiply-accumulates: reading or writing a value
 * between layers, and computing a sigmoid or tanh. `npm run bench -- cost` fits both.
 */
export const EFFORT = { value: 45, curve: 75 } as const;

/** Slope of every leaky ReLU below 0. */
export const LEAKY_SLOPE = 0.2;

const activationSchema = v.picklist(['linear', 'relu', 'leakyRelu', 'sigmoid', 'tanh']);
const sizeSchema = wholeSchema(1, GENERATOR_LIMITS.units);

const blockSchema = wholeSchema(2, 4);
const denseSchema = v.strictObject({
  type: v.literal('dense'),
  units: sizeSchema,
  activation: activationSchema,
});
/** Stride 1 and zero padding, so height and width stay. */
const convolutionSchema = v.strictObject({
  type: v.literal('conv2d'),
  filters: sizeSchema,
  kernelSize: v.picklist([1, 3, 5]),
  activation: activationSchema,
});

const layerSchema = v.variant('type', [
  denseSchema,
  convolutionSchema,
  /** Moves channels to pixels: [h, w, b * b * c] to [b * h, b * w, c] (Shi et al. 2016). */
  v.strictObject({ type: v.literal('depthToSpace'), blockSize: blockSchema }),
  v.strictObject({
    type: v.literal('reshape'),
    shape: v.strictTuple([sizeSchema, sizeSchema, sizeSchema]),
  }),
]);

/** The layers of a network from a picture to numbers: `encoder.ts`. */
export const encoderLayerSchema = v.variant('type', [
  denseSchema,
  convolutionSchema,
  /** Moves pixels to channels: the inverse of depthToSpace. */
  v.strictObject({ type: v.literal('spaceToDepth'), blockSize: blockSchema }),
  v.strictObject({ type: v.literal('flatten') }),
]);

/** A generator. Its input is a latent vector and, if it has classes, the label's one-hot vector. */
export const generatorConfigSchema = v.strictObject({
  latentSize: wholeSchema(1, 4096),
  classes: wholeSchema(0, 256),
  layers: v.pipe(v.array(layerSchema), v.minLength(1), v.maxLength(GENERATOR_LIMITS.layers)),
});

export type Activation = v.InferOutput<typeof activationSchema>;
export type LayerConfig = v.InferOutput<typeof layerSchema>;
export type EncoderLayer = v.InferOutput<typeof encoderLayerSchema>;
export type GeneratorConfig = v.InferOutput<typeof generatorConfigSchema>;

/** Multiply-accumulates, values that are read or written, and sigmoids and tanhs. */
interface EngineWork {
  readonly macs: number;
  readonly values: number;
  readonly curves: number;
}

export interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Shapes and costs of a network. Shapes exclude the batch; costs are those of one sample. */
export interface NetworkPlan {
  readonly config: { readonly layers: readonly (LayerConfig | EncoderLayer)[] };
  /** The input shape of each layer, in order. */
  readonly shapes: readonly (readonly number[])[];
  readonly outputShape: readonly number[];
  readonly weights: readonly WeightSpec[];
  readonly parameters: number;
  /** Multiply-accumulates. */
  readonly macs: number;
  /** The engine's operations for a sample, with the channels that pad its vectors. */
  readonly work: EngineWork;
  /** The time of `work`, in that of one multiply-accumulate. */
  readonly effort: number;
}

export interface GeneratorPlan extends NetworkPlan {
  readonly config: GeneratorConfig;
  readonly inputSize: number;
  readonly outputShape: readonly [height: number, width: number, channels: number];
}

/** Layers that do not fit together. The message names the layer, what came and what is allowed. */
export class GeneratorConfigError extends Error {
  override name = 'GeneratorConfigError' as const;
}

/**
 * @throws GeneratorConfigError  When layers do not fit, the output is no image, or the network
 *                               exceeds GENERATOR_LIMITS.
 */
export function planGenerator(config: GeneratorConfig): GeneratorPlan {
  const inputSize = config.latentSize + config.classes;
  const plan = planNetwork(config, [inputSize]);
  const [height = 0, width = 0, channels = 0] = plan.outputShape;
  if (plan.outputShape.length !== 3 || (channels !== 1 && channels !== 3)) {
    throw new GeneratorConfigError(
      `the last layer gives [${plan.outputShape.join(', ')}], expected [height, width, 1 or 3]`,
    );
  }
  const { parameters, macs, effort } = plan;
  if (parameters > GENERATOR_LIMITS.parameters || macs > GENERATOR_LIMITS.macs) {
    throw new GeneratorConfigError(
      `${parameters} parameters and ${macs} multiply-accumulates, ` +
        `at most ${GENERATOR_LIMITS.parameters} and ${GENERATOR_LIMITS.macs} allowed`,
    );
  }
  if (effort > GENERATOR_LIMITS.effort) {
    throw new GeneratorConfigError(
      `a sample takes the time of ${effort} multiply-accumulates, ` +
        `at most ${GENERATOR_LIMITS.effort} allowed`,
    );
  }
  return { ...plan, config, inputSize, outputShape: [height, width, channels] };
}

/**
 * Plans layers one after the other.
 * @param input  The shape of the network's input.
 * @throws GeneratorConfigError  When layers do not fit, or one exceeds GENERATOR_LIMITS.
 */
export function planNetwork(
  config: NetworkPlan['config'],
  input: readonly number[],
): Omit<NetworkPlan, 'config'> {
  const weights: WeightSpec[] = [];
  const shapes: (readonly number[])[] = [];
  let shape = input;
  let macs = 0;
  const work = { macs: 0, values: 0, curves: 0 };
  for (const [index, layer] of config.layers.entries()) {
    shapes.push(shape);
    const { output, kernel } = computeLayer(layer, index, shape);
    addWork(work, layer, shape, output);
    shape = output;
    if (kernel !== undefined) {
      const outputs = kernel.at(-1) as number;
      const products = sizeOf(kernel) / outputs;
      if (products > GENERATOR_LIMITS.products) {
        const most = `at most ${GENERATOR_LIMITS.products} allowed`;
        throw layerError(index, `${products} products for each number, ${most}`);
      }
      const name = `${layer.type}_${index}`;
      weights.push({ name: `${name}/kernel`, shape: kernel });
      weights.push({ name: `${name}/bias`, shape: [outputs] });
      // The border counts in full, although a part of the kernel lies on padding there.
      macs += (sizeOf(shape) / outputs) * sizeOf(kernel);
    }
    if (sizeOf(shape) > GENERATOR_LIMITS.units) {
      const { units } = GENERATOR_LIMITS;
      throw layerError(index, `${sizeOf(shape)} numbers a sample, at most ${units} allowed`);
    }
  }
  const parameters = weights.reduce((sum, weight) => sum + sizeOf(weight.shape), 0);
  const effort = work.macs + work.values * EFFORT.value + work.curves * EFFORT.curve;
  return { shapes, outputShape: shape, weights, parameters, macs, work, effort };
}

/** Input channels in a pair and output channels in a vector, as in `shared/kernels/engine.ts`. */
const [PAIR, LANES] = [2, 4];

/** Adds what the engine does for a layer. The kernels fill up pairs and vectors of channels. */
function addWork(
  work: { -readonly [K in keyof EngineWork]: number },
  layer: LayerConfig | EncoderLayer,
  input: readonly number[],
  output: readonly number[],
): void {
  if (layer.type !== 'dense' && layer.type !== 'conv2d') {
    return;
  }
  const [inputs = 0, outputs = 0] = [input.at(-1), output.at(-1)];
  const kernel = layer.type === 'conv2d' ? layer.kernelSize ** 2 : 1;
  const written = (sizeOf(output) / outputs) * Math.ceil(outputs / LANES) * LANES;
  work.macs += written * kernel * Math.ceil(inputs / PAIR) * PAIR;
  work.values += sizeOf(input) + written;
  work.curves += layer.activation === 'sigmoid' || layer.activation === 'tanh' ? written : 0;
}

/** Computes the output's shape, and that of the kernel of layers with weights. */
function computeLayer(
  layer: LayerConfig | EncoderLayer,
  index: number,
  input: readonly number[],
): { output: readonly number[]; kernel?: readonly number[] } {
  switch (layer.type) {
    case 'dense': {
      const [inputs = 0] = input;
      if (input.length !== 1) {
        throw layerError(index, `dense takes a flat input, got [${input.join(', ')}]`);
      }
      return { output: [layer.units], kernel: [inputs, layer.units] };
    }
    case 'conv2d': {
      const [height, width, channels] = takeImage(layer, index, input);
      const { filters, kernelSize } = layer;
      const kernel = [kernelSize, kernelSize, channels, filters];
      return { output: [height, width, filters], kernel };
    }
    case 'depthToSpace': {
      const [height, width, channels] = takeImage(layer, index, input);
      const block = layer.blockSize;
      if (channels % (block * block) !== 0) {
        throw layerError(index, `${channels} channels cannot become blocks of ${block} x ${block}`);
      }
      return { output: [height * block, width * block, channels / (block * block)] };
    }
    case 'spaceToDepth': {
      const [height, width, channels] = takeImage(layer, index, input);
      const block = layer.blockSize;
      if (height % block !== 0 || width % block !== 0) {
        throw layerError(index, `${height} x ${width} is no whole number of blocks of ${block}`);
      }
      return { output: [height / block, width / block, channels * block * block] };
    }
    case 'flatten':
      return { output: [sizeOf(input)] };
    case 'reshape':
      if (sizeOf(layer.shape) !== sizeOf(input)) {
        const [from, to] = [input.join(', '), layer.shape.join(', ')];
        throw layerError(index, `cannot reshape [${from}] to [${to}]`);
      }
      return { output: layer.shape };
  }
}

function takeImage(
  layer: LayerConfig | EncoderLayer,
  index: number,
  input: readonly number[],
): [height: number, width: number, channels: number] {
  const [height = 0, width = 0, channels = 0] = input;
  if (input.length !== 3) {
    const expected = `${layer.type} takes [height, width, channels]`;
    throw layerError(index, `${expected}, got [${input.join(', ')}]`);
  }
  return [height, width, channels];
}

function layerError(index: number, detail: string): GeneratorConfigError {
  return new GeneratorConfigError(`layer ${index}: ${detail}`);
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
