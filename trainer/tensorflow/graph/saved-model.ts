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

/** A setting of an operation: its kind, and its value as tfjs-node takes it. */
export interface Attribute {
  /** One of {@link KINDS}. */
  readonly type: number;
  readonly value: unknown;
}

/** Kinds of settings, as in tensorflow/c/tf_attrtype.h. */
export const KINDS = { text: 0, integer: 1, float: 2, boolean: 3, type: 4, shape: 5, tensor: 6 };

/** A constant: its type in types.proto, and its numbers row by row, little-endian. */
export interface TensorValue {
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

/** @throws Error  For a setting of a kind that no operation of a training step has. */
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
      writeNested(pbf, ENTRY.value, () => writeAttribute(pbf, op, attribute));
    });
  }
}

function writeAttribute(pbf: PbfWriter, op: string, { type, value }: Attribute): void {
  const isList = Array.isArray(value) && type !== KINDS.shape;
  if (isList && type === KINDS.integer) {
    return writeNested(pbf, VALUE.list, () => pbf.writePackedVarint(LIST.integers, value));
  }
  switch (isList ? undefined : type) {
    case KINDS.text:
      return pbf.writeBytesField(VALUE.text, Buffer.from(value as string));
    case KINDS.integer:
      return pbf.writeVarintField(VALUE.integer, value as number);
    case KINDS.float:
      return pbf.writeFloatField(VALUE.float, value as number);
    case KINDS.boolean:
      return pbf.writeVarintField(VALUE.boolean, Number(value));
    case KINDS.type:
      return pbf.writeVarintField(VALUE.type, value as number);
    case KINDS.shape:
      return writeShape(pbf, VALUE.shape, value as number[]);
    case KINDS.tensor:
      return writeNested(pbf, VALUE.tensor, () => {
        const { type: numbers, shape, bytes } = value as TensorValue;
        pbf.writeVarintField(TENSOR.type, numbers);
        writeShape(pbf, TENSOR.shape, shape);
        pbf.writeBytesField(TENSOR.bytes, bytes);
      });
    default:
      throw new Error(`${op} has a setting of an unknown kind`);
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
