/**
 * The one source of randomness, and the sampling law made of it. Nothing here may ever change: seeds
 * that are embedded in web pages depend on it. Pure, and the same on every platform.
 *
 * Randomness is the keystream of ChaCha20 (RFC 8439), keyed by the SHA-256 of a seed. Any block of any
 * stream is reached without drawing those before it.
 *
 * The sampling law says which latent vector and which label sample `index` of a seed has. The
 * trainer's grids, offline sampling and the worker all use it, so that (seed, index) alone decides a
 * digit, whatever the batch. It draws from stream `index` of purpose 0 in the domain "sample": word 0
 * of block 0 gives the label, and the latent starts at block 1.
 */
import { chacha20 } from '@noble/ciphers/chacha.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { GeneratorPlan } from './generator.ts';

/** A 256-bit key, made by {@link deriveKey}. */
export type RandomKey = Uint8Array;

const NONCE_BYTES = 12;

/**
 * Derives the key of a seed within a domain.
 *
 * @param domain  Separates uses of one seed, `"sample"` or `"train"`: lower-case ASCII without a colon.
 * @param seed    Any text; its UTF-8 bytes count.
 * @returns       32 bytes: SHA-256 of `digitmint:<domain>:<seed>`.
 */
export function deriveKey(domain: string, seed: string): RandomKey {
  return sha256(utf8ToBytes(`digitmint:${domain}:${seed}`));
}

/**
 * Draws whole 32-bit words of a keystream.
 *
 * @param key      From {@link deriveKey}.
 * @param purpose  Which of the domain's streams, an unsigned 32-bit integer (the nonce's first word).
 * @param index    Which stream of that purpose, a safe integer >= 0: a sample's place, or a training step (the nonce's
 *                 second and third words, little-endian).
 * @param count    How many words, >= 0.
 * @param block    The block that it starts from (ChaCha20's counter).
 * @returns        `count` words, each uniform over 0..2^32-1; the keystream read as little-endian words.
 */
export function drawWords(
  key: RandomKey,
  purpose: number,
  index: number,
  count: number,
  block = 0,
): Uint32Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  const view = new DataView(nonce.buffer);
  view.setUint32(0, purpose, true);
  view.setUint32(4, index % 2 ** 32, true);
  view.setUint32(8, Math.floor(index / 2 ** 32), true);
  const bytes = new Uint8Array(count * 4);
  chacha20(key, nonce, bytes, bytes, block);
  // Every platform that runs JavaScript engines of today is little-endian, so the view needs no byte swap.
  return new Uint32Array(bytes.buffer);
}

/**
 * Maps words to numbers uniform in [-1, 1): the top 24 bits of each, so that every value is exact in float32.
 *
 * @param words  From {@link drawWords}.
 * @param out    Where they go, at least as long; `out[i] = (words[i] >>> 8) / 2^23 - 1`.
 */
export function fillUniform(words: Uint32Array, out: Float32Array): void {
  for (let i = 0; i < words.length; i++) {
    out[i] = ((words[i] as number) >>> 8) * 2 ** -23 - 1;
  }
}

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

/**
 * Joins latents and labels to a network's input.
 *
 * @param plan     From `planGenerator`.
 * @param latents  Row-major [count, latentSize].
 * @param labels   [count], each below `classes`; ignored by a generator without classes.
 * @returns        [count, inputSize]: each latent, then its label's one-hot vector. The latents themselves without classes.
 */
export function joinInput(
  plan: GeneratorPlan,
  latents: Float32Array,
  labels: Uint8Array | null,
): Float32Array {
  const { latentSize, classes } = plan.config;
  if (classes === 0) {
    return latents;
  }
  const count = latents.length / latentSize;
  const input = new Float32Array(count * plan.inputSize);
  for (let i = 0; i < count; i++) {
    input.set(latents.subarray(i * latentSize, (i + 1) * latentSize), i * plan.inputSize);
    input[i * plan.inputSize + latentSize + (labels?.[i] ?? 0)] = 1;
  }
  return input;
}
