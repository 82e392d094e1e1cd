/**
 * Random numbers of a seed: the keystream of ChaCha20 (RFC 8439), keyed by the seed's SHA-256.
 * Nothing here may ever change: seeds in web pages depend on it. Pure.
 *
 * The sampling law says which latent vector and which label sample `index` of a seed has, in any
 * batch. The sample reads stream `index` of purpose 0 in the domain "sample". Word 0 of block 0
 * gives the label; the latent vector starts at block 1.
 */
import { chacha20 } from '@noble/ciphers/chacha.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { GeneratorPlan } from './generator.ts';

export type RandomKey = Uint8Array;

/**
 * Derives the key of a seed: the SHA-256 of `digitmint:<domain>:<seed>`.
 * @param domain  Separates the uses of one seed: "sample" or "train". Lower-case ASCII, no colon.
 */
export function deriveKey(domain: string, seed: string): RandomKey {
  return sha256(utf8ToBytes(`digitmint:${domain}:${seed}`));
}

/**
 * Draws `count` 32-bit words of a keystream, each uniform over 0..2^32-1.
 * @param purpose  Selects a group of streams: an unsigned 32-bit integer, the nonce's first word.
 * @param index    Selects a stream: a sample's index or a training step. A safe integer >= 0, the
 *                 nonce's second and third words, little-endian.
 * @param block    The first block, ChaCha20's counter.
 */
export function drawWords(
  key: RandomKey,
  purpose: number,
  index: number,
  count: number,
  block = 0,
): Uint32Array {
  const nonce = new Uint8Array(12);
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
 * Writes `(words[i] >>> 8) / 2^23 - 1` to `out[i]`: uniform in [-1, 1), and exact in float32, since
 * only the top 24 bits of a word count.
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

/** The key of the last seed, because a set asks for the same key again and again. */
let known: { readonly seed: string; readonly key: RandomKey } | undefined;

export function deriveSeedKey(seed: string): RandomKey {
  if (known?.seed !== seed) {
    known = { seed, key: deriveKey('sample', seed) };
  }
  return known.key;
}

/**
 * Draws latent vectors: row-major [count, latentSize], in [-1, 1).
 * @param key   The seed's key.
 * @param draw  Draws the words; that of an engine is faster.
 */
export function drawLatents(
  key: RandomKey,
  start: number,
  count: number,
  latentSize: number,
  draw = drawWords,
): Float32Array {
  const latents = new Float32Array(count * latentSize);
  for (let i = 0; i < count; i++) {
    const words = draw(key, PURPOSE_SAMPLE, start + i, latentSize, LATENT_BLOCK);
    fillUniform(words, latents.subarray(i * latentSize, (i + 1) * latentSize));
  }
  return latents;
}

/**
 * Moves latent vectors toward the centre of the prior, in place. Uniform numbers in [-1, 1) become
 * uniform in [-truncation, truncation). The product is rounded once, so every platform has the same
 * bits.
 * @param truncation  0..1.
 */
export function truncate(latents: Float32Array, truncation: number): Float32Array {
  for (let i = 0; i < latents.length; i++) {
    latents[i] = (latents[i] as number) * truncation;
  }
  return latents;
}

/** Draws labels, [count]. Scaling a 32-bit word has a bias below classes / 2^32. */
export function drawLabels(
  key: RandomKey,
  start: number,
  count: number,
  classes: number,
  draw = drawWords,
): Uint8Array {
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const word = draw(key, PURPOSE_SAMPLE, start + i, 1)[0] as number;
    labels[i] = Math.floor((word * classes) / 2 ** 32);
  }
  return labels;
}

/**
 * Joins latent vectors and one-hot labels to a network's input, row-major [count, inputSize].
 * Without classes the input is `latents` itself.
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
