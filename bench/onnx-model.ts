/**
 * A generator as an ONNX model (onnx/onnx.proto, operators of version 13), for other runtimes to be measured with. Planes of
 * pixels instead of pixels of channels, as those runtimes compute, and no transposition: the last dense layer writes planes.
 */
import { PbfWriter } from 'pbf';
import { LEAKY_SLOPE, type Activation, type GeneratorPlan } from '../shared/model/generator.ts';

/** Numbers of the fields that are written. */
const MODEL = { irVersion: 1, producerName: 2, graph: 7, opsetImport: 8 } as const;
const OPERATOR_SET = { version: 2 } as const;
const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12 } as const;
const NODE = { input: 1, output: 2, name: 3, opType: 4, attribute: 5 } as const;
const ATTRIBUTE = { name: 1, f: 2, i: 3, s: 4, ints: 8, type: 20 } as const;
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, ints: 7 } as const;
const TENSOR = { dims: 1, dataType: 2, name: 8, rawData: 9 } as const;
const VALUE_INFO = { name: 1, type: 2 } as const;
const TYPE = { tensor: 1 } as const;
const TENSOR_TYPE = { elementType: 1, shape: 2 } as const;
const SHAPE = { dimension: 1 } as const;
const DIMENSION = { value: 1, parameter: 2 } as const;
const FLOAT32 = 1;
const INT64 = 7;
const IR_VERSION = 7;
const OPSET = 13;

export const ONNX_INPUT = 'latent_and_label';
export const ONNX_OUTPUT = 'image';

/** By name: a float, a whole number (bigint), a text, or several whole numbers. */
type Attributes = Readonly<Record<string, number | bigint | string | readonly number[]>>;

interface Node {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Attributes;
}

interface Initializer {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: Float32Array | BigInt64Array;
}

const ACTIVATIONS: Readonly<
  Record<Activation, readonly [type: string, attributes: Attributes] | null>
> = {
  linear: null,
  relu: ['Relu', {}],
  leakyRelu: ['LeakyRelu', { alpha: LEAKY_SLOPE }],
  sigmoid: ['Sigmoid', {}],
  tanh: ['Tanh', {}],
};

/**
 * Encodes a generator: [batch, inputSize] to [batch, channels, height, width], in float32.
 *
 * @param weights  Of the plan, in its order and shapes.
 * @throws Error   When a reshape follows anything but a dense layer, which no preset has.
 */
export function encodeOnnx(plan: GeneratorPlan, weights: readonly Float32Array[]): Uint8Array {
  const nodes: Node[] = [];
  const initializers: Initializer[] = [];
  let from = ONNX_INPUT;
  const add = (type: string, inputs: readonly string[], attributes: Attributes = {}): void => {
    const output = `${type}_${nodes.length}`;
    nodes.push({ type, inputs: [from, ...inputs], output, attributes });
    from = output;
  };
  const activate = (activation: Activation): void => {
    const found = ACTIVATIONS[activation];
    if (found !== null) {
      add(found[0], [], found[1]);
    }
  };
  const give = (dims: readonly number[], values: Initializer['values']): string => {
    const name = `weight_${initializers.length}`;
    initializers.push({ name, dims, values });
    return name;
  };
  let next = 0;
  const take = (): Float32Array => weights[next++] as Float32Array;
  const { layers } = plan.config;
  for (const [index, layer] of layers.entries()) {
    const shape = plan.shapes[index] as readonly number[];
    switch (layer.type) {
      case 'dense': {
        const [inputs = 0] = shape;
        const [kernel, bias] = [take(), take()];
        const reshape = layers[index + 1];
        const order = reshape?.type === 'reshape' ? orderPlanes(reshape.shape) : null;
        add('Gemm', [
          give([inputs, layer.units], reorder(kernel, layer.units, order)),
          give([layer.units], reorder(bias, layer.units, order)),
        ]);
        activate(layer.activation);
        break;
      }
      case 'reshape': {
        if (layers[index - 1]?.type !== 'dense') {
          throw new Error(`layer ${index}: expected a dense layer before a reshape`);
        }
        const [height, width, channels] = layer.shape;
        add('Reshape', [give([4], BigInt64Array.from([-1, channels, height, width].map(BigInt)))]);
        break;
      }
      case 'conv2d': {
        const { filters, kernelSize: size } = layer;
        const channels = shape[2] as number;
        const [kernel, bias] = [take(), take()];
        const pad = (size - 1) / 2;
        add(
          'Conv',
          [
            give(
              [filters, channels, size, size],
              turnKernel(kernel, size * size, channels, filters),
            ),
            give([filters], bias),
          ],
          {
            kernel_shape: [size, size],
            pads: [pad, pad, pad, pad],
          },
        );
        activate(layer.activation);
        break;
      }
      case 'depthToSpace':
        add('DepthToSpace', [], { blocksize: BigInt(layer.blockSize), mode: 'DCR' });
        break;
    }
  }
  add('Identity', []);
  const [height, width, channels] = plan.outputShape;
  const named = nodes.map((node, i) =>
    i === nodes.length - 1 ? { ...node, output: ONNX_OUTPUT } : node,
  );
  const model = new PbfWriter();
  model.writeVarintField(MODEL.irVersion, IR_VERSION);
  model.writeStringField(MODEL.producerName, 'digitmint');
  model.writeMessage(
    MODEL.opsetImport,
    (version, pbf) => pbf.writeVarintField(OPERATOR_SET.version, version),
    OPSET,
  );
  model.writeMessage(
    MODEL.graph,
    (_, graph) => {
      named.forEach((node) => graph.writeMessage(GRAPH.node, writeNode, node));
      graph.writeStringField(GRAPH.name, 'generator');
      initializers.forEach((each) => graph.writeMessage(GRAPH.initializer, writeInitializer, each));
      graph.writeMessage(GRAPH.input, writeValueInfo, { name: ONNX_INPUT, dims: [plan.inputSize] });
      graph.writeMessage(GRAPH.output, writeValueInfo, {
        name: ONNX_OUTPUT,
        dims: [channels, height, width],
      });
    },
    null,
  );
  return model.finish();
}

/** For each number of planes, its place among pixels of channels. */
function orderPlanes([height, width, channels]: readonly [number, number, number]): Uint32Array {
  const places = height * width;
  return Uint32Array.from(
    { length: places * channels },
    (_, i) => (i % places) * channels + Math.floor(i / places),
  );
}

/** Puts the columns of a matrix into another order. */
function reorder(matrix: Float32Array, columns: number, order: Uint32Array | null): Float32Array {
  if (order === null) {
    return matrix;
  }
  return matrix.map((_, i) => {
    const column = i % columns;
    return matrix[i - column + (order[column] as number)] as number;
  });
}

/** [places, channels, filters] to [filters, channels, places]. */
function turnKernel(
  kernel: Float32Array,
  places: number,
  channels: number,
  filters: number,
): Float32Array {
  const turned = new Float32Array(kernel.length);
  for (let place = 0; place < places; place++) {
    for (let channel = 0; channel < channels; channel++) {
      for (let filter = 0; filter < filters; filter++) {
        turned[(filter * channels + channel) * places + place] = kernel[
          (place * channels + channel) * filters + filter
        ] as number;
      }
    }
  }
  return turned;
}

function writeNode({ type, inputs, output, attributes }: Node, pbf: PbfWriter): void {
  inputs.forEach((name) => pbf.writeStringField(NODE.input, name));
  pbf.writeStringField(NODE.output, output);
  pbf.writeStringField(NODE.name, output);
  pbf.writeStringField(NODE.opType, type);
  Object.entries(attributes).forEach((attribute) =>
    pbf.writeMessage(NODE.attribute, writeAttribute, attribute),
  );
}

function writeAttribute(
  [name, value]: readonly [string, Attributes[string]],
  pbf: PbfWriter,
): void {
  pbf.writeStringField(ATTRIBUTE.name, name);
  if (typeof value === 'number') {
    pbf.writeFloatField(ATTRIBUTE.f, value);
    pbf.writeVarintField(ATTRIBUTE.type, ATTRIBUTE_TYPE.float);
  } else if (typeof value === 'bigint') {
    pbf.writeVarintField(ATTRIBUTE.i, Number(value));
    pbf.writeVarintField(ATTRIBUTE.type, ATTRIBUTE_TYPE.int);
  } else if (typeof value === 'string') {
    pbf.writeStringField(ATTRIBUTE.s, value);
    pbf.writeVarintField(ATTRIBUTE.type, ATTRIBUTE_TYPE.string);
  } else {
    value.forEach((each) => pbf.writeVarintField(ATTRIBUTE.ints, each));
    pbf.writeVarintField(ATTRIBUTE.type, ATTRIBUTE_TYPE.ints);
  }
}

function writeInitializer({ name, dims, values }: Initializer, pbf: PbfWriter): void {
  dims.forEach((size) => pbf.writeVarintField(TENSOR.dims, size));
  pbf.writeVarintField(TENSOR.dataType, values instanceof Float32Array ? FLOAT32 : INT64);
  pbf.writeStringField(TENSOR.name, name);
  pbf.writeBytesField(
    TENSOR.rawData,
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  );
}

function writeValueInfo(
  { name, dims }: { name: string; dims: readonly number[] },
  pbf: PbfWriter,
): void {
  pbf.writeStringField(VALUE_INFO.name, name);
  pbf.writeMessage(
    VALUE_INFO.type,
    (_, type) =>
      type.writeMessage(
        TYPE.tensor,
        (__, tensor) => {
          tensor.writeVarintField(TENSOR_TYPE.elementType, FLOAT32);
          tensor.writeMessage(TENSOR_TYPE.shape, writeShape, dims);
        },
        null,
      ),
    null,
  );
}

/** The batch's size is left open. */
function writeShape(dims: readonly number[], pbf: PbfWriter): void {
  pbf.writeMessage(
    SHAPE.dimension,
    (_, batch) => batch.writeStringField(DIMENSION.parameter, 'batch'),
    null,
  );
  dims.forEach((size) =>
    pbf.writeMessage(
      SHAPE.dimension,
      (_, one) => one.writeVarintField(DIMENSION.value, size),
      null,
    ),
  );
}
