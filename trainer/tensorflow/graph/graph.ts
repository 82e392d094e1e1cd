/**
 * A computation on tfjs-node as one graph of TensorFlow's: recorded while TensorFlow.js does it operation by operation, then
 * run in one call, which spares what TensorFlow.js and the way into TensorFlow cost for each operation and lets operations that
 * do not wait for each other run side by side. A graph has the same kernels in the same order of every sum, so its results
 * have the same bits.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import {
  getNodeBackend,
  type Binding,
  type NodeBackend,
  type OpAttribute,
} from '../node-backend.ts';
import { encodeSavedModel, FILE_NAME, TAG, type Attribute, type GraphNode } from './saved-model.ts';

/** A computation that was recorded. */
export interface Graph {
  /**
   * Does it once more, with other tensors of the same types and shapes.
   *
   * @param inputs  As many as were recorded, in the same order. Not disposed.
   * @returns       In the order of the record. The caller disposes them.
   */
  run(inputs: readonly tf.Tensor[]): tf.Tensor[];
  /** Frees it. */
  release(): void;
}

/** A computation cannot be made a graph. */
export class GraphError extends Error {
  override name = 'GraphError' as const;
}

/**
 * Whether computations can be recorded: on tfjs-node, on the CPU. On a GPU a graph's inputs and outputs would be copied from
 * the device and back.
 */
export function canRecordGraphs(): boolean {
  return tf.getBackend() === 'tensorflow' && !getNodeBackend().isUsingGpuDevice;
}

/**
 * Computes something and records it.
 *
 * @param inputs   What differs when it is done again; numbers and all other tensors that it makes count as constants.
 * @param compute  Uses no other tensors from outside, reads none, and does the same operations whatever the inputs hold. What it
 *                 returns is the caller's.
 * @returns        Makes it a graph. Throws GraphError where TensorFlow does not take it.
 */
export function recordGraph(
  inputs: readonly tf.Tensor[],
  compute: () => readonly tf.Tensor[],
): () => Graph {
  const backend = getNodeBackend();
  const { binding } = backend;
  const recorder = createRecorder(backend, inputs);
  backend.binding = recorder.binding;
  try {
    const outputs = backend.getInputTensorIds(compute()).map((id) => recorder.names.get(id));
    return () => buildGraph(backend, recorder, outputs);
  } finally {
    backend.binding = binding;
  }
}

interface Recorder {
  /** The backend's, listened to. */
  readonly binding: Binding;
  readonly nodes: readonly GraphNode[];
  /** By a tensor's number: the output that it is. */
  readonly names: ReadonlyMap<number, string>;
  readonly inputNames: readonly string[];
  /** Single numbers, outputs of {@link NUMBERS} in their order. */
  readonly numbers: readonly number[];
  /** Why it cannot become a graph. */
  readonly fault: () => string | undefined;
}

function createRecorder(backend: NodeBackend, inputs: readonly tf.Tensor[]): Recorder {
  const { binding } = backend;
  const nodes: GraphNode[] = [];
  const names = new Map<number, string>();
  const numbers: number[] = [];
  let fault: string | undefined;
  const add = (
    op: string,
    from: readonly string[],
    attributes: Record<string, Attribute>,
  ): string => {
    const name = `${op}_${nodes.length}`;
    nodes.push({ name, op, inputs: from, attributes });
    return name;
  };
  const inputNames = backend.getInputTensorIds(inputs).map((id, i) => {
    const { dataId, shape } = inputs[i] as tf.Tensor;
    const type: Attribute = { kind: 'type', value: backend.tensorMap.get(dataId).dtype };
    names.set(
      id,
      `${add('Placeholder', [], { dtype: type, shape: { kind: 'shape', value: shape } })}:0`,
    );
    return names.get(id) as string;
  });
  const methods: Pick<Binding, 'createTensor' | 'executeOp' | 'tensorDataSync'> = {
    createTensor(shape, type, values) {
      const id = binding.createTensor(shape, type, values);
      if (type === binding.TF_STRING) {
        fault ??= 'it has texts';
      } else if (type === binding.TF_FLOAT && shape.length === 0) {
        names.set(id, `${NUMBERS}:${numbers.push((values as Float32Array)[0] as number) - 1}`);
      } else {
        const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
        const value: Attribute = { kind: 'tensor', value: { type, shape: [...shape], bytes } };
        names.set(id, `${add('Const', [], { dtype: { kind: 'type', value: type }, value })}:0`);
      }
      return id;
    },
    executeOp(op, attributes, ids, count) {
      const outputs = binding.executeOp(op, attributes, ids, count);
      const from = ids.map((id) => names.get(id));
      const settings = attributes.map(
        (attribute) => [attribute.name, readAttribute(binding, attribute)] as const,
      );
      if (from.includes(undefined)) {
        fault ??= `${op} takes a tensor that is no input`;
      } else if (settings.some(([, setting]) => setting === undefined)) {
        fault ??= `${op} has a setting of a kind that is not known`;
      } else {
        const name = add(op, from as string[], {
          ...Object.fromEntries(settings as [string, Attribute][]),
          ...AS_IT_IS,
        });
        outputs.forEach(({ id }, place) => names.set(id, `${name}:${place}`));
      }
      return outputs;
    },
    tensorDataSync(id) {
      fault ??= 'it reads a tensor';
      return binding.tensorDataSync(id);
    },
  };
  // The binding's own properties are read-only.
  const listening = Object.create(
    binding,
    Object.fromEntries(Object.entries(methods).map(([name, value]) => [name, { value }])),
  ) as Binding;
  return { binding: listening, nodes, names, inputNames, numbers, fault: () => fault };
}

/**
 * The node that numbers come from. They are handed in together, as an input, since TensorFlow's graph optimizer computes with
 * those that it knows: in the place of a division by 255 it puts a multiplication, whose last bit may be another.
 */
const NUMBERS = 'Numbers';
/** Where they are handed in. */
const NUMBERS_INPUT = 'NumbersInput:0';

/**
 * Keeps the same optimizer from putting other operations in the place of this one, a sum of two sums in another order
 * for instance: equal in mathematics, not in the last bits.
 */
const AS_IT_IS: Readonly<Record<string, Attribute>> = {
  _grappler_do_not_remove: { kind: 'boolean', value: true },
};

/** @returns  Undefined for a kind that no operation of a training step has. */
function readAttribute(binding: Binding, { type, value }: OpAttribute): Attribute | undefined {
  switch (type) {
    case binding.TF_ATTR_STRING:
      return { kind: 'text', value: value as string };
    case binding.TF_ATTR_INT:
      return Array.isArray(value)
        ? { kind: 'integers', value: value as number[] }
        : { kind: 'integer', value: value as number };
    case binding.TF_ATTR_FLOAT:
      return Array.isArray(value) ? undefined : { kind: 'float', value: value as number };
    case binding.TF_ATTR_BOOL:
      return Array.isArray(value) ? undefined : { kind: 'boolean', value: value as boolean };
    case binding.TF_ATTR_TYPE:
      return { kind: 'type', value: value as number };
    case binding.TF_ATTR_SHAPE:
      return { kind: 'shape', value: value as number[] };
    default:
      return undefined;
  }
}

function buildGraph(
  backend: NodeBackend,
  recorder: Recorder,
  outputs: readonly (string | undefined)[],
): Graph {
  const { inputNames, numbers } = recorder;
  const fault =
    recorder.fault() ?? (outputs.includes(undefined) ? 'an output was not computed' : undefined);
  if (fault !== undefined) {
    throw new GraphError(fault);
  }
  const nodes = [...recorder.nodes, ...listNumberNodes(numbers.length, backend.binding.TF_FLOAT)];
  const used = new Set(nodes.flatMap((node) => node.inputs));
  const names = [...inputNames, NUMBERS_INPUT];
  const takes = names.map((name) => used.has(name));
  const infos = names.filter((_, i) => takes[i]).map((name) => ({ name }));
  const id = load(backend, nodes);
  const values = tf.keep(tf.tensor1d(Float32Array.from(numbers)));
  return {
    run(inputs) {
      const taken = [...inputs, values].filter((_, i) => takes[i]);
      return backend.runSavedModel(id, taken, infos, outputs as string[]);
    },
    release() {
      backend.deleteSavedModel(id);
      values.dispose();
    },
  };
}

function listNumberNodes(count: number, float: number): GraphNode[] {
  if (count === 0) {
    return [];
  }
  const type: Attribute = { kind: 'type', value: float };
  const shape: Attribute = { kind: 'shape', value: [count] };
  const [name = ''] = NUMBERS_INPUT.split(':');
  return [
    { name, op: 'Placeholder', inputs: [], attributes: { dtype: type, shape } },
    {
      name: NUMBERS,
      op: 'Unpack',
      inputs: [NUMBERS_INPUT],
      attributes: { T: type, num: { kind: 'integer', value: count } },
    },
  ];
}

/** Loads a graph by way of a folder that is there only meanwhile: the binding takes nothing else. */
function load(backend: NodeBackend, nodes: readonly GraphNode[]): number {
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), 'digitmint-graph-'));
    writeFileSync(join(folder, FILE_NAME), encodeSavedModel(nodes));
    return backend.loadSavedModelMetaGraph(folder, TAG);
  } catch (error) {
    throw new GraphError((error as Error).message, { cause: error });
  } finally {
    if (folder !== undefined) {
      rmSync(folder, { recursive: true });
    }
  }
}
