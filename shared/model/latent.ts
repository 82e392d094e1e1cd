/**
 * The sampling law: which latent vector and which label sample `index` of a seed has. The trainer's
 * grids, offline sampling and the worker all use it, so (seed, index) determines a digit in any
 * batch. Pure. It never changes: seeds in web pages depend on it.
 *
 * Sample `index` reads stream `index` of purpose 0 in the domain "sample". Word 0 of block 0 gives
 * the label; the latent vector starts at block 1.
 */
import { deriveKey, drawWords, fillUniform, type RandomKey } from './random.ts';

/** The law's name in manifests. A worker refuses a model of another law. */
export const SAMPLING_LAW = 'chacha20-uniform/1';

const PURPOSE_SAMPLE = 0;
const LATENT_BLOCK = 1;

/** Derives the key of all samples of a seed. @param seed  Any text. */
export function deriveSeedKey(seed: string): RandomKey {
  return deriveKey('sample', seed);
}

/**
 * Draws the latent vectors of `count` consecutive samples.
 *
 * @param key         From {@link deriveSeedKey}.
 * @param start       Index of the first sample, a safe integer >= 0.
 * @param count       How many samples, >= 1.
 * @param latentSize  Numbers in a latent vector, >= 1.
 * @returns           Row-major [count, latentSize], uniform in [-1, 1), exact in float32.
 */
export function drawLatents(
  key: RandomKey,
  start: number,
  count: number,
  latentSize: number,
): Float32Array {
  const latents = new Float32Array(count * latentSize);
  for (let i = 0; i < count; i++) {
    const words = drawWords(key, PURPOSE_SAMPLE, start + i, latentSize, LATENT_BLOCK);
    fillUniform(words, latents.subarray(i * latentSize, (i + 1) * latentSize));
  }
  return latents;
}

/**
 * Draws the labels of `count` consecutive samples, uniform over the classes. Scaling a 32-bit word
 * has a bias below classes / 2^32.
 *
 * @param key      From {@link deriveSeedKey}.
 * @param start    Index of the first sample, a safe integer >= 0.
 * @param count    How many samples, >= 1.
 * @param classes  How many classes, 1..256.
 * @returns        [count], each in 0..classes-1.
 */
export function drawLabels(
  key: RandomKey,
  start: number,
  count: number,
  classes: number,
): Uint8Array {
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const [word] = drawWords(key, PURPOSE_SAMPLE, start + i, 1);
    labels[i] = Math.floor(((word as number) * classes) / 2 ** 32);
  }
  return labels;
}
