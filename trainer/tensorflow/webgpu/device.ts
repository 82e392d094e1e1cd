/** The current GPU: the data set on it, and the work that waits for it. */
import * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { tabulatePixels, type PixelRange } from '../../../shared/picture/pixels.ts';
import type { Dataset } from '../../data/dataset.ts';
import { runFused } from '../../gan/fused.ts';

/** @returns  Undefined when another backend is the current one. */
export function findWebgpu(): WebGPUBackend | undefined {
  return tf.getBackend() === 'webgpu' ? (tf.backend() as WebGPUBackend) : undefined;
}

/** Shaders count bytes in 32 bits with a sign. */
const MAX_BYTES = 2 ** 31 - 1;

/**
 * Puts a data set's images on the GPU as bytes, so that a step sends the places of its images in
 * place of their pixels.
 * @returns  Undefined when there is no GPU, or when its buffers are too small.
 */
export function uploadImages({ images, height, width, channels }: Dataset, range: PixelRange) {
  const { maxBufferSize = 0, maxStorageBufferBindingSize = 0 } = findWebgpu()?.device.limits ?? {};
  const count = Math.ceil(images.length / Int32Array.BYTES_PER_ELEMENT);
  const room = Math.min(maxBufferSize, maxStorageBufferBindingSize, MAX_BYTES);
  if (count * Int32Array.BYTES_PER_ELEMENT > room) {
    return undefined;
  }
  const words = new Int32Array(count);
  new Uint8Array(words.buffer).set(images);
  // A variable outlives `tf.tidy`.
  const kept = tf.tidy(() =>
    [tf.tensor1d(words, 'int32'), tf.tensor1d(tabulatePixels(range))].map((tensor) =>
      tf.variable(tensor, false),
    ),
  );
  const [bytes, table] = kept as [tf.Variable, tf.Variable];
  return {
    /** Picks images as `decodeImages` does, with the same bits. The caller disposes them. */
    pick: (places: Uint32Array): tf.Tensor4D =>
      tf.tidy(() => {
        const indices = tf.tensor1d(Int32Array.from(places), 'int32');
        const inputs = { images: bytes, indices, table };
        return runFused('pickImages', inputs, { shape: [height, width, channels] });
      }),
    release: (): void => tf.dispose(kept),
  };
}

/** Steps that may wait for the GPU: it never waits for JavaScript, and its memory is bounded. */
const MAX_WAITING = 4;

/**
 * Creates a queue of steps. Call its function after each step; it waits until at most MAX_WAITING
 * are not done.
 */
export function createStepQueue(submit = submitSteps): () => Promise<void> {
  const waiting: Promise<void>[] = [];
  return async () => {
    const done = submit();
    done.catch(() => {}); // A lost device is reported when its turn comes.
    waiting.push(done);
    if (waiting.length > MAX_WAITING) {
      await waiting.shift();
    }
  };
}

/** Submits all operations so far. @returns  Resolves when they are done. */
export async function submitSteps(): Promise<void> {
  const backend = findWebgpu();
  if (backend === undefined) {
    return;
  }
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  backend.submitQueue();
  await backend.device.queue.onSubmittedWorkDone();
}
