import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { traceOutlines, type Outline } from '../../../shared/picture/outline.ts';
import { timesAsMany } from '../../support/fast-check.ts';

/** Counts how often outlines wind round a point, by crossings of the ray to its right. */
function countTurns(outlines: readonly Outline[], px: number, py: number): number {
  let turns = 0;
  for (const outline of outlines) {
    for (let i = 0; i < outline.length; i += 2) {
      const [x0, y0] = [outline[i]!, outline[i + 1]!];
      const [x1, y1] = [outline[(i + 2) % outline.length]!, outline[(i + 3) % outline.length]!];
      const crosses = y0 > py !== y1 > py && px < x0 + ((py - y0) / (y1 - y0)) * (x1 - x0);
      turns += crosses ? (y1 > y0 ? 1 : -1) : 0;
    }
  }
  return turns;
}

describe('outlines', () => {
  it('wind once round the centre of every inked pixel and round no other', () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }));
    const pictures = sizes.chain(([width, height]) =>
      fc.tuple(
        fc.constant(width),
        fc.constant(height),
        fc.uint8Array({ minLength: width * height, maxLength: width * height }),
      ),
    );
    fc.assert(
      fc.property(pictures, ([width, height, pixels]) => {
        const outlines = traceOutlines(pixels, width, height);
        for (const [i, value] of pixels.entries()) {
          const turns = countTurns(outlines, (i % width) + 0.5, Math.floor(i / width) + 0.5);
          // Ink is on the left, so a counter-clockwise outline crosses the ray upwards.
          expect([i, turns]).toEqual([i, value > 127.5 ? -1 : 0]);
        }
        expect(outlines.flat().every((at) => at >= 0 && at <= Math.max(width, height))).toBe(true);
      }),
      { numRuns: timesAsMany(500) },
    );
  });

  it('of full ink are the picture’s border; blank paper has none', () => {
    const [outline] = traceOutlines(new Uint8Array(4).fill(255), 2, 2);
    expect(Math.min(...outline!)).toBe(0);
    expect(Math.max(...outline!)).toBe(2);
    expect(traceOutlines(new Uint8Array(4), 2, 2)).toEqual([]);
  });

  it('run where the ink, interpolated between centres, is half', () => {
    const [outline] = traceOutlines(Uint8Array.from([255, 0, 0]), 3, 1);
    expect(Math.max(...outline!.filter((_, i) => i % 2 === 0))).toBeCloseTo(1);
    const [wider] = traceOutlines(Uint8Array.from([255, 102, 0]), 3, 1);
    expect(Math.max(...wider!.filter((_, i) => i % 2 === 0))).toBeCloseTo(0.5 + 127.5 / 153);
  });
});
