/** Digits for a visitor who does not want to draw. Points are parts of the canvas's side. */
import type { Stroke } from './strokes.ts';

/** Samples a curve. @param point  Gives the point at a time from 0 to 1. */
function sample(point: (time: number) => readonly [number, number]): Stroke {
  return Array.from({ length: 25 }, (_, i) => point(i / 24));
}

/** Reads points, x and y in hundredths of the side. */
const read = (points: string): Stroke =>
  points.split(' ').map((point) => {
    const [x, y] = point.split(',').map((part) => Number(part) / 100);
    return [x as number, y as number];
  });

export const EXAMPLES: readonly (readonly Stroke[])[] = [
  // A leaning 7 with a bar.
  [read('30,22 50,20 74,20 62,45 50,65 42,84'), read('40,52 70,50')],
  // A round 3.
  [
    [
      ...sample((time) => {
        const angle = Math.PI * (1.15 - 1.6 * time);
        return [0.47 + 0.2 * Math.cos(angle), 0.32 - 0.14 * Math.sin(angle)];
      }),
      ...sample((time) => {
        const angle = Math.PI * (0.55 - 1.55 * time);
        return [0.47 + 0.23 * Math.cos(angle), 0.65 - 0.19 * Math.sin(angle)];
      }),
    ],
  ],
  // An upright, narrow 4.
  [read('42,16 38,35 35,52 50,52 68,50'), read('60,22 59,50 58,86')],
];
