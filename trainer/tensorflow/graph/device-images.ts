/**
 * A data set's images on tfjs-node, a byte a number as they are (TensorFlow.js itself has no such tensors), and their way into a
 * step, without a number that differs from step to step.
 */
import * as tf from '@tensorflow/tfjs';
import type { PixelRange } from '../../../shared/picture/pixels.ts';
import type { Dataset } from '../../data/dataset.ts';
import type { TrainingConfig } from '../../gan/preset.ts';
import type { Shift } from '../../gan/step.ts';
import { getNodeBackend } from '../node-backend.ts';

/**
 * Puts the images on the backend: as many bytes as they have.
 *
 * @returns  [count, height, width, channels]. Only for {@link gatherDeviceImages}; the caller disposes it.
 */
export function uploadImages({ images, count, height, width, channels }: Dataset): tf.Tensor4D {
  const { binding, createOutputTensor } = getNodeBackend();
  const shape = [count, height, width, channels];
  const metadata = {
    id: binding.createTensor(shape, binding.TF_UINT8, images),
    shape,
    dtype: binding.TF_UINT8,
  };
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
export function gatherDeviceImages(
  images: tf.Tensor4D,
  indices: tf.Tensor1D,
  [low, high]: PixelRange,
): tf.Tensor4D {
  const backend = getNodeBackend();
  const {
    TF_ATTR_TYPE: type,
    TF_ATTR_INT: int,
    TF_ATTR_BOOL: bool,
    TF_UINT8: uint8,
    TF_INT32: int32,
  } = backend.binding;
  return tf.tidy(() => {
    const picking = [
      { name: 'Tparams', type, value: uint8 },
      { name: 'Tindices', type, value: int32 },
      { name: 'Taxis', type, value: int32 },
      { name: 'batch_dims', type: int, value: 0 },
    ];
    const bytes = backend.executeSingleOutput('GatherV2', picking, [
      images,
      indices,
      tf.scalar(0, 'int32'),
    ]);
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

/** A shift on the backend: where the moved batch begins, and where its gradient does, [4] each, int32. */
export interface DeviceShift {
  readonly there: tf.Tensor1D;
  readonly back: tf.Tensor1D;
}

/** Puts a shift on the backend. The caller disposes it. */
export function uploadShift({ down, right }: Shift, reach: number): DeviceShift {
  return {
    there: tf.tensor1d([0, down, right, 0], 'int32'),
    back: tf.tensor1d([0, 2 * reach - down, 2 * reach - right, 0], 'int32'),
  };
}

/** `createTranslation` of `trainer/gan/step.ts` with a shift that is on the backend. */
export function createDeviceTranslation(
  { translatePixels: reach, pixelRange }: Pick<TrainingConfig, 'translatePixels' | 'pixelRange'>,
  { there, back }: DeviceShift,
): (images: tf.Tensor4D) => tf.Tensor4D {
  const backend = getNodeBackend();
  const { TF_ATTR_TYPE: type, TF_FLOAT: float, TF_INT32: int32 } = backend.binding;
  const attributes = [
    { name: 'T', type, value: float },
    { name: 'Index', type, value: int32 },
  ];
  const around: [number, number] = [reach, reach];
  const move = (x: tf.Tensor4D, begin: tf.Tensor1D, edge: number): tf.Tensor4D => {
    const padded = tf.pad4d(x, [[0, 0], around, around, [0, 0]], edge);
    return backend.executeSingleOutput('Slice', attributes, [
      padded,
      begin,
      tf.tensor1d(x.shape, 'int32'),
    ]) as tf.Tensor4D;
  };
  return tf.customGrad((x) => ({
    value: move(x as tf.Tensor4D, there, pixelRange[0]),
    gradFunc: (dy: tf.Tensor) => move(dy as tf.Tensor4D, back, 0),
  })) as (images: tf.Tensor4D) => tf.Tensor4D;
}
