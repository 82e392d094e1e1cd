/**
 * Encodes a list of operations as the file that TensorFlow loads: tensorflow/core/protobuf's
 * saved_model.proto with one graph (framework/graph.proto) and no variables.
 */
import { PbfWriter } from 'pbf';

export interface GraphNode {
  readonly name: string;
  /** TensorFlow's name of the kernel. */
  readonly op: string;
  /** Outputs of earlier nodes, each as `node:output`. */
  readonly inputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A setting of an operation, by its kind in tensorflow/core/framework/attr_value.proto. */
export type Attribute =
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'integer' | 'float' | 'type'; readonly value: number }
  | { readonly kind: 'integers' | 'shape'; readonly value: readonly number[] }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'tensor'; readonly value: TensorValue };

/** A constant: its type in types.proto, and its numbers row by row, little-endian. */
interface TensorValue {
  readonly type: number;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** The tag that the graph is loaded by, and the file's name in its folder. */
export const TAG = 'serve';
export const FILE_NAME = 'saved_model.pb';

/** Numbers of the fields that are written, by message. */
const SAVED_MODEL = { version: 1, metaGraph: 2 } as const;
const META_GRAPH = { info: 1, graph: 2 } as const;
const INFO = { tag: 4 } as const;
const GRAPH = { node: 1, versions: 4 } as const;
const VERSIONS = { producer: 1 } as const;
const NODE = { name: 1, op: 2, input: 3, attribute: 5 } as const;
const ENTRY = { key: 1, value: 2 } as const;
const VALUE = { list: 1, text: 2, integer: 3, float: 4, boolean: 5, type: 6, shape: 7, tensor: 8 };
const LIST = { integers: 3 } as const;
const SHAPE = { dimension: 2 } as const;
const DIMENSION = { size: 1 } as const;
const TENSOR = { type: 1, shape: 2, bytes: 4 } as const;

const SCHEMA_VERSION = 1;
/** Rules for reading the graph: those of TensorFlow 2.13, which later releases know too. */
const GRAPH_VERSION = 1482;

export function encodeSavedModel(nodes: readonly GraphNode[]): Uint8Array {
  const pbf = new PbfWriter();
  pbf.writeVarintField(SAVED_MODEL.version, SCHEMA_VERSION);
  writeNested(pbf, SAVED_MODEL.metaGraph, () => {
    writeNested(pbf, META_GRAPH.info, () => pbf.writeStringField(INFO.tag, TAG));
    writeNested(pbf, META_GRAPH.graph, () => {
      for (const node of nodes) {
        writeNested(pbf, GRAPH.node, () => writeNode(pbf, node));
      }
      writeNested(pbf, GRAPH.versions, () =>
        pbf.writeVarintField(VERSIONS.producer, GRAPH_VERSION),
      );
    });
  });
  return pbf.finish();
}

function writeNode(pbf: PbfWriter, { name, op, inputs, attributes }: GraphNode): void {
  pbf.writeStringField(NODE.name, name);
  pbf.writeStringField(NODE.op, op);
  for (const input of inputs) {
    pbf.writeStringField(NODE.input, input);
  }
  for (const [key, attribute] of Object.entries(attributes)) {
    writeNested(pbf, NODE.attribute, () => {
      pbf.writeStringField(ENTRY.key, key);
      writeNested(pbf, ENTRY.value, () => writeAttribute(pbf, attribute));
    });
  }
}

function writeAttribute(pbf: PbfWriter, { kind, value }: Attribute): void {
  switch (kind) {
    case 'text':
      return pbf.writeBytesField(VALUE.text, Buffer.from(value));
    case 'integer':
    case 'type':
      return pbf.writeVarintField(VALUE[kind], value);
    case 'integers':
      return writeNested(pbf, VALUE.list, () => pbf.writePackedVarint(LIST.integers, [...value]));
    case 'float':
      return pbf.writeFloatField(VALUE.float, value);
    case 'boolean':
      return pbf.writeVarintField(VALUE.boolean, Number(value));
    case 'shape':
      return writeShape(pbf, VALUE.shape, value);
    case 'tensor':
      return writeNested(pbf, VALUE.tensor, () => {
        pbf.writeVarintField(TENSOR.type, value.type);
        writeShape(pbf, TENSOR.shape, value.shape);
        pbf.writeBytesField(TENSOR.bytes, value.bytes);
      });
  }
}

function writeShape(pbf: PbfWriter, field: number, shape: readonly number[]): void {
  writeNested(pbf, field, () => {
    for (const size of shape) {
      writeNested(pbf, SHAPE.dimension, () => pbf.writeVarintField(DIMENSION.size, size));
    }
  });
}

function writeNested(pbf: PbfWriter, field: number, write: () => void): void {
  pbf.writeMessage(field, write, undefined);
}
