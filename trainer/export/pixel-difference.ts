/** How far two drawings of the same digits are apart, over all pixels of 0 to 255. */
export interface PixelDifference {
  /** The largest difference. */
  readonly max: number;
  /** The mean of the absolute differences. */
  readonly mean: number;
  /** The part of the pixels that differ by more than rounding, which is 1; 0 to 1. */
  readonly visible: number;
}

/** Compares two drawings of the same length, at least 1. */
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
