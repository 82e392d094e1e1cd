/**
 * How far two drawings of the same digits are apart, as a viewer would see it: in bytes of 0 to 255.
 */

/** Over all pixels. */
export interface PixelDifference {
  /** Largest, 0 to 255. */
  readonly max: number;
  /** Mean of the absolute differences, 0 to 255. */
  readonly mean: number;
  /** Share of the pixels that differ by more than 1, 0 to 1: a difference of 1 is that of rounding. */
  readonly visible: number;
}

/** Compares pixel by pixel; both of the same length, at least 1. */
export function computePixelDifference(a: Uint8Array, b: Uint8Array): PixelDifference {
  let max = 0;
  let sum = 0;
  let visible = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] as number) - (b[i] as number));
    max = Math.max(max, difference);
    sum += difference;
    visible += difference > 1 ? 1 : 0;
  }
  return { max, mean: sum / a.length, visible: visible / a.length };
}
