import { describe, expect, it } from 'vitest';
import { enlargePixels } from '../../../shared/picture/sheet.ts';

describe('enlarging', () => {
  it('changes nothing at scale 1', () => {
    const pixels = Uint8Array.from({ length: 12 }, (_, i) => i * 20);
    expect(enlargePixels(pixels, 2, 2, 3, 1)).toEqual(pixels);
  });

  it('keeps an even area even, and keeps channels apart', () => {
    const pixels = Uint8Array.from({ length: 27 }, (_, i) => [10, 128, 255][i % 3]!);
    const large = enlargePixels(pixels, 3, 3, 3, 4);
    expect(large.every((value, i) => value === [10, 128, 255][i % 3])).toBe(true);
  });

  it('continues a straight slope, as cubic convolution does', () => {
    const width = 8;
    const pixels = Uint8Array.from(
      { length: width * 6 },
      (_, i) => 20 + (i % width) * 20 + Math.floor(i / width) * 8,
    );
    const large = enlargePixels(pixels, 6, width, 1, 3);
    for (let y = 6; y < 12; y++) {
      for (let x = 6; x < 18; x++) {
        const exact = 20 + ((x + 0.5) / 3 - 0.5) * 20 + ((y + 0.5) / 3 - 0.5) * 8;
        expect(Math.abs(large[y * width * 3 + x]! - exact)).toBeLessThanOrEqual(0.51);
      }
    }
  });

  it('commutes with turning the picture', () => {
    const pixels = Uint8Array.from({ length: 25 }, (_, i) => (i * i * 7) % 256);
    const turned = Uint8Array.from(pixels, (_, i) => pixels[(i % 5) * 5 + Math.floor(i / 5)]!);
    const [large, largeTurned] = [
      enlargePixels(pixels, 5, 5, 1, 4),
      enlargePixels(turned, 5, 5, 1, 4),
    ];
    const off = large.map((value, i) =>
      Math.abs(value - largeTurned[(i % 20) * 20 + Math.floor(i / 20)]!),
    );
    // Enlarging the axes in the other order may round the last bit differently.
    expect(Math.max(...off)).toBeLessThanOrEqual(1);
  });
});
