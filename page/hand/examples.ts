/** Digits for a visitor who does not want to draw. Points are parts of the canvas's side. */
import type { Stroke } from './strokes.ts';

/** Samples a curve. @param point  Of a time from 0 to 1. */
function sample(point: (time: number) => readonly [number, number]): Stroke {
  return Array.from({ length: 25 }, (_, i) => point(i / 24));
}

export const EXAMPLES: readonly (readonly Stroke[])[] = [
  // A leaning 7 with a bar.
  [
    [
      [0.3, 0.22],
      [0.5, 0.2],
      [0.74, 0.2],
      [0.62, 0.45],
      [0.5, 0.65],
      [0.42, 0.84],
    ],
    [
      [0.4, 0.52],
      [0.7, 0.5],
    ],
  ],
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
  [
    [
      [0.42, 0.16],
      [0.38, 0.35],
      [0.35, 0.52],
      [0.5, 0.52],
      [0.68, 0.5],
    ],
    [
      [0.6, 0.22],
      [0.59, 0.5],
      [0.58, 0.86],
    ],
  ],
];
