/**
 * Finds the latent vector with which a generator draws written digits best, near a first guess: the
 * method of Levenberg and Marquardt, with differences in place of derivatives. Pure; it uses IEEE
 * doubles and square roots only, so its steps are the same on every platform.
 */
import { MAX_LATENT } from './hand-text.ts';

/** A written digit. `ink` is row-major [height, width], 0 for paper to 1. */
export interface WrittenDigit {
  readonly label: number;
  readonly ink: Float32Array;
}

/**
 * Draws one class with several latent vectors, row-major [count, latentSize].
 * @returns  Ink from 0 to 1, row-major [count, height, width].
 */
export type DrawInk = (label: number, latents: Float32Array) => Float32Array;

/** A latent vector, and its root mean squared error in levels of 255. */
export interface Fit {
  readonly latents: Float32Array;
  readonly error: number;
}

/** The step of a difference. Smaller ones drown in the engine's rounding. */
const STEP = 0.04;
/** The share of the last step's slopes in the new ones, which evens out the engine's rounding. */
const KEPT = 0.5;
/** Weight of the squared latent vector beside the squared error: unusual hands carry over badly. */
const PRIOR = 0.01;
/** The damping at first, its least value, and the factors of it that are tried at once. */
const DAMPING = 0.3;
const MIN_DAMPING = 1e-4;
const TRIES = [0.1, 0.4, 1, 4, 20] as const;

/**
 * Improves a latent vector step by step. Each step draws as many digits as the vector has numbers.
 * @param digits  At least one, all of one hand.
 * @yields        The first guess, then the fit after each step; it never becomes worse.
 */
export function* improveFit(
  draw: DrawInk,
  digits: readonly WrittenDigit[],
  guess: Float32Array,
): Generator<Fit, never> {
  const size = guess.length;
  const pixels = (digits[0] as WrittenDigit).ink.length;
  let latents = Float64Array.from(guess);
  let drawn = drawAll(draw, digits, latents);
  let damping = DAMPING;
  let cost = measure(digits, drawn, 0, latents);
  let slopes: readonly Float64Array[] | undefined;
  // The differences of two steps lie on both sides, so the curves' bends cancel out.
  for (let step = -STEP; ; step = -step) {
    yield { latents: Float32Array.from(latents), error: rate(digits, drawn, 0) };
    slopes = measureSlopes(draw, digits, { latents, drawn, step, before: slopes });
    const { matrix, gradient } = linearize(digits, latents, drawn, slopes);
    const candidates = TRIES.map((factor) => {
      const damped = matrix.slice();
      for (let i = 0; i < size; i++) {
        damped[i * size + i] = (damped[i * size + i] as number) + PRIOR + damping * factor;
      }
      const change = solve(damped, gradient.slice(), size);
      return latents.map((value, i) =>
        Math.max(-MAX_LATENT, Math.min(MAX_LATENT, Math.fround(value + (change[i] as number)))),
      );
    });
    const all = Float64Array.from(candidates.flatMap((each) => [...each]));
    const pictures = drawAll(draw, digits, all);
    let best = -1;
    candidates.forEach((candidate, i) => {
      const candidateCost = measure(digits, pictures, i, candidate);
      if (candidateCost < cost) {
        [best, cost] = [i, candidateCost];
      }
    });
    if (best === -1) {
      damping *= TRIES[TRIES.length - 1] as number;
    } else {
      latents = candidates[best] as typeof latents;
      drawn = pictures.map((each) => each.slice(best * pixels, (best + 1) * pixels));
      damping = Math.max(MIN_DAMPING, damping * (TRIES[best] as number));
    }
  }
}

/** Draws each digit's class with all latent vectors. @returns  [digits][count * pixels]. */
function drawAll(
  draw: DrawInk,
  digits: readonly WrittenDigit[],
  latents: Float64Array,
): Float32Array[] {
  const rows = Float32Array.from(latents);
  const byLabel = new Map<number, Float32Array>();
  return digits.map(({ label }) => {
    const known = byLabel.get(label);
    const pictures = known ?? draw(label, rows);
    byLabel.set(label, pictures);
    return pictures;
  });
}

/** Sums the squared errors of picture `at` of each digit. */
function sumErrors(
  digits: readonly WrittenDigit[],
  drawn: readonly Float32Array[],
  at: number,
): number {
  let sum = 0;
  digits.forEach(({ ink }, i) => {
    const picture = drawn[i] as Float32Array;
    const first = at * ink.length;
    for (let k = 0; k < ink.length; k++) {
      sum += ((picture[first + k] as number) - (ink[k] as number)) ** 2;
    }
  });
  return sum;
}

function measure(
  digits: readonly WrittenDigit[],
  drawn: readonly Float32Array[],
  at: number,
  latents: Float64Array,
): number {
  let squares = 0;
  latents.forEach((value) => (squares += value * value));
  return sumErrors(digits, drawn, at) + PRIOR * squares;
}

function rate(digits: readonly WrittenDigit[], drawn: readonly Float32Array[], at: number): number {
  const numbers = digits.reduce((sum, { ink }) => sum + ink.length, 0);
  return 255 * Math.sqrt(sumErrors(digits, drawn, at) / numbers);
}

/**
 * Measures how each pixel follows each latent number: a difference away from 0 where `step` is
 * positive, toward 0 where it is negative.
 * @param at  `drawn` with `latents`. `before`: the slopes of the step before.
 * @returns   [digits][size * pixels].
 */
function measureSlopes(
  draw: DrawInk,
  digits: readonly WrittenDigit[],
  at: {
    readonly latents: Float64Array;
    readonly drawn: readonly Float32Array[];
    readonly step: number;
    readonly before: readonly Float64Array[] | undefined;
  },
): Float64Array[] {
  const { latents, drawn, step, before } = at;
  const size = latents.length;
  const moved = new Float64Array(size * size);
  const steps = latents.map((value) => (value > 0 ? step : -step));
  for (let i = 0; i < size; i++) {
    moved.set(latents, i * size);
    moved[i * size + i] = (latents[i] as number) + (steps[i] as number);
  }
  const pictures = drawAll(draw, digits, moved);
  return digits.map(({ ink }, digit) => {
    const [base, changed] = [drawn[digit] as Float32Array, pictures[digit] as Float32Array];
    const slopes = new Float64Array(changed.length);
    for (let i = 0; i < size; i++) {
      for (let k = 0; k < ink.length; k++) {
        const place = i * ink.length + k;
        const slope = ((changed[place] as number) - (base[k] as number)) / (steps[i] as number);
        slopes[place] = slope + KEPT * ((before?.[digit]?.[place] ?? slope) - slope);
      }
    }
    return slopes;
  });
}

/** Computes the matrix and the gradient of the least-squares problem at a latent vector. */
function linearize(
  digits: readonly WrittenDigit[],
  latents: Float64Array,
  drawn: readonly Float32Array[],
  slopes: readonly Float64Array[],
) {
  const size = latents.length;
  const matrix = new Float64Array(size * size);
  const gradient = latents.map((value) => -PRIOR * value);
  digits.forEach(({ ink }, digit) => {
    const [base, own] = [drawn[digit] as Float32Array, slopes[digit] as Float64Array];
    for (let i = 0; i < size; i++) {
      let sum = 0;
      for (let k = 0; k < ink.length; k++) {
        const missing = (ink[k] as number) - (base[k] as number);
        sum += (own[i * ink.length + k] as number) * missing;
      }
      gradient[i] = (gradient[i] as number) + sum;
    }
    for (let i = 0; i < size; i++) {
      for (let j = 0; j <= i; j++) {
        let sum = 0;
        for (let k = 0; k < ink.length; k++) {
          sum += (own[i * ink.length + k] as number) * (own[j * ink.length + k] as number);
        }
        matrix[i * size + j] = (matrix[i * size + j] as number) + sum;
      }
    }
  });
  return { matrix, gradient };
}

/** Solves by Cholesky's decomposition of the lower half of `matrix`. Overwrites both. */
function solve(matrix: Float64Array, right: Float64Array, size: number): Float64Array {
  const at = (row: number, column: number): number => matrix[row * size + column] as number;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = at(i, j);
      for (let k = 0; k < j; k++) {
        sum -= at(i, k) * at(j, k);
      }
      matrix[i * size + j] = i === j ? Math.sqrt(sum) : sum / at(j, j);
    }
  }
  for (let i = 0; i < size; i++) {
    let sum = right[i] as number;
    for (let k = 0; k < i; k++) {
      sum -= at(i, k) * (right[k] as number);
    }
    right[i] = sum / at(i, i);
  }
  for (let i = size - 1; i >= 0; i--) {
    let sum = right[i] as number;
    for (let k = i + 1; k < size; k++) {
      sum -= at(k, i) * (right[k] as number);
    }
    right[i] = sum / at(i, i);
  }
  return right;
}
