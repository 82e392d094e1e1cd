/**
 * A generator as an ONNX model (onnx.proto, operator set 13), so that other runtimes can run it.
 * Those runtimes compute on planes, one a channel, where ours interleaves channels. The last dense
 * layer writes planes, so nothing needs a transposition. No npm package writes ONNX models.
 */
import { PbfWriter } from 'pbf';
import { LEAKY_SLOPE, type Activation, type GeneratorPlan } from '../shared/model/generator.ts';

export const ONNX_INPUT = 'latent_and_label';
export const ONNX_OUTPUT = 'image';

/** Values of TensorProto.DataType. */
const [FLOAT32, INT64] = [1, 7];
const IR_VERSION = 7;
const OPERATOR_SET = 13;

/** A protobuf field: text, whole number, float, or bytes, which also hold a nested message. */
type Field = readonly [number: number, value: string | number | Uint8Array | { float: number }];

type Attributes = Readonly<Record<string, readonly Field[]>>;

/** AttributeProto's value fields, each with the field `type` (20) that names it. */
const FLOAT = (value: number): Field[] => [
  [2, { float: value }],
  [20, 1],
];
const INT = (value: number): Field[] => [
  [3, value],
  [20, 2],
];
const STRING = (value: string): Field[] => [
  [4, value],
  [20, 3],
];
const INTS = (values: readonly number[]): Field[] => [
  ...values.map((value): Field => [8, value]),
  [20, 7],
];

const ACTIVATIONS: Readonly<
  Record<Activation, readonly [type: string, attributes: Attributes] | null>
> = {
  linear: null,
  relu: ['Relu', {}],
  leakyRelu: ['LeakyRelu', { alpha: FLOAT(LEAKY_SLOPE) }],
  sigmoid: ['Sigmoid', {}],
  tanh: ['Tanh', {}],
};

/**
 * Encodes a generator: [batch, inputSize] to [batch, channels, height, width], in float32.
 *
 * @param weights  In the plan's order and shapes.
 * @throws Error   When a reshape does not follow a dense layer. No preset has that.
 */
export function encodeOnnx(plan: GeneratorPlan, weights: readonly Float32Array[]): Uint8Array {
  const nodes: { type: string; inputs: string[]; attributes: Attributes }[] = [];
  const initializers: Field[] = [];
  const add = (type: string, inputs: string[], attributes: Attributes = {}): void => {
    nodes.push({ type, inputs, attributes });
  };
  const activate = (activation: Activation): void => {
    const operation = ACTIVATIONS[activation];
    if (operation !== null) {
      add(operation[0], [], operation[1]);
    }
  };
  const store = (dims: readonly number[], values: Float32Array | BigInt64Array): string => {
    const name = `weight_${initializers.length}`;
    const { buffer, byteOffset, byteLength } = values;
    initializers.push([
      5,
      encode([
        ...dims.map((size): Field => [1, size]),
        [2, values instanceof Float32Array ? FLOAT32 : INT64],
        [8, name],
        [9, new Uint8Array(buffer, byteOffset, byteLength)],
      ]),
    ]);
    return name;
  };
  const unused = weights.values();
  const take = (): Float32Array => unused.next().value as Float32Array;
  const { layers } = plan.config;
  for (const [index, layer] of layers.entries()) {
    const shape = plan.shapes[index] as readonly number[];
    switch (layer.type) {
      case 'dense': {
        const next = layers[index + 1];
        const order = next?.type === 'reshape' ? orderPlanes(next.shape) : null;
        const kernel = reorderColumns(take(), layer.units, order);
        const bias = reorderColumns(take(), layer.units, order);
        const inputs = shape[0] as number;
        add('Gemm', [store([inputs, layer.units], kernel), store([layer.units], bias)]);
        activate(layer.activation);
        break;
      }
      case 'reshape': {
        if (layers[index - 1]?.type !== 'dense') {
          throw new Error(`layer ${index}: expected a dense layer before a reshape`);
        }
        const [height, width, channels] = layer.shape;
        const target = BigInt64Array.from([-1, channels, height, width].map(BigInt));
        add('Reshape', [store([4], target)]);
        break;
      }
      case 'conv2d': {
        const { filters, kernelSize: size } = layer;
        const channels = shape[2] as number;
        const kernel = moveFiltersFirst(take(), size * size, channels, filters);
        const pad = (size - 1) / 2;
        add('Conv', [store([filters, channels, size, size], kernel), store([filters], take())], {
          kernel_shape: INTS([size, size]),
          pads: INTS([pad, pad, pad, pad]),
        });
        activate(layer.activation);
        break;
      }
      case 'depthToSpace':
        add('DepthToSpace', [], { blocksize: INT(layer.blockSize), mode: STRING('DCR') });
        break;
    }
  }
  add('Identity', []);
  const [height, width, channels] = plan.outputShape;
  const graph: Field[] = [
    ...nodes.map((node, i): Field => [1, encodeNode(node, i, nodes.length)]),
    [2, 'generator'],
    ...initializers,
    [11, encodeValueInfo(ONNX_INPUT, [plan.inputSize])],
    [12, encodeValueInfo(ONNX_OUTPUT, [channels, height, width])],
  ];
  return encode([
    [1, IR_VERSION],
    [2, 'digitmint'],
    [8, encode([[2, OPERATOR_SET]])],
    [7, encode(graph)],
  ]);
}

/** Each node reads what the one before it wrote. */
function encodeNode(
  { type, inputs, attributes }: { type: string; inputs: string[]; attributes: Attributes },
  index: number,
  count: number,
): Uint8Array {
  const nameOutput = (i: number): string => (i === count - 1 ? ONNX_OUTPUT : `output_${i}`);
  const source = index === 0 ? ONNX_INPUT : nameOutput(index - 1);
  return encode([
    ...[source, ...inputs].map((name): Field => [1, name]),
    [2, nameOutput(index)],
    [3, nameOutput(index)],
    [4, type],
    ...Object.entries(attributes).map(([name, value]): Field => [5, encode([[1, name], ...value])]),
  ]);
}

/** A float32 tensor whose first dimension, the batch, is left open. */
function encodeValueInfo(name: string, dims: readonly number[]): Uint8Array {
  const dimensions: Field[] = [[2, 'batch'], ...dims.map((size): Field => [1, size])];
  const shape = encode(dimensions.map((dimension): Field => [1, encode([dimension])]));
  const tensor = encode([
    [1, FLOAT32],
    [2, shape],
  ]);
  return encode([
    [1, name],
    [2, encode([[1, tensor]])],
  ]);
}

function encode(fields: readonly Field[]): Uint8Array {
  const writer = new PbfWriter();
  for (const [number, value] of fields) {
    if (typeof value === 'string') {
      writer.writeStringField(number, value);
    } else if (typeof value === 'number') {
      writer.writeVarintField(number, value);
    } else if (value instanceof Uint8Array) {
      writer.writeBytesField(number, value);
    } else {
      writer.writeFloatField(number, value.float);
    }
  }
  return writer.finish();
}

/** For each number of planes, its place among interleaved channels. */
function orderPlanes([height, width, channels]: readonly [number, number, number]): Uint32Array {
  const places = height * width;
  return Uint32Array.from(
    { length: places * channels },
    (_, i) => (i % places) * channels + Math.floor(i / places),
  );
}

function reorderColumns(
  matrix: Float32Array,
  columns: number,
  order: Uint32Array | null,
): Float32Array {
  if (order === null) {
    return matrix;
  }
  return matrix.map((_, i) => {
    const column = i % columns;
    return matrix[i - column + (order[column] as number)] as number;
  });
}

/** [places, channels, filters] to [filters, channels, places]. */
function moveFiltersFirst(
  kernel: Float32Array,
  places: number,
  channels: number,
  filters: number,
): Float32Array {
  return kernel.map((_, i) => {
    const place = i % places;
    const channel = Math.floor(i / places) % channels;
    const filter = Math.floor(i / (places * channels));
    return kernel[(place * channels + channel) * filters + filter] as number;
  });
}
