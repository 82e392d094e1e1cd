/**
 * How hard edges are: the blur that a GAN of dense layers leaves, as a number.
 */

/**
 * Computes the mean gradient energy of pictures: the mean of squared differences between pixels next to each other,
 * right and down, with pixels from 0 to 1.
 *
 * @param images  Row-major [count, side, side], 0..255; at least one, side at least 2.
 */
export function computeGradientEnergy(images: Uint8Array, side: number): number {
  const count = images.length / side ** 2;
  let sum = 0;
  for (let i = 0; i < images.length; i++) {
    const column = i % side;
    const row = Math.floor(i / side) % side;
    const pixel = images[i] as number;
    if (column + 1 < side) {
      sum += ((images[i + 1] as number) - pixel) ** 2;
    }
    if (row + 1 < side) {
      sum += ((images[i + side] as number) - pixel) ** 2;
    }
  }
  return sum / (255 ** 2 * count * 2 * side * (side - 1));
}

/** Computes sharpness: the samples' gradient energy over that of real digits. 1 is ideal, below is blur, above is noise. */
export function computeSharpness(samples: Uint8Array, real: Uint8Array, side: number): number {
  return computeGradientEnergy(samples, side) / computeGradientEnergy(real, side);
}
