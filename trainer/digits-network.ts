/**
 * The generator of preset `digits` for any square image that two doublings reach: the network that was tuned on MNIST,
 * with the grid that it starts from as large as the image asks. Pure.
 */
import type { GeneratorConfig } from '../shared/generator.ts';

/** Sides in pixels that are planned for: four times a grid that the first dense layer can fill. */
export const DIGITS_SIZES: readonly number[] = [16, 20, 24, 28, 32, 40, 48, 56, 64];

/** Each doubling is a `depthToSpace` of this block. */
const BLOCK = 2;

/**
 * Plans the generator.
 *
 * @param size      Side of the image, one of DIGITS_SIZES.
 * @param channels  1 (grey) or 3 (RGB).
 * @param classes   How many classes it is told; 0 for none.
 */
export function planDigitsGenerator(size: number, channels: number, classes: number): GeneratorConfig {
  const grid = size / (BLOCK * BLOCK);
  return {
    latentSize: 64,
    classes,
    layers: [
      { type: 'dense', units: grid * grid * 32, activation: 'leakyRelu' },
      { type: 'reshape', shape: [grid, grid, 32] },
      { type: 'conv2d', filters: 48, kernelSize: 3, activation: 'leakyRelu' },
      { type: 'depthToSpace', blockSize: BLOCK },
      { type: 'conv2d', filters: 12, kernelSize: 3, activation: 'leakyRelu' },
      { type: 'conv2d', filters: BLOCK * BLOCK * channels, kernelSize: 3, activation: 'tanh' },
      { type: 'depthToSpace', blockSize: BLOCK },
    ],
  };
}
