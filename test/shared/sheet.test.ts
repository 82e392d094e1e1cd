import { PNG } from 'pngjs';
import { describe, expect, it } from 'vitest';
import { buildSheet, chooseCols, encodePng, measureSheet } from '../../shared/sheet.ts';
import type { Samples } from '../../shared/sampler.ts';

/** `count` samples of 2 x 3, each pixel a number of its own. */
function makeSamples(count: number, channels = 1): Samples {
  const pixels = Uint8Array.from({ length: count * 6 * channels }, (_, i) => (i * 7 + 1) % 256);
  return { count, height: 2, width: 3, channels, pixels, labels: null };
}

describe('sheets', () => {
  it.each([
    [1, 1, 1, 1],
    [5, 3, 1, 1],
    [5, 3, 4, 1],
    [4, 9, 2, 1],
    [7, 2, 3, 3],
  ])(
    'put every pixel of %i samples in %i columns at scale %i with %i channels where it belongs',
    (count, cols, scale, channels) => {
      const samples = makeSamples(count, channels);
      const decoded = PNG.sync.read(Buffer.from(encodePng(buildSheet(samples, { cols, scale }))));
      expect({ width: decoded.width, height: decoded.height }).toEqual(measureSheet(samples, count, { cols, scale }));
      for (let y = 0; y < decoded.height; y++) {
        for (let x = 0; x < decoded.width; x++) {
          const i = Math.floor(y / (2 * scale)) * cols + Math.floor(x / (3 * scale));
          for (let c = 0; c < 3; c++) {
            const at =
              ((i * 2 + (Math.floor(y / scale) % 2)) * 3 + (Math.floor(x / scale) % 3)) * channels + Math.min(c, channels - 1);
            expect(decoded.data[(y * decoded.width + x) * 4 + c]).toBe(i < count ? samples.pixels[at] : 0);
          }
        }
      }
    },
  );

  it('are as square as they can be', () => {
    expect([1, 2, 4, 5, 16, 17, 256].map(chooseCols)).toEqual([1, 2, 2, 3, 4, 5, 16]);
  });
});
