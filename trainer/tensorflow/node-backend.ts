/**
 * The parts of tfjs-node beyond TensorFlow.js's own interface that are used here. Source: its
 * `dist/nodejs_kernel_backend.d.ts` and `dist/tfjs_binding.d.ts`.
 */
import * as tf from '@tensorflow/tfjs';

/** A setting of an operation. */
export interface OpAttribute {
  readonly name: string;
  /** One of the binding's `TF_ATTR_`. */
  readonly type: number;
  readonly value: unknown;
}

/** A tensor as the binding knows it. */
export interface TensorMetadata {
  /** No later tensor has the same. */
  readonly id: number;
  readonly shape: number[];
  /** A number of tensorflow/core/framework/types.proto. */
  readonly dtype: number;
}

/** The native calls into TensorFlow. Its properties are read-only. */
export interface Binding {
  createTensor(shape: readonly number[], type: number, values: ArrayBufferView): number;
  executeOp(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): readonly TensorMetadata[];
  tensorDataSync(id: number): ArrayBufferView;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_UINT8: number;
  readonly TF_STRING: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
}

/** TensorFlow.js's backend. */
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

/** Gets the current backend. @throws Error  When it is not tfjs-node. */
export function getNodeBackend(): NodeBackend {
  if (tf.getBackend() !== 'tensorflow') {
    throw new Error(`tfjs-node is needed, the backend is ${tf.getBackend()}`);
  }
  return tf.backend() as unknown as NodeBackend;
}
