/** Copies of tensors on a GPU, which need no kernel: a driver copies ranges of buffers. */
import type { TensorInfo } from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { sizeOf } from '../../../shared/model/generator.ts';
import type { Kernel } from './program.ts';

/** The parts of the backend that its types leave out. Source: its `dist/backend_webgpu.js`. */
interface Recorder {
  readonly commandEncoder: {
    copyBufferToBuffer(from: Buffer, start: number, to: Buffer, at: number, size: number): void;
  };
  /** Tensors that are not freed before the commands are submitted. */
  readonly commandQueueOwnedIds: WeakSet<object>;
  readonly tensorMap: { get(dataId: object): { readonly resource: Buffer } };
}

type Buffer = object;

const BYTES = 4;

interface Range {
  readonly from: TensorInfo;
  readonly to: TensorInfo;
  /** In numbers. */
  readonly start: number;
  readonly at: number;
  readonly count: number;
}

function copy(backend: WebGPUBackend, ranges: readonly Range[]): void {
  for (const { from, to } of ranges) {
    backend.uploadToGPU(from.dataId);
    backend.uploadToGPU(to.dataId);
  }
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  const recorder = backend as unknown as Recorder;
  for (const { from, to, start, at, count } of ranges) {
    const [source, target] = [from, to].map((each) => {
      recorder.commandQueueOwnedIds.add(each.dataId);
      return recorder.tensorMap.get(each.dataId).resource;
    }) as [Buffer, Buffer];
    recorder.commandEncoder.copyBufferToBuffer(
      source,
      start * BYTES,
      target,
      at * BYTES,
      count * BYTES,
    );
  }
}

/** Copies consecutive parts of a tensor, of shape [size] each. */
export function copyParts(backend: WebGPUBackend, from: TensorInfo, sizes: readonly number[]) {
  let start = 0;
  const ranges = sizes.map((count): Range => {
    const to = backend.makeTensorInfo([count], 'float32');
    start += count;
    return { from, to, start: start - count, at: 0, count };
  });
  copy(backend, ranges);
  return ranges.map(({ to }) => to);
}

export const split: Kernel = ({ inputs, backend, attrs = {} }) =>
  copyParts(backend, inputs['x'] as TensorInfo, attrs['sizes'] as number[]);

/** Inputs are named by their places. */
export const join: Kernel = ({ inputs, backend }) => {
  const parts = Object.values(inputs);
  const counts = parts.map(({ shape }) => sizeOf(shape));
  const to = backend.makeTensorInfo([counts.reduce((sum, count) => sum + count, 0)], 'float32');
  let at = 0;
  const ranges = parts.map((from, i): Range => {
    const count = counts[i] as number;
    at += count;
    return { from, to, start: 0, at: at - count, count };
  });
  copy(backend, ranges);
  return to;
};
