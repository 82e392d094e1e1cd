/**
 * The directions of the latent space to which the network's first layer is most sensitive: the
 * leading eigenvectors of W Wᵀ (SeFa; Shen and Zhou 2021, arXiv:2007.06600).
 */

const ROUNDS = 300;

/**
 * Finds them by power iteration with deflation.
 * @param kernel  [inputs, units], of the first layer; only its first `size` rows are used.
 * @param size    Length of a latent vector.
 * @param units   Units of the first layer.
 * @param count   At most `size`.
 * @returns       Unit vectors [size], each orthogonal to those before; the largest component of
 *                each is positive.
 */
export function findDirections(
  kernel: Float32Array,
  size: number,
  units: number,
  count: number,
): Float32Array[] {
  const gram = multiplyByTransposed(kernel, size, units);
  const found: Float64Array[] = [];
  for (let k = 0; k < Math.min(count, size); k++) {
    // The start must not be orthogonal to an eigenvector. It is fixed, so directions are too.
    let vector: Float64Array = Float64Array.from({ length: size }, (_, i) =>
      Math.cos(1 + i * (k + 1)),
    );
    for (let round = 0; round < ROUNDS; round++) {
      vector = normalise(removeParts(multiply(gram, vector), found));
    }
    found.push(vector);
  }
  return found.map((vector) => {
    const largest = vector.reduce(
      (most, value) => (Math.abs(value) > Math.abs(most) ? value : most),
      0,
    );
    return Float32Array.from(vector, (value) => value * Math.sign(largest));
  });
}

/** [size, size] */
function multiplyByTransposed(kernel: Float32Array, size: number, units: number): Float64Array {
  const product = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let unit = 0; unit < units; unit++) {
        sum += (kernel[i * units + unit] as number) * (kernel[j * units + unit] as number);
      }
      product[i * size + j] = sum;
      product[j * size + i] = sum;
    }
  }
  return product;
}

function multiply(matrix: Float64Array, vector: Float64Array): Float64Array {
  const { length } = vector;
  return Float64Array.from({ length }, (_, i) =>
    vector.reduce((sum, value, j) => sum + (matrix[i * length + j] as number) * value, 0),
  );
}

function removeParts(vector: Float64Array, directions: readonly Float64Array[]): Float64Array {
  let rest = vector;
  for (const direction of directions) {
    const share = rest.reduce((sum, value, i) => sum + value * (direction[i] as number), 0);
    rest = rest.map((value, i) => value - share * (direction[i] as number));
  }
  return rest;
}

function normalise(vector: Float64Array): Float64Array {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}
