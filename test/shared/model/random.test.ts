import { createCipheriv, createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveKey, drawWords, fillUniform } from '../../../shared/model/random.ts';
import '../../support/fast-check.ts';

/** OpenSSL's ChaCha20. Its 16-byte IV is the block counter and the nonce. */
function drawWithOpenSsl(
  key: Uint8Array,
  purpose: number,
  index: bigint,
  count: number,
  block: number,
): number[] {
  const iv = Buffer.alloc(16);
  iv.writeUInt32LE(block, 0);
  iv.writeUInt32LE(purpose, 4);
  iv.writeBigUInt64LE(index, 8);
  const stream = createCipheriv('chacha20', key, iv).update(Buffer.alloc(count * 4));
  return Array.from({ length: count }, (_, i) => stream.readUInt32LE(i * 4));
}

describe('randomness', () => {
  it('derives a key as SHA-256 of domain and seed', () => {
    const expected = createHash('sha256').update('digitmint:sample:日本').digest();
    expect(Buffer.from(deriveKey('sample', '日本'))).toEqual(expected);
  });

  it('draws the words that OpenSSL draws, for any stream and block', () => {
    const index = fc.bigInt({ min: 0n, max: BigInt(Number.MAX_SAFE_INTEGER) });
    fc.assert(
      fc.property(
        fc.string(),
        fc.nat(2 ** 32 - 1),
        index,
        fc.nat(200),
        fc.nat(1000),
        (seed, purpose, at, count, block) => {
          const key = deriveKey('sample', seed);
          expect([...drawWords(key, purpose, Number(at), count, block)]).toEqual(
            drawWithOpenSsl(key, purpose, at, count, block),
          );
        },
      ),
    );
  });

  it('maps words to [-1, 1), exact in float32', () => {
    const words = Uint32Array.of(0, 0xff, 0x100, 0x8000_0000, 0xffff_ffff);
    const values = new Float32Array(words.length);
    fillUniform(words, values);
    expect([...values]).toEqual([-1, -1, -1 + 2 ** -23, 0, 1 - 2 ** -23]);
  });

  it('is uniform: mean, variance and tails of 100,000 draws', () => {
    const values = new Float32Array(100_000);
    fillUniform(drawWords(deriveKey('sample', 'uniform'), 0, 0, values.length), values);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.01);
    expect(variance).toBeCloseTo(1 / 3, 2);
    expect(values.filter((value) => value < -0.9).length / values.length).toBeCloseTo(0.05, 2);
  });
});
