/** Tests how pictures of written digits become what MNIST's digits are. */
import { describe, expect, it } from 'vitest';
import type { GreyPicture } from '../../../shared/hand/ink-map.ts';
import { normaliseDigit } from '../../../shared/hand/written-digit.ts';
import { loadTestDigits } from '../../../trainer/evaluation/digits.ts';

const { dataset } = await loadTestDigits();
const SIZE = 28 * 28;
const takeDigit = (index: number): Uint8Array =>
  dataset.images.subarray(index * SIZE, (index + 1) * SIZE);

function expectDigit(picture: GreyPicture): Uint8Array {
  const digit = normaliseDigit(picture);
  expect(digit).toBeInstanceOf(Uint8Array);
  return digit as Uint8Array;
}

/** The root mean squared difference, in levels of 255. */
function compare(a: Uint8Array, b: Uint8Array): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - (b[i] as number)) ** 2, 0) / SIZE);
}

/** The same where `b` may lie a pixel beside `a`: a centre of mass is rounded either way. */
function compareNear(a: Uint8Array, b: Uint8Array): number {
  const steps = [-29, -28, -27, -1, 0, 1, 27, 28, 29];
  return Math.min(
    ...steps.map((step) =>
      compare(
        a,
        a.map((_, i) => b[i + step] ?? 0),
      ),
    ),
  );
}

/** Draws a polyline with a round pen on a canvas. Points are shares of the side. */
function drawStroke(
  side: number,
  penWidth: number,
  points: readonly (readonly [number, number])[],
  ink = 255,
  paper = 0,
): GreyPicture {
  const pixels = new Uint8Array(side * side).fill(paper);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      let nearest = Infinity;
      for (let i = 1; i < points.length; i++) {
        const [ax, ay] = (points[i - 1] as [number, number]).map((part) => part * side) as [
          number,
          number,
        ];
        const [bx, by] = (points[i] as [number, number]).map((part) => part * side) as [
          number,
          number,
        ];
        const length = (bx - ax) ** 2 + (by - ay) ** 2;
        const share = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length;
        const at = Math.max(0, Math.min(1, share));
        nearest = Math.min(nearest, Math.hypot(x - ax - at * (bx - ax), y - ay - at * (by - ay)));
      }
      const cover = Math.max(0, Math.min(1, penWidth / 2 - nearest + 0.5));
      pixels[y * side + x] = Math.round(paper + (ink - paper) * cover);
    }
  }
  return { width: side, height: side, pixels };
}

const SEVEN = [
  [0.3, 0.25],
  [0.7, 0.25],
  [0.45, 0.75],
] as const;
const sumInk = (digit: Uint8Array): number => digit.reduce((sum, value) => sum + value / 255, 0);

describe('a normalised digit', () => {
  it('of MNIST stays what it is: 95 of 100 change by less than 2 levels', () => {
    const differences = Array.from({ length: 500 }, (_, i) => {
      const digit = takeDigit(i);
      return compare(expectDigit({ width: 28, height: 28, pixels: digit }), digit);
    });
    expect(differences.filter((difference) => difference < 2).length).toBeGreaterThan(475);
  });

  it('has its longer side in the box of 20, and its centre of mass in the middle', () => {
    const digit = expectDigit(drawStroke(300, 20, SEVEN));
    const [rows, columns] = [new Set<number>(), new Set<number>()];
    let [sum, across, down] = [0, 0, 0];
    digit.forEach((value, i) => {
      if (value > 0) {
        rows.add(Math.floor(i / 28));
        columns.add(i % 28);
        sum += value;
        across += value * (i % 28);
        down += value * Math.floor(i / 28);
      }
    });
    expect([rows.size, columns.size < 20]).toEqual([20, true]);
    expect(Math.abs(across / sum - 14)).toBeLessThanOrEqual(0.5);
    expect(Math.abs(down / sum - 14)).toBeLessThanOrEqual(0.5);
  });

  it('is nearly the same from any size, place and colour of paper', () => {
    const expected = expectDigit(drawStroke(300, 20, SEVEN));
    const moved = SEVEN.map(([x, y]) => [x * 0.4 + 0.05, y * 0.4 + 0.5] as const);
    const others = [
      drawStroke(120, 8, SEVEN),
      drawStroke(900, 60, SEVEN),
      drawStroke(300, 20, SEVEN, 30, 240),
      drawStroke(600, 16, moved, 20, 255),
      drawStroke(900, 24, moved, 255, 0),
    ];
    expect(others.map((each) => compareNear(expectDigit(each), expected) < 35)).toEqual(
      others.map(() => true),
    );
  });

  it('is found at the end of a long strip of paper', () => {
    const digit = drawStroke(80, 5, SEVEN, 20, 240);
    for (const width of [119, 239]) {
      const pixels = new Uint8Array(width * 1600).fill(240);
      for (let y = 0; y < 80; y++) {
        pixels.set(digit.pixels.subarray(y * 80, (y + 1) * 80), (1500 + y) * width + 20);
      }
      const found = expectDigit({ width, height: 1600, pixels });
      expect(compareNear(found, expectDigit(digit))).toBeLessThan(10);
    }
  });

  it('of a photograph loses noise, specks and the shade of the paper', () => {
    const clean = drawStroke(400, 24, SEVEN, 60, 200);
    const pixels = clean.pixels.map((value, i) => {
      const shade = 1 - 0.35 * ((i % 400) / 400);
      const noise = ((i * 2_654_435_761) >>> 0) / 2 ** 32 - 0.5;
      return Math.round(value * shade + 10 * noise);
    });
    pixels.fill(70, 20 * 400 + 30, 20 * 400 + 33);
    const digit = expectDigit({ ...clean, pixels });
    expect(compareNear(digit, expectDigit(clean))).toBeLessThan(40);
  });

  it('of a photograph loses the table and the finger at its border', () => {
    const clean = drawStroke(400, 16, SEVEN, 60, 220);
    const [table, finger] = [0, 1].map(() => clean.pixels.slice()) as [Uint8Array, Uint8Array];
    for (let y = 0; y < 400; y++) {
      table.fill(90, y * 400 + 340, y * 400 + 400);
      finger.fill(50, y * 400, y * 400 + Math.max(0, 100 - y));
    }
    for (const pixels of [table, finger]) {
      expect(compareNear(expectDigit({ ...clean, pixels }), expectDigit(clean))).toBeLessThan(10);
    }
  });

  it('of a photograph in strong shade is what it is in even light', () => {
    const clean = drawStroke(400, 16, SEVEN, 60, 220);
    const pixels = clean.pixels.map((value, i) =>
      Math.round(value * (1 - 0.55 * ((i % 400) / 400))),
    );
    expect(compareNear(expectDigit({ ...clean, pixels }), expectDigit(clean))).toBeLessThan(30);
  });

  it('keeps ink that reaches the border when there is no other', () => {
    const bar = [
      [0, 0.1],
      [1, 0.1],
      [0.4, 1],
    ] as const;
    const inside = SEVEN.map(([x, y]) => [(x - 0.3) * 2 + 0.1, (y - 0.25) * 1.6 + 0.1] as const);
    expect(sumInk(expectDigit(drawStroke(200, 20, bar)))).toBeGreaterThan(
      0.6 * sumInk(expectDigit(drawStroke(200, 20, inside))),
    );
  });

  it('of thin and thick pens has lines as wide as in MNIST', () => {
    const amounts = [2, 4, 10, 30, 70].map((pen) =>
      sumInk(expectDigit(drawStroke(400, pen, SEVEN))),
    );
    const [hair, thin, usual, bold, marker] = amounts as [number, number, number, number, number];
    // Without care a hair of 2 of 200 pixels would be a fifth of a pixel wide.
    expect(hair).toBeGreaterThan(30);
    expect(Math.abs(hair - thin)).toBeLessThan(12);
    expect(usual).toBeLessThan(bold);
    // MNIST's digits have 103 pixels of ink on average.
    expect(marker).toBeLessThan(190);
  });
});

describe('a picture without one digit', () => {
  const fill = (side: number, value: number): GreyPicture => ({
    width: side,
    height: side,
    pixels: new Uint8Array(side * side).fill(value),
  });

  it('is refused when it is blank, on any paper', () => {
    for (const picture of [fill(28, 0), fill(300, 255), fill(64, 120), fill(1, 0)]) {
      expect(normaliseDigit(picture)).toEqual({ reason: 'blank' });
    }
  });

  it('is refused when two digits are beside each other', () => {
    const pixels = new Uint8Array(60 * 28);
    for (let y = 0; y < 28; y++) {
      pixels.set(takeDigit(0).subarray(y * 28, y * 28 + 28), y * 60);
      pixels.set(takeDigit(1).subarray(y * 28, y * 28 + 28), y * 60 + 30);
    }
    expect(normaliseDigit({ width: 60, height: 28, pixels })).toEqual({
      reason: 'several',
      count: 2,
    });
  });

  it('is refused when the ink is too small to tell, or a blot', () => {
    const dot = fill(100, 0);
    dot.pixels.fill(255, 5040, 5044);
    expect(normaliseDigit(dot)).toMatchObject({ reason: 'too_small', side: 4 });
    const blot = fill(100, 0);
    for (let y = 20; y < 80; y++) {
      blot.pixels.fill(255, y * 100 + 20, y * 100 + 80);
    }
    expect(normaliseDigit(blot)).toEqual({ reason: 'filled' });
  });
});
