/**
 * The sampling law: which latent vector and which label sample `index` of a seed has. The one law used by the trainer's
 * grids, by offline sampling and by the worker, so that (seed, index) alone decides a digit, whatever the batch. Pure.
 *
 * Stream `index` of purpose 0 in the domain "sample": block 0 holds what is drawn beside the latent (word 0: the
 * label), the latent starts at block 1.
 */
import { deriveKey, drawWords, fillUniform, type RandomKey } from './random.ts';

/** Names this law in manifests: a worker refuses a model that was made for another. */
export const SAMPLING_LAW = 'chacha20-uniform/1';

const PURPOSE_SAMPLE = 0;
const LATENT_BLOCK = 1;

/** The key that all samples of a seed come from. @param seed  Any text. */
export function deriveSeedKey(seed: string): RandomKey {
  return deriveKey('sample', seed);
}

/**
 * Draws the latent vectors of `count` samples in a row.
 *
 * @param key         From {@link deriveSeedKey}.
 * @param start       Index of the first sample, a safe integer >= 0.
 * @param count       How many samples, >= 1.
 * @param latentSize  Numbers a sample, >= 1.
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
 * Draws the labels of `count` samples in a row, uniform over the classes (the bias of scaling a 32-bit word is below
 * classes / 2^32).
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
