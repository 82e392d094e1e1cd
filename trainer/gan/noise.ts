/** The random numbers of training: the keystream, uniform numbers, the prior of the latents. */
import { createCipheriv, getCiphers } from 'node:crypto';
import {
  drawWords as drawPortably,
  fillUniform,
  type RandomKey,
} from '../../shared/model/random.ts';

const CIPHER = 'chacha20';
/** A few builds of Node lack it. */
const HAS_CIPHER = getCiphers().includes(CIPHER);

/**
 * Draws the words of `drawWords` in `shared/model/random.ts`. Node's OpenSSL takes a sixth of the
 * time, and drawing is the largest part of a short step's JavaScript.
 */
export function drawWords(
  key: RandomKey,
  purpose: number,
  index: number,
  count: number,
): Uint32Array {
  if (!HAS_CIPHER) {
    return drawPortably(key, purpose, index, count);
  }
  const start = new DataView(new ArrayBuffer(16)); // the counter, then the nonce
  start.setUint32(4, purpose, true);
  start.setUint32(8, index % 2 ** 32, true);
  start.setUint32(12, Math.floor(index / 2 ** 32), true);
  const cipher = createCipheriv(CIPHER, key, new Uint8Array(start.buffer));
  const stream = cipher.update(new Uint8Array(count * 4));
  // A copy, because the stream's bytes need not be aligned for 32-bit words.
  return new Uint32Array(new Uint8Array(stream).buffer);
}

/** Draws numbers uniform in [-1, 1), multiples of 2^-23. */
export function drawUniform(
  key: RandomKey,
  purpose: number,
  index: number,
  count: number,
): Float32Array {
  const values = new Float32Array(count);
  fillUniform(drawWords(key, purpose, index, count), values);
  return values;
}

/**
 * A distribution of latent numbers with mean 0, other than the uniform one. Experiments only: the
 * API draws uniform latents, so such a generator is not published.
 */
export interface PriorConfig {
  /**
   * `truncated-gaussian` is cut at two standard deviations of the uncut one, as in TensorFlow.
   * `sparse` has a share of SPARSE_DENSITY uniform numbers; the others are 0.
   */
  readonly shape: 'gaussian' | 'truncated-gaussian' | 'sparse';
  /** Standard deviation of a number. */
  readonly deviation: number;
}

/** Standard deviation of the uniform prior on [-1, 1). */
export const UNIFORM_DEVIATION = 1 / Math.sqrt(3);
/** Share of a sparse latent's numbers that are not 0. */
export const SPARSE_DENSITY = 0.1;
/** The normal distribution function at -2. */
const BELOW_CUT = 0.022750131948179195;
/** The standard deviation of a normal number that lies between -2 and 2. */
const CUT_DEVIATION = 0.8796256610342398;

/**
 * Maps uniform numbers from {@link drawUniform} to a prior, in place; none keeps them uniform. Each
 * result depends on one number, so runs with different priors see the same random words.
 */
export function applyPrior(prior: PriorConfig | undefined, values: Float32Array): Float32Array {
  if (prior !== undefined) {
    const map = createMap(prior);
    values.forEach((value, i) => (values[i] = map(value)));
  }
  return values;
}

function createMap({ shape, deviation }: PriorConfig): (uniform: number) => number {
  // Half a step above, because the quantile is infinite at 0 and 1.
  const toProbability = (uniform: number): number => (uniform + 1) / 2 + 2 ** -25;
  switch (shape) {
    case 'gaussian':
      return (uniform) => deviation * computeNormalQuantile(toProbability(uniform));
    case 'truncated-gaussian': {
      const scale = deviation / CUT_DEVIATION;
      return (uniform) =>
        scale * computeNormalQuantile(BELOW_CUT + toProbability(uniform) * (1 - 2 * BELOW_CUT));
    }
    case 'sparse': {
      const scale = (deviation / UNIFORM_DEVIATION) * SPARSE_DENSITY ** -1.5;
      return (uniform) => (Math.abs(uniform) < SPARSE_DENSITY ? uniform * scale : 0);
    }
  }
}

/**
 * The normal quantile of a probability above 0 and below 1, exact to about 7 digits: Wichura 1988,
 * "The percentage points of the normal distribution", algorithm AS 241, PPND7.
 */
export function computeNormalQuantile(probability: number): number {
  const q = probability - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (
      (q * (((59.10937472 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179)) /
      (((67.1875636 * r + 78.757757664) * r + 17.895169469) * r + 1)
    );
  }
  const r = Math.sqrt(-Math.log(q < 0 ? probability : 1 - probability));
  const size = computeTail(r);
  return q < 0 ? -size : size;
}

function computeTail(root: number): number {
  if (root <= 5) {
    const r = root - 1.6;
    return (
      (((0.17023821103 * r + 1.3067284816) * r + 2.75681539) * r + 1.4234372777) /
      ((0.12021132975 * r + 0.7370016425) * r + 1)
    );
  }
  const r = root - 5;
  return (
    (((0.017337203997 * r + 0.42868294337) * r + 3.081226386) * r + 6.657905115) /
    ((0.012258202635 * r + 0.24197894225) * r + 1)
  );
}
