/**
 * Keeps a data set's images on tfjs-node as bytes, a type that TensorFlow.js lacks. A recorded step
 * picks them by tensors, because JavaScript numbers become constants of the graph.
 */
import * as tf from '@tensorflow/tfjs';
import { tabulatePixels, type PixelRange } from '../../../shared/picture/pixels.ts';
import type { Dataset } from '../../data/dataset.ts';
import { getNodeBackend } from './graph.ts';
import { KINDS } from './saved-model.ts';

/**
 * Puts the images on the backend, for {@link gatherDeviceImages} only.
 * @returns  Bytes, [count, height, width, channels]; the caller disposes it.
 */
export function uploadImages({ images, count, height, width, channels }: Dataset): tf.Tensor4D {
  const backend = getNodeBackend();
  const [shape, dtype] = [[count, height, width, channels], backend.binding.TF_UINT8];
  const id = backend.binding.createTensor(shape, dtype, images);
  return backend.createOutputTensor({ id, shape, dtype }) as tf.Tensor4D;
}

/**
 * Picks images and maps their bytes to a range.
 * @param images   From {@link uploadImages}. Not disposed.
 * @param indices  Places in the data set, [batch], int32. Not disposed.
 * @returns        [batch, height, width, channels], float32; the caller disposes it. In the ranges
 *                 of the presets it has the bits of `decodePixels`.
 */
export function gatherDeviceImages(
  images: tf.Tensor4D,
  indices: tf.Tensor1D,
  range: PixelRange,
): tf.Tensor4D {
  const backend = getNodeBackend();
  const { binding } = backend;
  const type = (name: string, value: number) => ({ name, type: KINDS.type, value });
  return tf.tidy(() => {
    const axis = tf.scalar(0, 'int32');
    const gather = (values: tf.Tensor, dtype: number, places: tf.Tensor): tf.Tensor => {
      const attributes = [
        type('Tparams', dtype),
        type('Tindices', binding.TF_INT32),
        type('Taxis', binding.TF_INT32),
        { name: 'batch_dims', type: KINDS.integer, value: 0 },
      ];
      return backend.executeSingleOutput('GatherV2', attributes, [values, places, axis]);
    };
    const bytes = gather(images, binding.TF_UINT8, indices);
    const casting = [
      type('SrcT', binding.TF_UINT8),
      type('DstT', binding.TF_INT32),
      { name: 'Truncate', type: KINDS.boolean, value: false },
    ];
    const places = backend.executeSingleOutput('Cast', casting, [bytes]);
    const table = tf.tensor1d(tabulatePixels(range));
    return gather(table, binding.TF_FLOAT, places) as tf.Tensor4D;
  });
}
