import { createHash } from 'node:crypto';
import { PNG } from 'pngjs';
import { describe, expect, it } from 'vitest';
import { parseColour } from '../../../shared/picture/colour.ts';
import { buildSheet, encodePng } from '../../../shared/picture/sheet.ts';
import { chooseCols, measureSheet } from '../../../shared/picture/sheet-layout.ts';
import type { Samples } from '../../../shared/model/sampler.ts';
import { pngEncoder } from '../../../trainer/node-kernels.ts';

/** Makes `count` samples of 2 x 3. Every pixel has another value. */
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
    'put every pixel of %i samples in %i columns at scale %i with %i channels in its place',
    (count, cols, scale, channels) => {
      const samples = makeSamples(count, channels);
      const decoded = PNG.sync.read(
        Buffer.from(encodePng(pngEncoder, buildSheet(samples, { cols, scale }))),
      );
      expect({ width: decoded.width, height: decoded.height }).toEqual(
        measureSheet(samples, count, { cols, scale }),
      );
      for (let y = 0; y < decoded.height; y++) {
        for (let x = 0; x < decoded.width; x++) {
          const i = Math.floor(y / (2 * scale)) * cols + Math.floor(x / (3 * scale));
          for (let c = 0; c < 3; c++) {
            const at =
              ((i * 2 + (Math.floor(y / scale) % 2)) * 3 + (Math.floor(x / scale) % 3)) * channels +
              Math.min(c, channels - 1);
            expect(decoded.data[(y * decoded.width + x) * 4 + c]).toBe(
              i < count ? samples.pixels[at] : 0,
            );
          }
        }
      }
    },
  );

  it.each([
    [1, 1, 1, 1, '98d78b1d3d894d4e30295eccdac7807da4f867c187e80980a2b3dc45ea9a9e8e'],
    [5, 3, 4, 1, '412cefbc97180d507cc7b6e025a4fd87fffb52a1878f70bc67901b69a33f54ca'],
    [7, 2, 3, 3, 'a08df70146d33697df441fcb6a2e5125e97da58aac425a5afb69c0194dfec382'],
  ])(
    'keep the bytes of pinned URLs: %i in %i columns at scale %i, %i channels',
    (count, cols, scale, channels, sha256) => {
      const pixels = Uint8Array.from(
        { length: count * 784 * channels },
        (_, i) => (Math.floor(i / 5) * 37 + (i % 7)) % 256,
      );
      const png = encodePng(
        pngEncoder,
        buildSheet(
          { count, height: 28, width: 28, channels, pixels, labels: null },
          { cols, scale },
        ),
      );
      expect(createHash('sha256').update(png).digest('hex')).toBe(sha256);
    },
  );

  it('have gaps and margins of paper', () => {
    const samples = { ...makeSamples(3), pixels: new Uint8Array(18).fill(255) };
    const layout = { cols: 2, scale: 2, gap: 3, margin: 5 };
    const { width, height, pixels } = buildSheet(samples, layout);
    expect({ width, height }).toEqual({ width: 2 * 5 + 2 * 6 + 3, height: 2 * 5 + 2 * 4 + 3 });
    expect(measureSheet(samples, 3, layout)).toEqual({ width, height });
    const isInk = (x: number, y: number) =>
      [
        [5, 5],
        [14, 5],
        [5, 12],
      ].some(([left, top]) => x >= left! && x < left! + 6 && y >= top! && y < top! + 4);
    for (const [i, value] of pixels.entries()) {
      expect([i, value]).toEqual([i, isInk(i % width, Math.floor(i / width)) ? 255 : 0]);
    }
  });

  it.each<[string, string]>([
    ['000000', 'ffffff'],
    ['1d2430', 'fbfaf7'],
    ['0b7a5b', 'transparent'],
    ['transparent', 'ff0000'],
    ['ff000080', '00ff0040'],
    ['808080', '808080'],
  ])('are painted in ink %s on paper %s, with premultiplied mixing', (ink, paper) => {
    const [fg, bg] = [parseColour(ink)!, parseColour(paper)!];
    const samples: Samples = {
      count: 1,
      height: 16,
      width: 16,
      channels: 1,
      pixels: Uint8Array.from({ length: 256 }, (_, i) => i),
      labels: null,
    };
    const png = encodePng(pngEncoder, buildSheet(samples, { cols: 1, scale: 1 }), { fg, bg });
    const { data } = PNG.sync.read(Buffer.from(png));
    for (let i = 0; i < 256; i++) {
      const alpha = (fg[3] * i + bg[3] * (255 - i)) / 255;
      expect(Math.abs(data[i * 4 + 3]! - alpha)).toBeLessThanOrEqual(0.51);
      for (const c of [0, 1, 2] as const) {
        const light = (fg[c] * fg[3] * i + bg[c] * bg[3] * (255 - i)) / 255;
        expect(Math.abs(data[i * 4 + c]! * alpha - light)).toBeLessThanOrEqual(0.51 * 255);
      }
    }
  });

  it('stay small in colours: a palette of the used colours, none for shades of grey', () => {
    const samples: Samples = {
      count: 1,
      height: 28,
      width: 28,
      channels: 1,
      pixels: Uint8Array.from({ length: 784 }, (_, i) => (i % 3) * 100),
      labels: null,
    };
    const sheet = buildSheet(samples, { cols: 1, scale: 1 });
    const plain = encodePng(pngEncoder, sheet).length;
    expect(
      encodePng(pngEncoder, sheet, { fg: [0, 0, 0, 255], bg: [250, 250, 250, 255] }).length,
    ).toBeLessThanOrEqual(plain + 4);
    expect(
      encodePng(pngEncoder, sheet, { fg: [9, 0, 0, 255], bg: [250, 250, 250, 0] }).length,
    ).toBeLessThanOrEqual(plain + 12 + 9 + 12 + 3 + 4);
  });

  it('are as nearly square as possible', () => {
    expect([1, 2, 4, 5, 16, 17, 256].map(chooseCols)).toEqual([1, 2, 2, 3, 4, 5, 16]);
  });
});
