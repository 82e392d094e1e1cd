/**
 * Tests that the pen of digits is measured correctly, and that signs are drawn with this pen,
 * inside the picture, each a little differently.
 */
import { describe, expect, it } from 'vitest';
import { measurePen, type Pen } from '../../../shared/picture/pen.ts';
import type { Samples } from '../../../shared/model/sampler.ts';
import { drawChances, drawSign, writeNumber, type Sign } from '../../../shared/picture/number.ts';

const SIDE = 40;
/** A pixel's ink is sampled on a grid with this many points a side. */
const FINE = 8;

/** Draws a sample: a pixel's ink is the part of the pixel that `isInk` covers. */
function paint(isInk: (x: number, y: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: SIDE * SIDE }, (_, p) => {
    const places = Array.from({ length: FINE * FINE }, (_place, i) =>
      isInk(
        (p % SIDE) + ((i % FINE) + 0.5) / FINE,
        Math.floor(p / SIDE) + (Math.floor(i / FINE) + 0.5) / FINE,
      ),
    );
    return Math.round((places.filter(Boolean).length / places.length) * 255);
  });
}

function join(...pictures: Uint8Array[]): Samples {
  const pixels = Uint8Array.from(pictures.flatMap((picture) => [...picture]));
  return { count: pictures.length, height: SIDE, width: SIDE, channels: 1, pixels, labels: null };
}

/** A straight line with round ends. */
const line = (radius: number, [ax, ay]: [number, number], [bx, by]: [number, number]) =>
  paint((x, y) => {
    const share = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2);
    const at = Math.min(Math.max(share, 0), 1);
    return Math.hypot(x - ax - at * (bx - ax), y - ay - at * (by - ay)) <= radius;
  });
const ring = (radius: number) =>
  paint((x, y) => Math.abs(Math.hypot(x - 20, y - 20) - 12) <= radius);

describe('the measurement of a pen', () => {
  it.each([1, 1.5, 2, 3])('finds the radius %f, whatever the pen wrote', (radius) => {
    for (const samples of [
      join(line(radius, [20, 6], [20, 34])),
      join(line(radius, [12, 8], [29, 33])),
      join(ring(radius)),
      join(line(radius, [8, 20], [30, 22]), ring(radius), line(radius, [20, 5], [16, 36])),
    ]) {
      expect(Math.abs(measurePen(samples).radius / radius - 1)).toBeLessThan(0.06);
    }
  });

  it('finds the slant, the lines and the ink', () => {
    const pen = measurePen(join(line(2, [26, 6], [18, 34]), line(2, [24, 8], [16, 36])));
    expect(pen.lean).toBeCloseTo(8 / 28, 1);
    expect([pen.top, pen.bottom]).toEqual([expect.closeTo(5, 0), expect.closeTo(37, 0)]);
    expect(pen.ink).toBe(255);
    expect(measurePen(join(line(2, [18, 6], [26, 34]))).lean).toBeLessThan(-0.2);
    const grey = line(2, [20, 6], [20, 34]).map((value) => value * 0.8);
    expect(measurePen(join(grey)).ink).toBe(204);
    // More inked pixels than a call takes arguments.
    const dark = new Uint8Array(400 ** 2).map((_, i) => (i % 10 < 8 ? 200 : 250));
    const samples = { count: 1, height: 400, width: 400, channels: 1, pixels: dark, labels: null };
    expect(measurePen(samples).ink).toBe(200);
  });

  it('works without ink, and for a blob', () => {
    const blank = new Uint8Array(SIDE * SIDE);
    const blob = paint((x, y) => Math.hypot(x - 20, y - 20) < 15);
    for (const samples of [
      join(blank),
      join(new Uint8Array(SIDE * SIDE).fill(255)),
      join(blob),
      join(blank, blob),
    ]) {
      expect(Object.values(measurePen(samples)).every((value) => Number.isFinite(value))).toBe(
        true,
      );
    }
  });
});

const PEN: Pen = { radius: 2, softness: 1, ink: 250, lean: 0, top: 6, bottom: 34 };
const SIGNS: readonly Sign[] = ['-', '+', '.', ','];
const draw = (sign: Sign, seed: string, pen = PEN) =>
  drawSign(sign, pen, { height: SIDE, width: SIDE }, drawChances(seed, 0, 0));

/** Finds the rows and the columns with ink. */
function findBox(pixels: Uint8Array): { top: number; bottom: number; left: number; right: number } {
  const inked = [...pixels.keys()].filter((p) => (pixels[p] as number) >= 128);
  const [xs, ys] = [inked.map((p) => p % SIDE), inked.map((p) => Math.floor(p / SIDE))];
  return {
    top: Math.min(...ys),
    bottom: Math.max(...ys),
    left: Math.min(...xs),
    right: Math.max(...xs),
  };
}

describe('a sign', () => {
  it('is as thick and as dark as the digits', () => {
    for (const radius of [1, 2, 3]) {
      const pixels = draw('-', 'a', { ...PEN, radius });
      const middle = Array.from({ length: SIDE }, (_, y) => pixels[y * SIDE + SIDE / 2] as number);
      expect(
        Math.abs(middle.reduce((sum, value) => sum + value) / PEN.ink / (2 * radius) - 1),
      ).toBeLessThan(0.15);
      expect(Math.max(...pixels)).toBe(PEN.ink);
    }
  });

  it('has its place between the lines, inside the picture', () => {
    for (let i = 0; i < 50; i++) {
      const [minus, plus, dot, comma] = SIGNS.map((sign) =>
        findBox(draw(sign, `seed ${i}`)),
      ) as ReturnType<typeof findBox>[];
      expect(minus!.right - minus!.left).toBeGreaterThan(3 * (minus!.bottom - minus!.top - 3));
      expect((minus!.top + minus!.bottom) / 2).toSatisfy((y: number) => y > 17 && y < 24);
      expect([plus!.top > PEN.top, plus!.bottom < PEN.bottom]).toEqual([true, true]);
      expect(dot!.top).toBeGreaterThan(27);
      expect(Math.abs(dot!.bottom + 1 - PEN.bottom)).toBeLessThanOrEqual(2);
      expect(comma!.bottom).toBeGreaterThan(dot!.bottom);
      const low = draw(',', `seed ${i}`, { ...PEN, bottom: SIDE });
      expect(Math.max(...low.subarray(-SIDE))).toBeLessThan(PEN.ink);
      expect(findBox(low).bottom - findBox(low).top).toBeGreaterThan(5);
    }
  });

  it('differs a little each time, and is the same for the same seed and index', () => {
    for (const sign of SIGNS) {
      const drawn = ['a', 'b', 'c', 'd'].map((seed) => draw(sign, seed).join());
      expect(new Set(drawn).size).toBe(4);
      expect(draw(sign, 'a').join()).toBe(drawn[0]);
    }
    const places = [drawChances('a', 0, 0), drawChances('a', 0, 5), drawChances('a', 1, 0)];
    expect(new Set(places.map(String)).size).toBe(3);
    expect(places.flat().every((chance) => chance >= -1 && chance < 1)).toBe(true);
  });

  it('leaves the digits beside it unchanged', () => {
    const [one, nought] = [line(2, [20, 6], [20, 34]), ring(2)];
    const hand = { seed: 'a', start: 0 };
    const plain = writeNumber('10', join(one, nought), hand);
    const signed = writeNumber('-1 ,0', join(one, nought), hand);
    const readColumns = ({ width, pixels }: Samples) =>
      Array.from({ length: width }, (_, x) =>
        Array.from({ length: SIDE }, (_row, y) => pixels[y * width + x]).join(),
      );
    const inked = readColumns(plain).filter((column) => /[1-9]/.test(column));
    expect(
      readColumns(signed).filter((column) => inked.includes(column)).length,
    ).toBeGreaterThanOrEqual(inked.length);
    // A space is as wide as the space between digits, not as a digit.
    const spaced = writeNumber('1 0', join(one, nought), hand);
    expect(spaced.width - plain.width).toBeGreaterThan(4);
    expect(spaced.width - plain.width).toBeLessThan(SIDE / 2);
  });
});
