import { describe, expect, it } from 'vitest';
import { decodePixels, encodePixels } from '../../../shared/picture/pixels.ts';

describe('pixels', () => {
  it.each([[[0, 1]], [[-1, 1]]] as const)('restores every byte through the range %j', (range) => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(encodePixels(decodePixels(bytes, range), range)).toEqual(bytes);
  });

  it('clamps numbers outside of the range, and maps NaN to paper', () => {
    expect([...encodePixels(Float32Array.of(-2, -1, 0, 1, 2, NaN), [-1, 1])]).toEqual([
      0, 0, 128, 255, 255, 0,
    ]);
  });
});
