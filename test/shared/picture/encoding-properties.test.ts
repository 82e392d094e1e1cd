/** Tests properties of all pictures and arrays: other programs can read the written files. */
import fc from 'fast-check';
import { PNG } from 'pngjs';
import { describe, expect, it } from 'vitest';
import type { Colour } from '../../../shared/picture/colour.ts';
import { encodeIdxHeader, encodeNpy } from '../../../shared/array-headers.ts';
import { decodePixels, encodePixels } from '../../../shared/picture/pixels.ts';
import type { Samples } from '../../../shared/model/sampler.ts';
import { buildSheet, encodePng } from '../../../shared/picture/sheet.ts';
import { pngEncoder } from '../../../trainer/node-kernels.ts';
import { encodeLines } from '../../../worker/formats/digits.ts';
import { timesAsMany } from '../../support/fast-check.ts';

const samples: fc.Arbitrary<Samples> = fc
  .record({
    count: fc.integer({ min: 1, max: 7 }),
    height: fc.integer({ min: 1, max: 5 }),
    width: fc.integer({ min: 1, max: 5 }),
    channels: fc.constantFrom(1, 3),
  })
  .chain((size) => {
    const length = size.count * size.height * size.width * size.channels;
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((pixels) => ({ ...size, pixels, labels: null }));
  });
const layout = fc.record({
  cols: fc.integer({ min: 1, max: 9 }),
  scale: fc.integer({ min: 1, max: 4 }),
  gap: fc.integer({ min: 0, max: 3 }),
  margin: fc.integer({ min: 0, max: 3 }),
});
const channel = fc.integer({ min: 0, max: 255 });
const opaque: fc.Arbitrary<Colour> = fc.tuple(channel, channel, channel, fc.constant(255));

describe('a sheet as PNG', () => {
  it('has each pixel at the place of its digit, row and column, and paper elsewhere', () => {
    fc.assert(
      fc.property(samples, layout, (drawn, { cols, scale, gap, margin }) => {
        const { count, height, width, channels, pixels } = drawn;
        const png = PNG.sync.read(
          Buffer.from(encodePng(pngEncoder, buildSheet(drawn, { cols, scale, gap, margin }))),
        );
        const expected = new Uint8Array(png.width * png.height * 4).map((_, i) =>
          i % 4 === 3 ? 255 : 0,
        );
        for (let i = 0; i < count * height * width * scale * scale; i++) {
          const [digit, place] = [
            Math.floor(i / (height * width * scale * scale)),
            i % (height * width * scale * scale),
          ];
          const [y, x] = [Math.floor(place / (width * scale)), place % (width * scale)];
          const top = margin + Math.floor(digit / cols) * (height * scale + gap) + y;
          const left = margin + (digit % cols) * (width * scale + gap) + x;
          const from =
            (digit * height * width + Math.floor(y / scale) * width + Math.floor(x / scale)) *
            channels;
          for (let c = 0; c < 3; c++) {
            expected[(top * png.width + left) * 4 + c] = pixels[from + (channels === 1 ? 0 : c)]!;
          }
        }
        expect(png.data.equals(expected)).toBe(true);
      }),
      { numRuns: timesAsMany(150) },
    );
  });

  it('is read in any opaque colours, with each pixel between paper and ink', () => {
    const grey = samples.filter(({ channels }) => channels === 1);
    fc.assert(
      fc.property(grey, opaque, opaque, (drawn, fg, bg) => {
        const { data } = PNG.sync.read(
          Buffer.from(
            encodePng(pngEncoder, buildSheet(drawn, { cols: drawn.count, scale: 1 }), { fg, bg }),
          ),
        );
        const { count, height, width, pixels } = drawn;
        for (let i = 0; i < pixels.length; i++) {
          const [digit, y, x] = [
            Math.floor(i / (height * width)),
            Math.floor(i / width) % height,
            i % width,
          ];
          for (const c of [0, 1, 2] as const) {
            const exact = bg[c] + ((fg[c] - bg[c]) * pixels[i]!) / 255;
            expect(
              Math.abs(data[(y * count * width + digit * width + x) * 4 + c]! - exact),
            ).toBeLessThanOrEqual(0.5001);
          }
        }
      }),
      { numRuns: timesAsMany(100) },
    );
  });
});

describe('an array', () => {
  const arrays = fc
    .array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 })
    .chain((shape) => {
      const length = shape.reduce((product, size) => product * size, 1);
      return fc
        .uint8Array({ minLength: length, maxLength: length })
        .map((data) => ({ shape, data }));
    });

  it('matches the specification as .npy', () => {
    fc.assert(
      fc.property(arrays, ({ shape, data }) => {
        const bytes = Buffer.from(encodeNpy(shape, data));
        expect(bytes.subarray(0, 8).toString('latin1')).toBe('\x93NUMPY\x01\x00');
        const start = 10 + bytes.readUInt16LE(8);
        expect(start % 64).toBe(0);
        const head = bytes.subarray(10, start).toString('latin1');
        expect(head.endsWith('\n')).toBe(true);
        const [, descr, order, dimensions] =
          /^\{'descr': '(.*)', 'fortran_order': (.*), 'shape': \((.*)\), \} *\n$/.exec(head) ?? [];
        expect([descr, order]).toEqual(['|u1', 'False']);
        expect(
          dimensions!
            .split(',')
            .filter((part) => part.trim() !== '')
            .map(Number),
        ).toEqual(shape);
        expect(bytes.subarray(start).equals(data)).toBe(true);
      }),
    );
  });

  it('has its magic number and big-endian sizes as IDX', () => {
    fc.assert(
      fc.property(arrays, fc.integer({ min: 1, max: 2 ** 31 }), ({ shape }, large) => {
        const sizes = [large, ...shape];
        const head = Buffer.from(encodeIdxHeader(sizes));
        expect([...head.subarray(0, 4)]).toEqual([0, 0, 8, sizes.length]);
        expect(sizes.map((_, i) => head.readUInt32BE(4 + 4 * i))).toEqual(sizes);
        expect(head.length).toBe(4 + 4 * sizes.length);
      }),
    );
  });
});

describe('pixels', () => {
  it('are restored from the network’s numbers, in any range that training uses', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom<[number, number]>([0, 1], [-1, 1], [0, 255], [-0.5, 7]),
        (bytes, range) => {
          expect(encodePixels(decodePixels(bytes, range), range)).toEqual(bytes);
        },
      ),
    );
  });

  it('are bytes between paper and ink for any number, and are monotonic', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), fc.float({ noNaN: true }), (one, two) => {
        const [low, high] = encodePixels(
          Float32Array.of(Math.min(one, two), Math.max(one, two)),
          [-1, 1],
        );
        expect(low!).toBeLessThanOrEqual(high!);
      }),
    );
  });

  it('are the same in JSON as numbers and as base64, with any class name', () => {
    const names = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 64 });
    fc.assert(
      fc.property(samples, names, (drawn, className) => {
        const labelled = { ...drawn, labels: new Uint8Array(drawn.count) };
        const write = (pixels: 'array' | 'base64') => {
          const context = {
            classes: [className],
            pixels,
            writeUrl: (index: number) => `/${index}`,
          };
          const lines = Buffer.from(encodeLines(context, labelled, 5)).toString();
          return lines
            .trimEnd()
            .split('\n')
            .map(
              (item) =>
                JSON.parse(item) as { index: number; class: string; pixels: number[] & string },
            );
        };
        const [arrays, texts] = [write('array'), write('base64')];
        expect(arrays.map((item) => [item.index, item.class])).toEqual(
          arrays.map((_, i) => [5 + i, className]),
        );
        expect(texts.map((item) => [...Buffer.from(item.pixels, 'base64')])).toEqual(
          arrays.map((item) => item.pixels),
        );
        expect(arrays.flatMap((item) => item.pixels)).toEqual([...drawn.pixels]);
      }),
      { numRuns: timesAsMany(60) },
    );
  });
});
