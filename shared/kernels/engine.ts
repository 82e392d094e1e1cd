/**
 * The kernels of the engine, in AssemblyScript. They sum products of 16-bit integers exactly in
 * 32 bits, so neither the order of summation nor the machine changes a digit. A SIMD instruction
 * multiplies twice as many 16-bit integers as floats. Numbers between two layers are float32, in
 * operations that IEEE 754 and WebAssembly define exactly. Stateless: `shared/model/engine` lays
 * out the memory. `npm run build -- kernels` compiles this file twice: to engine.wasm, and to
 * engine-relaxed.wasm for machines with Relaxed SIMD. Both give the same bits.
 */

/** Output channels in a vector, for which the weights are packed. */
const LANES: i32 = 4;
/** Vectors computed at once. With two places of input their sums fill the registers. */
const BLOCK: i32 = 4;
/**
 * The largest quantized input. Weights get the rest of 31 bits: see `packWeights`. No other power
 * of two brings the shipped models' pixels nearer to float32.
 */
const MAX_INPUT: f32 = 8191;

/**
 * Packs a layer's weights: 16-bit integers and one scale for each output channel. The scale is as
 * fine as possible while no sum of products overflows 32 bits for any input.
 * @param source  f32 [rows, inputs, outputs]; `rows` is the kernel's size squared. A number has
 *                rows * inputs products, at most GENERATOR_LIMITS.products.
 * @param target  i16 [blocks][rows, inputs + inputs % 2, in pairs][vectors of the block][LANES][2],
 *                zeroed by the caller. A block has BLOCK vectors, or 1 when fewer are left.
 * @param scales  f32 [vectors * LANES], zeroed by the caller: the value of 1 in each channel.
 */
export function packWeights(
  source: usize,
  rows: i32,
  inputs: i32,
  outputs: i32,
  target: usize,
  scales: usize,
): void {
  const pairs = rows * ((inputs + 1) >> 1);
  const vectors = (outputs + LANES - 1) / LANES;
  const whole = vectors - (vectors % BLOCK);
  for (let channel = 0; channel < outputs; channel++) {
    let max: f64 = 0;
    let sum: f64 = 0;
    for (let i = 0; i < rows * inputs; i++) {
      const size = Math.abs(<f64>load<f32>(source + ((<usize>i * outputs + channel) << 2)));
      max = Math.max(max, size);
      sum += size;
    }
    // Rounding adds at most one half to each weight. The sum times MAX_INPUT must fit in 31 bits.
    const room: f64 = Math.floor(2147483647.0 / MAX_INPUT) - <f64>(rows * inputs) / 2;
    const factor = max === 0 ? 0 : Math.min(32767.0 / max, room / sum);
    store<f32>(scales + ((<usize>channel) << 2), factor === 0 ? 0 : <f32>(1 / factor));

    const vector = channel / LANES;
    const isWhole = vector < whole;
    const first = isWhole ? vector - (vector % BLOCK) : vector;
    const width = isWhole ? BLOCK : 1;
    const start =
      target + <usize>(first * pairs * 16 + (vector - first) * 16 + (channel % LANES) * 4);
    for (let row = 0; row < rows; row++) {
      for (let input = 0; input < inputs; input++) {
        const from = source + ((<usize>(row * inputs + input) * outputs + channel) << 2);
        const weight = <f64>load<f32>(from);
        const pair = row * ((inputs + 1) >> 1) + (input >> 1);
        const to = start + <usize>(pair * width * 16 + (input & 1) * 2);
        store<i16>(to, <i16>nearest(weight * factor));
      }
    }
  }
}

/**
 * Quantizes one sample's numbers to integers of at most MAX_INPUT, scaled by the sample's largest
 * number, and lays them out for the next layer. The zero padding between runs stays.
 * @param source  f32; `target` is i16.
 * @param runs    i32 [count][2]: the offset of each run of `length` numbers in both, in bytes.
 * @returns       The value of 1: 0 when all numbers are 0; NaN or infinite when a number is.
 */
export function quantise(source: usize, target: usize, runs: usize, count: i32, length: i32): f32 {
  const vectors = length & ~3;
  // Bits of positive floats compare as integers, NaN above all. f32x4.max takes 8 instructions.
  let sizes = i32x4.splat(0);
  for (let r = 0; r < count; r++) {
    const from = source + load<i32>(runs + ((<usize>r) << 3));
    for (let i = 0; i < vectors; i += 4) {
      sizes = i32x4.max_s(sizes, f32x4.abs(v128.load(from + ((<usize>i) << 2))));
    }
    for (let i = vectors; i < length; i++) {
      sizes = i32x4.max_s(sizes, f32x4.abs(v128.load32_splat(from + ((<usize>i) << 2))));
    }
  }
  sizes = i32x4.max_s(sizes, v128.shuffle<i32>(sizes, sizes, 2, 3, 0, 1));
  sizes = i32x4.max_s(sizes, v128.shuffle<i32>(sizes, sizes, 1, 0, 3, 2));
  const largest = f32x4.extract_lane(sizes, 0);
  const factors = f32x4.splat(largest === 0 ? 0 : MAX_INPUT / largest);
  for (let r = 0; r < count; r++) {
    const from = source + load<i32>(runs + ((<usize>r) << 3));
    const to = target + load<i32>(runs + ((<usize>r) << 3), 4);
    for (let i = 0; i < vectors; i += 4) {
      const numbers = round(f32x4.mul(v128.load(from + ((<usize>i) << 2)), factors));
      v128.store64_lane(to + ((<usize>i) << 1), i16x8.narrow_i32x4_s(numbers, numbers), 0);
    }
    for (let i = vectors; i < length; i++) {
      const number = round(f32x4.mul(v128.load32_splat(from + ((<usize>i) << 2)), factors));
      v128.store16_lane(to + ((<usize>i) << 1), number, 0);
    }
  }
  return largest / MAX_INPUT;
}

/** Rounds floats below 2 ** 22 to integers, halves to even: their last bit is worth 1 then. */
function round(numbers: v128): v128 {
  const base = f32x4.splat(12582912); // 1.5 * 2 ** 23
  return i32x4.sub(f32x4.add(numbers, base), base);
}

/**
 * Computes a dense or convolutional layer at some places: products of input and weights, bias, and
 * leaky ReLU.
 * @param places       i32 [count]: offset of each place's first row from `input`, in bytes.
 * @param input        i16, from `quantise`.
 * @param inputScales  f32: the value of 1 in the input of each place, `scaleStride` bytes apart.
 * @param rows         Rows of the kernel, of `pairs` pairs of numbers, `rowStride` bytes apart.
 * @param begin        Rows that start before `begin`, or at `end` or later, hold zeros only and
 *                     are skipped. Offsets from `input`, in bytes; places are in ascending order.
 * @param weights      From `packWeights`, as are `scales`. `vectors` of output channels.
 * @param bias         f32 [vectors * LANES].
 * @param slope        The slope below 0: 0 for ReLU, 1 for no activation.
 * @param output       f32 [count, vectors * LANES].
 */
export function multiply(
  places: usize,
  count: i32,
  input: usize,
  inputScales: usize,
  scaleStride: i32,
  rows: i32,
  pairs: i32,
  rowStride: i32,
  begin: usize,
  end: usize,
  weights: usize,
  scales: usize,
  vectors: i32,
  bias: usize,
  slope: f32,
  output: usize,
): void {
  const slopes = f32x4.splat(slope);
  const rowBytes = (<usize>pairs) << 2;
  const outputStride = vectors << 4;
  const last = count - 1;
  begin += input;
  end += input;
  let left = vectors;
  // Two places by four vectors. Sums, weights and inputs fit the 16 registers of x86.
  for (; left >= BLOCK; left -= BLOCK) {
    for (let p = 0; p < count; p += 2) {
      const q = min(p + 1, last); // An odd last place is computed twice.
      let rowP = input + load<i32>(places + ((<usize>p) << 2));
      let rowQ = input + load<i32>(places + ((<usize>q) << 2));
      let p0 = i32x4.splat(0);
      let p1 = p0;
      let p2 = p0;
      let p3 = p0;
      let q0 = p0;
      let q1 = p0;
      let q2 = p0;
      let q3 = p0;
      let w = weights;
      for (let r = 0; r < rows; r++) {
        if (rowQ < begin || rowP >= end) {
          w += rowBytes << 4;
        } else {
          const stop = rowP + rowBytes;
          let y = rowQ;
          for (let x = rowP; x < stop; x += 4) {
            const inP = v128.load32_splat(x);
            const inQ = v128.load32_splat(y);
            const w0 = v128.load(w);
            const w1 = v128.load(w, 16);
            const w2 = v128.load(w, 32);
            const w3 = v128.load(w, 48);
            p0 = i32x4.add(p0, i32x4.dot_i16x8_s(inP, w0));
            q0 = i32x4.add(q0, i32x4.dot_i16x8_s(inQ, w0));
            p1 = i32x4.add(p1, i32x4.dot_i16x8_s(inP, w1));
            q1 = i32x4.add(q1, i32x4.dot_i16x8_s(inQ, w1));
            p2 = i32x4.add(p2, i32x4.dot_i16x8_s(inP, w2));
            q2 = i32x4.add(q2, i32x4.dot_i16x8_s(inQ, w2));
            p3 = i32x4.add(p3, i32x4.dot_i16x8_s(inP, w3));
            q3 = i32x4.add(q3, i32x4.dot_i16x8_s(inQ, w3));
            y += 4;
            w += 64;
          }
        }
        rowP += rowStride;
        rowQ += rowStride;
      }
      const scaleP = v128.load32_splat(inputScales + <usize>(p * scaleStride));
      const scaleQ = v128.load32_splat(inputScales + <usize>(q * scaleStride));
      const toP = output + <usize>(p * outputStride);
      const toQ = output + <usize>(q * outputStride);
      finish(p0, q0, scaleP, scaleQ, v128.load(scales), v128.load(bias), slopes, toP, toQ);
      const scale1 = v128.load(scales, 16);
      const bias1 = v128.load(bias, 16);
      finish(p1, q1, scaleP, scaleQ, scale1, bias1, slopes, toP + 16, toQ + 16);
      const scale2 = v128.load(scales, 32);
      const bias2 = v128.load(bias, 32);
      finish(p2, q2, scaleP, scaleQ, scale2, bias2, slopes, toP + 32, toQ + 32);
      const scale3 = v128.load(scales, 48);
      const bias3 = v128.load(bias, 48);
      finish(p3, q3, scaleP, scaleQ, scale3, bias3, slopes, toP + 48, toQ + 48);
    }
    weights += (<usize>(rows * pairs)) << 6;
    scales += 64;
    bias += 64;
    output += 64;
  }
  // Four places by one vector, for the rest.
  for (; left > 0; left--) {
    const scale = v128.load(scales);
    const add = v128.load(bias);
    for (let a = 0; a < count; a += 4) {
      const b = min(a + 1, last);
      const c = min(a + 2, last);
      const d = min(a + 3, last);
      let rowA = input + load<i32>(places + ((<usize>a) << 2));
      let rowB = input + load<i32>(places + ((<usize>b) << 2));
      let rowC = input + load<i32>(places + ((<usize>c) << 2));
      let rowD = input + load<i32>(places + ((<usize>d) << 2));
      let sumA = i32x4.splat(0);
      let sumB = sumA;
      let sumC = sumA;
      let sumD = sumA;
      let w = weights;
      for (let r = 0; r < rows; r++) {
        if (rowD < begin || rowA >= end) {
          w += rowBytes << 2;
        } else {
          for (let i: usize = 0; i < rowBytes; i += 4) {
            const weight = v128.load(w);
            sumA = i32x4.add(sumA, i32x4.dot_i16x8_s(v128.load32_splat(rowA + i), weight));
            sumB = i32x4.add(sumB, i32x4.dot_i16x8_s(v128.load32_splat(rowB + i), weight));
            sumC = i32x4.add(sumC, i32x4.dot_i16x8_s(v128.load32_splat(rowC + i), weight));
            sumD = i32x4.add(sumD, i32x4.dot_i16x8_s(v128.load32_splat(rowD + i), weight));
            w += 16;
          }
        }
        rowA += rowStride;
        rowB += rowStride;
        rowC += rowStride;
        rowD += rowStride;
      }
      const scaleA = v128.load32_splat(inputScales + <usize>(a * scaleStride));
      const scaleB = v128.load32_splat(inputScales + <usize>(b * scaleStride));
      const scaleC = v128.load32_splat(inputScales + <usize>(c * scaleStride));
      const scaleD = v128.load32_splat(inputScales + <usize>(d * scaleStride));
      const toA = output + <usize>(a * outputStride);
      const toB = output + <usize>(b * outputStride);
      finish(sumA, sumB, scaleA, scaleB, scale, add, slopes, toA, toB);
      const toC = output + <usize>(c * outputStride);
      const toD = output + <usize>(d * outputStride);
      finish(sumC, sumD, scaleC, scaleD, scale, add, slopes, toC, toD);
    }
    weights += (<usize>(rows * pairs)) << 4;
    scales += 16;
    bias += 16;
    output += 16;
  }
}

/** Scales the sums of two places, adds the bias and applies the activation. */
function finish(
  sumP: v128,
  sumQ: v128,
  scaleP: v128,
  scaleQ: v128,
  scale: v128,
  bias: v128,
  slopes: v128,
  toP: usize,
  toQ: usize,
): void {
  const p = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(sumP), f32x4.mul(scale, scaleP)), bias);
  const q = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(sumQ), f32x4.mul(scale, scaleQ)), bias);
  v128.store(toP, f32x4.pmax(f32x4.mul(p, slopes), p));
  v128.store(toQ, f32x4.pmax(f32x4.mul(q, slopes), q));
}

/** The largest code of an input of `multiplyBytes`. Relaxed SIMD is exact up to 7 bits. */
const MAX_CODE: i32 = 127;

/**
 * Packs a layer's weights for `multiplyBytes`, as 8-bit integers. A row of the kernel is read four
 * codes a step. It begins with its sums for codes that are all 0, two for each output channel.
 * @param source   f32 [rows, taps, inputs, outputs].
 * @param steps    f32 [inputs]: what 1 is worth in the codes of each input channel.
 * @param zero     The code of 0, at most MAX_CODE.
 * @param target   i8 [blocks][rows][1 + steps][vectors of the block][LANES][4], zeroed by the
 *                 caller. The first of 1 + steps is i16 [LANES][2].
 * @param scales   f32 [outputs]: what 1 is worth in the sums of each output channel.
 */
export function packBytes(
  source: usize,
  rows: i32,
  taps: i32,
  inputs: i32,
  outputs: i32,
  steps: usize,
  zero: i32,
  target: usize,
  scales: usize,
): void {
  const channels = (inputs + 3) & ~3;
  const units = 1 + ((taps * channels) >> 2);
  const vectors = (outputs + LANES - 1) / LANES;
  const whole = vectors - (vectors % BLOCK);
  for (let row = 0; row < rows; row++) {
    for (let output = 0; output < outputs; output++) {
      const scale = load<f32>(scales + ((<usize>output) << 2));
      const vector = output / LANES;
      const width = vector < whole ? BLOCK : 1;
      const first = vector - (vector % width);
      const lane = (vector - first) * 16 + (output % LANES) * 4;
      const start = target + <usize>((first * rows + row * width) * units * 16 + lane);
      for (let place = 0; place < taps * channels; place++) {
        const input = place % channels;
        if (input < inputs) {
          const tap = row * taps + place / channels;
          const from = source + ((<usize>(tap * inputs + input) * outputs + output) << 2);
          const weight = load<f32>(from) * load<f32>(steps + ((<usize>input) << 2));
          const code = <i32>nearest(max<f32>(-127, min<f32>(127, weight / scale)));
          store<i8>(start + <usize>((1 + (place >> 2)) * width * 16 + (place & 3)), <i8>code);
          const sum = start + <usize>(place & 2);
          const least = max<i32>(-32768, min<i32>(32767, load<i16>(sum) - zero * code));
          store<i16>(sum, <i16>least);
        }
      }
    }
  }
}

/**
 * Encodes one sample's numbers as bytes from 0 to MAX_CODE, which end beyond their range, and lays
 * them out for `multiplyBytes`. The border between runs stays.
 * @param source   f32; `target` is u8.
 * @param runs     As for `quantise`.
 * @param factors  f32 [length]: codes by 1. Those of the next run are `factorStride` bytes later.
 * @param zero     The code of 0.
 */
export function encodeBytes(
  source: usize,
  target: usize,
  runs: usize,
  count: i32,
  length: i32,
  factors: usize,
  factorStride: i32,
  zero: i32,
): void {
  const vectors = length & ~3;
  const least = f32x4.splat(-(<f32>zero));
  const zeros = i32x4.splat(zero);
  for (let r = 0; r < count; r++) {
    const from = source + load<i32>(runs + ((<usize>r) << 3));
    const to = target + load<i32>(runs + ((<usize>r) << 3), 4);
    for (let i = 0; i < vectors; i += 4) {
      const at = (<usize>i) << 2;
      const numbers = f32x4.mul(v128.load(from + at), v128.load(factors + at));
      v128.store32_lane(to + i, toCodes(numbers, least, zeros), 0);
    }
    for (let i = vectors; i < length; i++) {
      const at = (<usize>i) << 2;
      const numbers = f32x4.mul(v128.load32_splat(from + at), v128.load32_splat(factors + at));
      v128.store8_lane(to + i, toCodes(numbers, least, zeros), 0);
    }
    factors += factorStride;
  }
}

/** Rounds to the nearest code. @returns  u8, four codes in the first four lanes. */
function toCodes(numbers: v128, least: v128, zeros: v128): v128 {
  const codes = i32x4.add(round(f32x4.pmax(least, numbers)), zeros);
  const narrow = i16x8.narrow_i32x4_s(codes, codes);
  return i8x16.min_u(i8x16.narrow_i16x8_u(narrow, narrow), i8x16.splat(<i8>MAX_CODE));
}

/** Adds products of 8-bit weights and codes to sums of two neighbours, i16, with saturation. */
function addProducts(sums: v128, weights: v128, codes: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    return i16x8.add_sat_s(sums, i16x8.relaxed_dot_i8x16_i7x16_s(weights, codes));
  }
  const low = i32x4.extadd_pairwise_i16x8_s(i16x8.extmul_low_i8x16_s(weights, codes));
  const high = i32x4.extadd_pairwise_i16x8_s(i16x8.extmul_high_i8x16_s(weights, codes));
  return i16x8.add_sat_s(sums, i16x8.narrow_i32x4_s(low, high));
}

/** Adds the sums of a row, i16, to those of the whole, i32. */
function addRow(sums: v128, row: v128): v128 {
  return i32x4.add(sums, i32x4.extadd_pairwise_i16x8_s(row));
}

/**
 * Computes a layer at some places, as `multiply` does, from the codes of `encodeBytes` and the
 * weights of `packBytes`. A border of the code of 0 adds nothing where no sum saturates.
 * @param rows      Rows of the kernel, of `rowBytes` codes, `rowStride` bytes apart.
 */
export function multiplyBytes(
  places: usize,
  count: i32,
  input: usize,
  rows: i32,
  rowBytes: usize,
  rowStride: i32,
  begin: usize,
  end: usize,
  weights: usize,
  scales: usize,
  vectors: i32,
  bias: usize,
  slope: f32,
  output: usize,
): void {
  const slopes = f32x4.splat(slope);
  const one = f32x4.splat(1);
  const units: usize = 1 + (rowBytes >> 2);
  const outputStride = vectors << 4;
  const last = count - 1;
  begin += input;
  end += input;
  let left = vectors;
  // Two places by four vectors. The sums of a row, weights and inputs fit the registers of x86.
  for (; left >= BLOCK; left -= BLOCK) {
    for (let p = 0; p < count; p += 2) {
      const q = min(p + 1, last); // An odd last place is computed twice.
      let rowP = input + load<i32>(places + ((<usize>p) << 2));
      let rowQ = input + load<i32>(places + ((<usize>q) << 2));
      let p0 = i32x4.splat(0);
      let p1 = p0;
      let p2 = p0;
      let p3 = p0;
      let q0 = p0;
      let q1 = p0;
      let q2 = p0;
      let q3 = p0;
      let w = weights;
      for (let r = 0; r < rows; r++) {
        if (rowQ < begin || rowP >= end) {
          w += units << 6;
        } else {
          const stop = rowP + rowBytes;
          let a0 = v128.load(w);
          let a1 = v128.load(w, 16);
          let a2 = v128.load(w, 32);
          let a3 = v128.load(w, 48);
          let b0 = a0;
          let b1 = a1;
          let b2 = a2;
          let b3 = a3;
          w += 64;
          let y = rowQ;
          for (let x = rowP; x < stop; x += 4) {
            const inP = v128.load32_splat(x);
            const inQ = v128.load32_splat(y);
            const w0 = v128.load(w);
            const w1 = v128.load(w, 16);
            const w2 = v128.load(w, 32);
            const w3 = v128.load(w, 48);
            a0 = addProducts(a0, w0, inP);
            b0 = addProducts(b0, w0, inQ);
            a1 = addProducts(a1, w1, inP);
            b1 = addProducts(b1, w1, inQ);
            a2 = addProducts(a2, w2, inP);
            b2 = addProducts(b2, w2, inQ);
            a3 = addProducts(a3, w3, inP);
            b3 = addProducts(b3, w3, inQ);
            y += 4;
            w += 64;
          }
          p0 = addRow(p0, a0);
          q0 = addRow(q0, b0);
          p1 = addRow(p1, a1);
          q1 = addRow(q1, b1);
          p2 = addRow(p2, a2);
          q2 = addRow(q2, b2);
          p3 = addRow(p3, a3);
          q3 = addRow(q3, b3);
        }
        rowP += rowStride;
        rowQ += rowStride;
      }
      const toP = output + <usize>(p * outputStride);
      const toQ = output + <usize>(q * outputStride);
      finish(p0, q0, one, one, v128.load(scales), v128.load(bias), slopes, toP, toQ);
      const scale1 = v128.load(scales, 16);
      const bias1 = v128.load(bias, 16);
      finish(p1, q1, one, one, scale1, bias1, slopes, toP + 16, toQ + 16);
      const scale2 = v128.load(scales, 32);
      const bias2 = v128.load(bias, 32);
      finish(p2, q2, one, one, scale2, bias2, slopes, toP + 32, toQ + 32);
      const scale3 = v128.load(scales, 48);
      const bias3 = v128.load(bias, 48);
      finish(p3, q3, one, one, scale3, bias3, slopes, toP + 48, toQ + 48);
    }
    weights += (<usize>rows * units) << 6;
    scales += 64;
    bias += 64;
    output += 64;
  }
  // Four places by one vector, for the rest.
  for (; left > 0; left--) {
    const scale = v128.load(scales);
    const add = v128.load(bias);
    for (let a = 0; a < count; a += 4) {
      const b = min(a + 1, last);
      const c = min(a + 2, last);
      const d = min(a + 3, last);
      let rowA = input + load<i32>(places + ((<usize>a) << 2));
      let rowB = input + load<i32>(places + ((<usize>b) << 2));
      let rowC = input + load<i32>(places + ((<usize>c) << 2));
      let rowD = input + load<i32>(places + ((<usize>d) << 2));
      let sumA = i32x4.splat(0);
      let sumB = sumA;
      let sumC = sumA;
      let sumD = sumA;
      let w = weights;
      for (let r = 0; r < rows; r++) {
        if (rowD < begin || rowA >= end) {
          w += units << 4;
        } else {
          let partA = v128.load(w);
          let partB = partA;
          let partC = partA;
          let partD = partA;
          w += 16;
          for (let i: usize = 0; i < rowBytes; i += 4) {
            const weight = v128.load(w);
            partA = addProducts(partA, weight, v128.load32_splat(rowA + i));
            partB = addProducts(partB, weight, v128.load32_splat(rowB + i));
            partC = addProducts(partC, weight, v128.load32_splat(rowC + i));
            partD = addProducts(partD, weight, v128.load32_splat(rowD + i));
            w += 16;
          }
          sumA = addRow(sumA, partA);
          sumB = addRow(sumB, partB);
          sumC = addRow(sumC, partC);
          sumD = addRow(sumD, partD);
        }
        rowA += rowStride;
        rowB += rowStride;
        rowC += rowStride;
        rowD += rowStride;
      }
      const toA = output + <usize>(a * outputStride);
      const toB = output + <usize>(b * outputStride);
      finish(sumA, sumB, one, one, scale, add, slopes, toA, toB);
      const toC = output + <usize>(c * outputStride);
      const toD = output + <usize>(d * outputStride);
      finish(sumC, sumD, one, one, scale, add, slopes, toC, toD);
    }
    weights += (<usize>rows * units) << 4;
    scales += 16;
    bias += 16;
    output += 16;
  }
}

/**
 * Computes the hyperbolic tangent in place, by the rational function of Eigen's `ptanh_float`. The
 * error is below 4e-7. `count` is a multiple of 4.
 */
export function computeTanh(numbers: usize, count: i32): void {
  for (const end = numbers + ((<usize>count) << 2); numbers < end; numbers += 16) {
    v128.store(numbers, approximateTanh(v128.load(numbers)));
  }
}

/** Computes the logistic function, (1 + tanh(x / 2)) / 2, in place. */
export function computeSigmoid(numbers: usize, count: i32): void {
  const half = f32x4.splat(0.5);
  for (const end = numbers + ((<usize>count) << 2); numbers < end; numbers += 16) {
    const tanh = approximateTanh(f32x4.mul(v128.load(numbers), half));
    v128.store(numbers, f32x4.add(f32x4.mul(tanh, half), half));
  }
}

function approximateTanh(value: v128): v128 {
  // Beyond these bounds tanh is 1 or -1 in float32. A NaN in the first operand stays.
  const below = f32x4.pmin(value, f32x4.splat(7.90531110763549805));
  const x = f32x4.pmax(below, f32x4.splat(-7.90531110763549805));
  const square = f32x4.mul(x, x);
  let odd = f32x4.mul(square, f32x4.splat(-2.76076847742355e-16));
  odd = f32x4.add(odd, f32x4.splat(2.00018790482477e-13));
  odd = f32x4.add(f32x4.mul(square, odd), f32x4.splat(-8.60467152213735e-11));
  odd = f32x4.add(f32x4.mul(square, odd), f32x4.splat(5.12229709037114e-8));
  odd = f32x4.add(f32x4.mul(square, odd), f32x4.splat(1.48572235717979e-5));
  odd = f32x4.add(f32x4.mul(square, odd), f32x4.splat(6.37261928875436e-4));
  odd = f32x4.add(f32x4.mul(square, odd), f32x4.splat(4.89352455891786e-3));
  let even = f32x4.mul(square, f32x4.splat(1.19825839466702e-6));
  even = f32x4.add(even, f32x4.splat(1.18534705686654e-4));
  even = f32x4.add(f32x4.mul(square, even), f32x4.splat(2.268434632439e-3));
  even = f32x4.add(f32x4.mul(square, even), f32x4.splat(4.89352518554385e-3));
  return f32x4.div(f32x4.mul(x, odd), even);
}

/**
 * Encodes numbers as bytes, as `encodePixels` does in JavaScript: by float64, halves up, clamped.
 * @param places  i32 [count]: offset of each number from `source`, in bytes.
 * @param target  u8 [count].
 */
export function encodePixels(
  source: usize,
  places: usize,
  count: i32,
  low: f64,
  scale: f64,
  target: usize,
): void {
  for (const end = target + <usize>count; target < end; target++, places += 4) {
    const number = <f64>load<f32>(source + load<i32>(places));
    // Rounds toward 0, which is as good as down, since numbers below 0 become 0. So does NaN.
    const byte = <i32>((number - low) * scale + 0.5);
    store<u8>(target, <u8>min(max(byte, 0), 255));
  }
}

/**
 * Writes blocks of ChaCha20's keystream (RFC 8439).
 * @param state   u32 [16]: of the first block. The counter of the others goes on from there.
 * @param target  u32 [blocks, 16].
 */
export function writeKeystream(state: usize, target: usize, blocks: i32): void {
  for (const end = target + ((<usize>blocks) << 6); target < end; target += 64) {
    let a = v128.load(state);
    let b = v128.load(state, 16);
    let c = v128.load(state, 32);
    let d = v128.load(state, 48);
    // A round works on columns. Rows are turned by these after it: to diagonals and back.
    let turnB = i8x16(4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3);
    let turnD = i8x16(12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
    for (let round = 0; round < 20; round++) {
      a = i32x4.add(a, b);
      d = rotate(v128.xor(d, a), 16);
      c = i32x4.add(c, d);
      b = rotate(v128.xor(b, c), 12);
      a = i32x4.add(a, b);
      d = rotate(v128.xor(d, a), 8);
      c = i32x4.add(c, d);
      b = rotate(v128.xor(b, c), 7);
      b = i8x16.swizzle(b, turnB);
      c = v128.shuffle<i32>(c, c, 2, 3, 0, 1);
      d = i8x16.swizzle(d, turnD);
      const turn = turnB;
      turnB = turnD;
      turnD = turn;
    }
    v128.store(target, i32x4.add(a, v128.load(state)));
    v128.store(target, i32x4.add(b, v128.load(state, 16)), 16);
    v128.store(target, i32x4.add(c, v128.load(state, 32)), 32);
    v128.store(target, i32x4.add(d, v128.load(state, 48)), 48);
    store<u32>(state, load<u32>(state, 48) + 1, 48);
  }
}

function rotate(words: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(words, bits), i32x4.shr_u(words, 32 - bits));
}
