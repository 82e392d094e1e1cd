/**
 * A data set's images on tfjs-node, a byte a number as they are: TensorFlow.js itself has no such tensors.
 */
import * as tf from '@tensorflow/tfjs';
import type { PixelRange } from '../../shared/pixels.ts';
import type { Dataset } from '../dataset/dataset.ts';
import { getNodeBackend } from './node-backend.ts';

/**
 * Puts the images on the backend: as many bytes as they have.
 *
 * @returns  [count, height, width, channels]. Only for {@link gatherDeviceImages}; the caller disposes it.
 */
export function uploadImages({ images, count, height, width, channels }: Dataset): tf.Tensor4D {
  const { binding, createOutputTensor } = getNodeBackend();
  const shape = [count, height, width, channels];
  const metadata = { id: binding.createTensor(shape, binding.TF_UINT8, images), shape, dtype: binding.TF_UINT8 };
  return createOutputTensor.call(getNodeBackend(), metadata) as tf.Tensor4D;
}

/**
 * Picks images and maps their bytes to a range.
 *
 * @param images   From {@link uploadImages}. Not disposed.
 * @param indices  Places in the data set, [batch], int32. Not disposed.
 * @returns        [batch, height, width, channels]; of the ranges of the presets with the bits of `decodePixels`, though it
 *                 computes in float32. The caller disposes it.
 */
export function gatherDeviceImages(images: tf.Tensor4D, indices: tf.Tensor1D, [low, high]: PixelRange): tf.Tensor4D {
  const backend = getNodeBackend();
  const { TF_ATTR_TYPE: type, TF_ATTR_INT: int, TF_ATTR_BOOL: bool, TF_UINT8: uint8, TF_INT32: int32 } = backend.binding;
  return tf.tidy(() => {
    const picking = [
      { name: 'Tparams', type, value: uint8 },
      { name: 'Tindices', type, value: int32 },
      { name: 'Taxis', type, value: int32 },
      { name: 'batch_dims', type: int, value: 0 },
    ];
    const bytes = backend.executeSingleOutput('GatherV2', picking, [images, indices, tf.scalar(0, 'int32')]);
    const casting = [
      { name: 'SrcT', type, value: uint8 },
      { name: 'DstT', type, value: backend.binding.TF_FLOAT },
      { name: 'Truncate', type: bool, value: false },
    ];
    let values = backend.executeSingleOutput('Cast', casting, [bytes]);
    // Whole numbers, exact, to the end; then one rounding.
    values = high - low === 1 ? values : tf.mul(values, high - low);
    values = low === 0 ? values : tf.add(values, 255 * low);
    return tf.div(values, 255);
  });
}
