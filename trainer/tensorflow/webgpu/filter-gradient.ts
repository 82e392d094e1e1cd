/** The gradient of a convolution by its filter. */
import { backend_util, type TensorInfo } from '@tensorflow/tfjs';
import { computeEach, runProgram, THREADS, type Kernel } from './program.ts';

/** Rows and columns of a filter’s gradient in a workgroup, and terms that it loads at once. */
const TILE = 32;
const CHUNK = 16;
/** Workgroups that fill a large GPU. */
const WORKGROUPS = 512;

/**
 * The gradient of a convolution by its filter, in place of TensorFlow.js's kernel. That one gives
 * each of the filter's few numbers one thread, which goes over all positions of all images. This is
 * the product of the shifted images and dy in tiles; where these are few, the positions are split,
 * and a second dispatch adds the parts.
 */
export const differentiateFilter: Kernel = ({ inputs, backend, attrs = {} }) => {
  const [x, dy] = [inputs['x'], inputs['dy']] as [TensorInfo, TensorInfo];
  const filterShape = attrs['filterShape'] as [number, number, number, number];
  const { padInfo, ...info } = backend_util.computeConv2DInfo(
    x.shape as [number, number, number, number],
    filterShape,
    attrs['strides'] as number,
    1,
    attrs['pad'] as 'same',
  );
  const rows = info.filterHeight * info.filterWidth * info.inChannels;
  const columns = info.outChannels;
  const terms = info.batchSize * info.outHeight * info.outWidth;
  if (terms === 0) {
    return backend.makeTensorInfo(filterShape, 'float32', new Float32Array(rows * columns));
  }
  const tiles = [Math.ceil(rows / TILE), Math.ceil(columns / TILE)] as const;
  const wanted = Math.ceil(WORKGROUPS / (tiles[0] * tiles[1]));
  const chunks = Math.ceil(Math.ceil(terms / CHUNK) / wanted);
  const parts = Math.ceil(terms / (chunks * CHUNK));
  const integers = {
    rows,
    columns,
    terms,
    chunks,
    outHeight: info.outHeight,
    outWidth: info.outWidth,
    inHeight: info.inHeight,
    inWidth: info.inWidth,
    inChannels: info.inChannels,
    filterWidth: info.filterWidth,
    strideHeight: info.strideHeight,
    strideWidth: info.strideWidth,
    top: padInfo.top,
    left: padInfo.left,
  };
  const shape = parts === 1 ? filterShape : [parts, rows * columns];
  const call = { name: 'DigitmintFilterGradient', backend, inputs: { x, dy } };
  const sums = runProgram(call, { shape, integers }, FILTER_GRADIENT, [...tiles, parts]);
  if (parts === 1) {
    return sums;
  }
  const sumParts = { name: 'DigitmintSumParts', backend, inputs: { x: sums } };
  const added = computeEach(sumParts, {
    shape: filterShape,
    integers: { parts },
    code: `
      var sum = 0.0;
      for (var part = 0; part < uniforms.parts; part++) {
        sum += x[part * uniforms.size + index];
      }`,
    value: 'sum',
  });
  backend.disposeData(sums.dataId);
  return added;
};

/** Each of 8 x 8 threads computes 4 x 4 numbers of a tile. */
const FILTER_GRADIENT = `
var<workgroup> shifted : array<f32, ${CHUNK * TILE}>;
var<workgroup> incoming : array<vec4<f32>, ${(CHUNK * TILE) / 4}>;

fn readShifted(term : i32, row : i32) -> f32 {
  let outX = term % uniforms.outWidth;
  let outY = (term / uniforms.outWidth) % uniforms.outHeight;
  let image = term / (uniforms.outWidth * uniforms.outHeight);
  let channel = row % uniforms.inChannels;
  let place = row / uniforms.inChannels;
  let inX = outX * uniforms.strideWidth + place % uniforms.filterWidth - uniforms.left;
  let inY = outY * uniforms.strideHeight + place / uniforms.filterWidth - uniforms.top;
  if (inX < 0 || inX >= uniforms.inWidth || inY < 0 || inY >= uniforms.inHeight) {
    return 0.0;
  }
  let pixel = (image * uniforms.inHeight + inY) * uniforms.inWidth + inX;
  return x[pixel * uniforms.inChannels + channel];
}

fn main(index : i32) {
  let thread = i32(localIndex);
  let firstRow = i32(workgroupId.x) * ${TILE};
  let firstColumn = i32(workgroupId.y) * ${TILE};
  let part = i32(workgroupId.z);
  // Barriers need a loop that is the same for all threads, so the last part has empty chunks.
  let end = min((part + 1) * uniforms.chunks * ${CHUNK}, uniforms.terms);
  let down = (thread / 8) * 4;
  let right = thread % 8;
  var sums : array<vec4<f32>, 4>;
  for (var chunk = 0; chunk < uniforms.chunks; chunk++) {
    let start = (part * uniforms.chunks + chunk) * ${CHUNK};
    for (var i = thread; i < ${CHUNK * TILE}; i += ${THREADS}) {
      let term = start + i / ${TILE};
      let row = firstRow + i % ${TILE};
      shifted[i] = 0.0;
      if (term < end && row < uniforms.rows) {
        shifted[i] = readShifted(term, row);
      }
    }
    for (var i = thread; i < ${(CHUNK * TILE) / 4}; i += ${THREADS}) {
      let term = start + i / ${TILE / 4};
      let column = firstColumn + (i % ${TILE / 4}) * 4;
      var values = vec4<f32>(0.0);
      if (term < end) {
        for (var j = 0; j < min(4, uniforms.columns - column); j++) {
          values[j] = dy[term * uniforms.columns + column + j];
        }
      }
      incoming[i] = values;
    }
    workgroupBarrier();
    for (var i = 0; i < ${CHUNK}; i++) {
      let values = incoming[i * ${TILE / 4} + right];
      for (var j = 0; j < 4; j++) {
        sums[j] += shifted[i * ${TILE} + down + j] * values;
      }
    }
    workgroupBarrier();
  }
  for (var j = 0; j < 4; j++) {
    let row = firstRow + down + j;
    let column = firstColumn + right * 4;
    if (row < uniforms.rows) {
      for (var c = 0; c < min(4, uniforms.columns - column); c++) {
        result[(part * uniforms.rows + row) * uniforms.columns + column + c] = sums[j][c];
      }
    }
  }
}`;
