/**
 * Places between four corners of the generator's input space. At a corner without a bend the input
 * is exactly the corner's, and so are the pixels.
 */
import type { Inputs } from './painter.ts';

/** Four corners: top left, top right, bottom left, bottom right. */
export const CORNERS = 4;

/** Across and down, each 0 to 1. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/**
 * Builds the network's inputs at the corners.
 * @param inputs   The inputs of `CORNERS` samples.
 * @param classes  0 for a generator without classes.
 * @param label    The class of all four; their own when undefined.
 * @returns        [CORNERS, latentSize + classes]
 */
export function buildCorners(
  { latents, labels }: Inputs,
  classes: number,
  label: number | undefined,
): Float32Array[] {
  const latentSize = latents.length / CORNERS;
  return Array.from({ length: CORNERS }, (_, i) => {
    const corner = new Float32Array(latentSize + classes);
    corner.set(latents.subarray(i * latentSize, (i + 1) * latentSize));
    if (classes > 0) {
      corner[latentSize + (label ?? labels?.[i] ?? 0)] = 1;
    }
    return corner;
  });
}

/** The weights of the corners at a place; they sum to 1. */
export function weighCorners({ x, y }: Place): [number, number, number, number] {
  return [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
}

/**
 * Interpolates the network's inputs.
 * @param corners  From {@link buildCorners}.
 * @param bend     Added to the latent, [latentSize]; the sum is clamped to [-1, 1], the trained
 *                 range.
 * @returns        Row-major [places, latentSize + classes].
 */
export function blend(
  corners: readonly Float32Array[],
  places: readonly Place[],
  bend: Float32Array,
): Float32Array {
  const size = corners[0]?.length ?? 0;
  const input = new Float32Array(places.length * size);
  places.forEach((place, p) => {
    const shares = weighCorners(place);
    for (let i = 0; i < size; i++) {
      let sum = 0;
      for (let c = 0; c < CORNERS; c++) {
        sum += (shares[c] as number) * (corners[c]?.[i] as number);
      }
      input[p * size + i] =
        i < bend.length ? Math.min(1, Math.max(-1, sum + (bend[i] as number))) : sum;
    }
  });
  return input;
}

/**
 * Finds the class that an input has alone. Sums may miss its whole weight.
 * @param input  [latentSize + classes]
 * @returns      -1 for a mixture of classes, and without classes.
 */
export function findOnlyClass(input: Float32Array, latentSize: number): number {
  return input.subarray(latentSize).findIndex((weight) => weight > 1 - 1e-6);
}

/** Adds up directions. @param amounts  One for each direction. */
export function sumDirections(
  directions: readonly Float32Array[],
  amounts: readonly number[],
  latentSize: number,
): Float32Array {
  const sum = new Float32Array(latentSize);
  directions.forEach((direction, d) => {
    for (let i = 0; i < latentSize; i++) {
      sum[i] = (sum[i] as number) + (amounts[d] ?? 0) * (direction[i] as number);
    }
  });
  return sum;
}

/** The places of a square map of `side` x `side`, row by row, from corner to corner. */
export function listPlaces(side: number): Place[] {
  return Array.from({ length: side * side }, (_, i) => ({
    x: (i % side) / (side - 1),
    y: Math.floor(i / side) / (side - 1),
  }));
}
