/**
 * Records a computation on tfjs-node as one graph of TensorFlow, which then runs in one call. That
 * spares the way into TensorFlow for each operation, and independent operations run side by side.
 * Kernels and sums keep their order, so results keep their bits.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import {
  encodeSavedModel,
  FILE_NAME,
  KINDS,
  TAG,
  type Attribute,
  type GraphNode,
  type TensorValue,
} from './saved-model.ts';

/**
 * The parts of tfjs-node beyond TensorFlow.js's own interface that are used here. Source: its
 * `dist/nodejs_kernel_backend.d.ts` and `dist/tfjs_binding.d.ts`.
 */
export interface NodeBackend {
  binding: Binding;
  readonly isUsingGpuDevice: boolean;
  readonly tensorMap: { get(dataId: object): { readonly dtype: number } };
  createOutputTensor(metadata: TensorMetadata): tf.Tensor;
  executeSingleOutput(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly tf.Tensor[],
  ): tf.Tensor;
  getInputTensorIds(tensors: readonly tf.Tensor[]): number[];
  loadSavedModelMetaGraph(path: string, tags: string): number;
  runSavedModel(
    id: number,
    inputs: readonly tf.Tensor[],
    infos: readonly { readonly name: string }[],
    outputs: readonly string[],
  ): tf.Tensor[];
  deleteSavedModel(id: number): void;
}

/** The native calls into TensorFlow. Its properties are read-only. */
interface Binding extends Readonly<Record<`TF_${'FLOAT' | 'INT32' | 'UINT8' | 'STRING'}`, number>> {
  readonly TF_Version: string;
  createTensor(shape: readonly number[], type: number, values: ArrayBufferView): number;
  executeOp(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): readonly TensorMetadata[];
  tensorDataSync(id: number): ArrayBufferView;
}

interface OpAttribute extends Attribute {
  readonly name: string;
}

interface TensorMetadata {
  /** No later tensor has the same. */
  readonly id: number;
  readonly shape: number[];
  /** A number of tensorflow/core/framework/types.proto. */
  readonly dtype: number;
}

/** Gets the current backend. @throws Error  When it is not tfjs-node. */
export function getNodeBackend(): NodeBackend {
  if (tf.getBackend() !== 'tensorflow') {
    throw new Error(`tfjs-node is needed, the backend is ${tf.getBackend()}`);
  }
  return tf.backend() as unknown as NodeBackend;
}

export type Graph = ReturnType<typeof buildGraph>;

/** True on tfjs-node on the CPU. A GPU would copy a graph's inputs and outputs to and fro. */
export function canRecordGraphs(): boolean {
  return tf.getBackend() === 'tensorflow' && !getNodeBackend().isUsingGpuDevice;
}

/**
 * Computes something and records it.
 * @param inputs   Everything that differs from run to run. Numbers and other tensors become
 *                 constants of the graph.
 * @param compute  Uses no other tensors from outside, reads none, and does the same operations
 *                 whatever the inputs hold. The caller owns its results.
 * @returns        Makes the graph. Throws when TensorFlow does not take it.
 */
export function recordGraph(inputs: readonly tf.Tensor[], compute: () => readonly tf.Tensor[]) {
  const backend = getNodeBackend();
  const { binding } = backend;
  const recording = startRecording(backend, inputs);
  backend.binding = recording.binding;
  try {
    const outputs = backend.getInputTensorIds(compute()).map((id) => recording.names.get(id));
    return () => buildGraph(backend, recording, outputs);
  } finally {
    backend.binding = binding;
  }
}

function startRecording(backend: NodeBackend, inputs: readonly tf.Tensor[]) {
  const { binding } = backend;
  const nodes: GraphNode[] = [];
  /** The name of each tensor, `node:output`, by the tensor's id. */
  const names = new Map<number, string>();
  /** Single numbers, in the order of the outputs of {@link NUMBERS}. */
  const numbers: number[] = [];
  /** Why the computation cannot become a graph. */
  const faults: string[] = [];
  const add = (op: string, from: readonly string[], attributes: GraphNode['attributes']) => {
    const name = `${op}_${nodes.length}`;
    nodes.push({ name, op, inputs: from, attributes });
    return name;
  };
  const inputNames = backend.getInputTensorIds(inputs).map((id, i) => {
    const { dataId, shape } = inputs[i] as tf.Tensor;
    const name = `${add('Placeholder', [], {
      dtype: { type: KINDS.type, value: backend.tensorMap.get(dataId).dtype },
      shape: { type: KINDS.shape, value: shape },
    })}:0`;
    names.set(id, name);
    return name;
  });
  const methods: Pick<Binding, 'createTensor' | 'executeOp' | 'tensorDataSync'> = {
    createTensor(shape, type, values) {
      const id = binding.createTensor(shape, type, values);
      if (type === binding.TF_STRING) {
        faults.push('it has texts');
      } else if (type === binding.TF_FLOAT && shape.length === 0) {
        const count = numbers.push((values as Float32Array)[0] as number);
        names.set(id, `${NUMBERS}:${count - 1}`);
      } else {
        const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
        const constant: TensorValue = { type, shape: [...shape], bytes };
        const dtype = { type: KINDS.type, value: type };
        const value = { type: KINDS.tensor, value: constant };
        names.set(id, `${add('Const', [], { dtype, value })}:0`);
      }
      return id;
    },
    executeOp(op, attributes, ids, count) {
      const outputs = binding.executeOp(op, attributes, ids, count);
      const from = ids.map((id) => names.get(id));
      if (from.includes(undefined)) {
        faults.push(`${op} takes a tensor that is no input`);
      } else {
        const settings = Object.fromEntries(attributes.map((each) => [each.name, each]));
        const name = add(op, from as string[], { ...settings, ...NOT_OPTIMIZED });
        outputs.forEach(({ id }, place) => names.set(id, `${name}:${place}`));
      }
      return outputs;
    },
    tensorDataSync(id) {
      faults.push('it reads a tensor');
      return binding.tensorDataSync(id);
    },
  };
  // The binding's own properties are read-only, so they cannot be assigned to.
  const properties = Object.entries(methods).map(([name, value]) => [name, { value }]);
  const recorder = Object.create(binding, Object.fromEntries(properties)) as Binding;
  return { binding: recorder, nodes, names, inputNames, numbers, faults };
}

/**
 * The node that single numbers come from. They are one more input, because TensorFlow's optimizer
 * computes with constants: it turns a division by 255 into a product, whose last bit may differ.
 */
const NUMBERS = 'Numbers';
const NUMBERS_INPUT = 'NumbersInput';

/** Keeps the optimizer from replacing an operation by one that differs in the last bits. */
const NOT_OPTIMIZED: Readonly<Record<string, Attribute>> = {
  _grappler_do_not_remove: { type: KINDS.boolean, value: true },
};

function buildGraph(
  backend: NodeBackend,
  { nodes: recorded, inputNames, numbers, faults }: ReturnType<typeof startRecording>,
  outputs: readonly (string | undefined)[],
) {
  if (faults.length > 0 || outputs.includes(undefined)) {
    throw new Error(faults[0] ?? 'an output was not computed');
  }
  const nodes = [...recorded];
  if (numbers.length > 0) {
    const type = { type: KINDS.type, value: backend.binding.TF_FLOAT };
    const shape = { type: KINDS.shape, value: [numbers.length] };
    const num = { type: KINDS.integer, value: numbers.length };
    const input = { dtype: type, shape };
    nodes.push({ name: NUMBERS_INPUT, op: 'Placeholder', inputs: [], attributes: input });
    const [inputs, attributes] = [[`${NUMBERS_INPUT}:0`], { T: type, num }];
    nodes.push({ name: NUMBERS, op: 'Unpack', inputs, attributes });
  }
  // TensorFlow refuses an input that no node uses.
  const used = new Set(nodes.flatMap((node) => node.inputs));
  const names = [...inputNames, `${NUMBERS_INPUT}:0`];
  const infos = names.filter((name) => used.has(name)).map((name) => ({ name }));
  const id = load(backend, nodes);
  const values = tf.keep(tf.tensor1d(Float32Array.from(numbers)));
  return {
    /**
     * Computes once more, with other tensors of the same types and shapes.
     * @param inputs  As many as were recorded, in the same order. Not disposed.
     * @returns       In the order of the recording. The caller disposes them.
     */
    run(inputs: readonly tf.Tensor[]): tf.Tensor[] {
      const taken = [...inputs, values].filter((_, i) => used.has(names[i] as string));
      return backend.runSavedModel(id, taken, infos, outputs as string[]);
    },
    release(): void {
      backend.deleteSavedModel(id);
      values.dispose();
    },
  };
}

/** Loads a graph from a temporary folder, since the binding reads graphs from nothing else. */
function load(backend: NodeBackend, nodes: readonly GraphNode[]): number {
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), 'digitmint-graph-'));
    writeFileSync(join(folder, FILE_NAME), encodeSavedModel(nodes));
    return backend.loadSavedModelMetaGraph(folder, TAG);
  } catch (cause) {
    throw new Error((cause as Error).message, { cause });
  } finally {
    if (folder !== undefined) {
      rmSync(folder, { recursive: true });
    }
  }
}
