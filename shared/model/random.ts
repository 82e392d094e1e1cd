/**
 * Random numbers of a seed, and the sampling law that uses them. Pure, and the same on every
 * platform. Nothing here may ever change: seeds in web pages depend on it.
 *
 * The random numbers are the keystream of ChaCha20 (RFC 8439), keyed by the seed's SHA-256. A block
 * is computed without the blocks before it.
 *
 * The sampling law says which latent vector and which label sample `index` of a seed has. The
 * trainer's grids, offline sampling and the worker all use it, so (seed, index) determines a digit
 * in any batch. Sample `index` reads stream `index` of purpose 0 in the domain "sample". Word 0 of
 * block 0 gives the label; the latent vector starts at block 1.
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
 * @param domain  Separates the uses of one seed: "sample" or "train". Lower-case ASCII, no colon.
 * @param seed    Any text; its UTF-8 bytes are hashed.
 * @returns       32 bytes: SHA-256 of `digitmint:<domain>:<seed>`.
 */
export function deriveKey(domain: string, seed: string): RandomKey {
  return sha256(utf8ToBytes(`digitmint:${domain}:${seed}`));
}

/**
 * Draws 32-bit words of a keystream.
 *
 * @param key      From {@link deriveKey}.
 * @param purpose  Selects a group of streams; an unsigned 32-bit integer, the nonce's first word.
 * @param index    Selects a stream of the group: a sample's index or a training step. A safe
 *                 integer >= 0, the nonce's second and third words, little-endian.
 * @param count    How many words, >= 0.
 * @param block    The first block, ChaCha20's counter.
 * @returns        `count` little-endian words of the keystream, each uniform over 0..2^32-1.
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
  // Every platform of a current JavaScript engine is little-endian, so no byte swap is needed.
  return new Uint32Array(bytes.buffer);
}

/**
 * Maps words to numbers uniform in [-1, 1). The top 24 bits of a word make the number exact in
 * float32.
 *
 * @param words  From {@link drawWords}.
 * @param out    Receives `(words[i] >>> 8) / 2^23 - 1` at `i`; at least as long as `words`.
 */
export function fillUniform(words: Uint32Array, out: Float32Array): void {
  for (let i = 0; i < words.length; i++) {
    out[i] = ((words[i] as number) >>> 8) * 2 ** -23 - 1;
  }
}

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

/**
 * Joins latent vectors and one-hot labels to a network's input.
 *
 * @param latents  Row-major [count, latentSize].
 * @param labels   [count], each below `classes`; ignored by a generator without classes.
 * @returns        Row-major [count, inputSize]; `latents` itself without classes.
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
