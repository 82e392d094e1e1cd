import { describe, expect, it } from 'vitest';
import { joinSamples, measureWidestJoined } from '../../../shared/picture/number.ts';
import type { Samples } from '../../../shared/model/sampler.ts';

/** Makes samples of 4 x 20 with ink in some columns. */
function makeSamples(channels: number, ...inked: (readonly number[])[]): Samples {
  const pixels = new Uint8Array(inked.length * 80 * channels);
  for (const [i, columns] of inked.entries()) {
    for (const x of columns) {
      pixels[(i * 80 + 20 + x) * channels + channels - 1] = 200 + x;
    }
  }
  return {
    count: inked.length,
    height: 4,
    width: 20,
    channels,
    pixels,
    labels: new Uint8Array(inked.length),
  };
}

describe('digits joined to a number', () => {
  it.each([1, 3])(
    'keep their columns of ink in order, with two columns of paper between (%i channels)',
    (channels) => {
      const joined = joinSamples(makeSamples(channels, [3, 5], [0], [19]));
      expect(joined).toMatchObject({
        count: 1,
        height: 4,
        width: 2 + 3 + 2 + 1 + 2 + 1 + 2,
        channels,
        labels: null,
      });
      const row = Array.from(
        { length: joined.width },
        (_, x) => joined.pixels[(joined.width + x) * channels + channels - 1],
      );
      expect(row).toEqual([0, 0, 203, 0, 205, 0, 0, 200, 0, 0, 219, 0, 0]);
      expect(joined.pixels.reduce((sum, value) => sum + value, 0)).toBe(203 + 205 + 200 + 219);
    },
  );

  it('keep their width without ink, or with ink at both ends', () => {
    expect(joinSamples(makeSamples(1, [])).width).toBe(24);
    expect(joinSamples(makeSamples(1, [0, 19])).width).toBe(24);
    const widest = joinSamples(makeSamples(1, [0, 19], [], [0, 19]));
    expect(measureWidestJoined({ height: 4, width: 20 }, 3)).toEqual({
      height: 4,
      width: widest.width,
    });
  });
});
