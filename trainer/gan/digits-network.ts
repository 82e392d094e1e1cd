/**
 * The generator of preset `digits` for any square image that two doublings reach: the network that was tuned on MNIST,
 * with the grid that it starts from as large as the image asks. Pure.
 */
import type { GeneratorConfig } from '../../shared/model/generator.ts';

/** Sides in pixels that are planned for: four times a grid that the first dense layer can fill. */
export const DIGITS_SIZES: readonly number[] = [16, 20, 24, 28, 32, 40, 48, 56, 64];

/** How large the generator is: what quality costs in milliseconds. `small` to `large` are the same network, narrower or wider. */
export type GeneratorSize = keyof typeof GENERATOR_SIZES;

/**
 * Channels on the starting grid, after the first convolution and after the second. Multiply-accumulates of 28 x 28 grey
 * pixels in 10 classes beside each; the edge's budget is 2 million.
 */
export const GENERATOR_SIZES = {
  tiny: [12, 16, 8], // 0.26 M
  small: [20, 32, 8], // 0.54 M
  medium: [32, 48, 12], // 1.13 M
  large: [40, 64, 20], // 1.98 M
} as const satisfies Record<string, readonly [grid: number, first: number, second: number]>;

/** Each doubling is a `depthToSpace` of this block. */
const BLOCK = 2;

/**
 * Plans the generator.
 *
 * @param side      Side of the image, one of DIGITS_SIZES.
 * @param channels  1 (grey) or 3 (RGB).
 * @param classes   How many classes it is told; 0 for none.
 */
export function planDigitsGenerator(
  side: number,
  channels: number,
  classes: number,
  size: GeneratorSize,
): GeneratorConfig {
  const grid = side / (BLOCK * BLOCK);
  const [gridChannels, first, second] = GENERATOR_SIZES[size];
  return {
    latentSize: 64,
    classes,
    layers: [
      { type: 'dense', units: grid * grid * gridChannels, activation: 'leakyRelu' },
      { type: 'reshape', shape: [grid, grid, gridChannels] },
      { type: 'conv2d', filters: first, kernelSize: 3, activation: 'leakyRelu' },
      { type: 'depthToSpace', blockSize: BLOCK },
      { type: 'conv2d', filters: second, kernelSize: 3, activation: 'leakyRelu' },
      { type: 'conv2d', filters: BLOCK * BLOCK * channels, kernelSize: 3, activation: 'tanh' },
      { type: 'depthToSpace', blockSize: BLOCK },
    ],
  };
}
