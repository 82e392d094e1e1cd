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
export const TRIES = [0.2, 1, 5] as const;
/** The factor of the damping where none of the tries was better. */
const RAISED = 4;
/**
 * Parts of a step. Each measures its share of the slopes and moves the vector, so the next part
 * starts nearer to the digit.
 */
export const STEP_PARTS = 3;

/**
 * Improves a latent vector part by part. The parts of a step draw as many digits as the vector has
 * numbers, and TRIES for each part.
 * @param digits  At least one, all of one hand.
 * @yields        The first guess, then the fit after each part; it never becomes worse.
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
  const slopes = digits.map(() => new Float64Array(size * pixels));
  const matrix = new Float64Array(size * size);
  for (let turn = 0; ; turn++) {
    yield { latents: Float32Array.from(latents), error: rate(digits, drawn, 0) };
    const lap = Math.floor(turn / STEP_PARTS);
    const to = Math.ceil((((turn % STEP_PARTS) + 1) * size) / STEP_PARTS);
    const part = {
      from: Math.ceil(((turn % STEP_PARTS) * size) / STEP_PARTS),
      to,
      // The differences of two steps lie on both sides, so the curves' bends cancel out.
      step: lap % 2 === 0 ? -STEP : STEP,
      isFirst: lap === 0,
      known: lap === 0 ? to : size,
    };
    measureSlopes(draw, digits, { latents, drawn, slopes }, part);
    const gradient = linearize(digits, { latents, drawn, slopes }, part, matrix);
    const candidates = TRIES.map((factor) => {
      const damped = matrix.slice();
      for (let i = 0; i < part.known; i++) {
        damped[i * size + i] = (damped[i * size + i] as number) + PRIOR + damping * factor;
      }
      const change = solve(damped, gradient.slice(), size);
      return latents.map((value, i) =>
        Math.max(-MAX_LATENT, Math.min(MAX_LATENT, Math.fround(value + (change[i] ?? 0)))),
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
      damping *= RAISED;
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

/** The drawing of a latent vector (`drawn`) and its slopes, [digits][size * pixels]. */
interface Place {
  readonly latents: Float64Array;
  readonly drawn: readonly Float32Array[];
  readonly slopes: readonly Float64Array[];
}

/** The latent numbers from `from` up to `to`, without it. */
interface Part {
  readonly from: number;
  readonly to: number;
  /** A difference away from 0 where `step` is positive, toward 0 where it is negative. */
  readonly step: number;
  /** Whether nothing was measured of it before. */
  readonly isFirst: boolean;
  /** Numbers whose slopes are known now; the others stay. */
  readonly known: number;
}

/** Measures how each pixel follows each latent number of a part, into the place's slopes. */
function measureSlopes(
  draw: DrawInk,
  digits: readonly WrittenDigit[],
  { latents, drawn, slopes }: Place,
  { from, to, step, isFirst }: Part,
): void {
  const size = latents.length;
  const moved = new Float64Array((to - from) * size);
  const steps = latents.map((value) => (value > 0 ? step : -step));
  for (let i = from; i < to; i++) {
    moved.set(latents, (i - from) * size);
    moved[(i - from) * size + i] = (latents[i] as number) + (steps[i] as number);
  }
  const pictures = drawAll(draw, digits, moved);
  digits.forEach(({ ink }, digit) => {
    const [base, changed] = [drawn[digit] as Float32Array, pictures[digit] as Float32Array];
    const own = slopes[digit] as Float64Array;
    for (let i = from; i < to; i++) {
      for (let k = 0; k < ink.length; k++) {
        const difference = (changed[(i - from) * ink.length + k] as number) - (base[k] as number);
        const slope = difference / (steps[i] as number);
        const place = i * ink.length + k;
        own[place] = isFirst ? slope : slope + KEPT * ((own[place] as number) - slope);
      }
    }
  });
}

/**
 * Computes the least-squares problem at a latent vector.
 * @param matrix  The matrix of the part before. The lower half is brought up to date.
 * @returns       The gradient, [known].
 */
function linearize(
  digits: readonly WrittenDigit[],
  { latents, drawn, slopes }: Place,
  { from, to, known }: Part,
  matrix: Float64Array,
): Float64Array {
  const size = latents.length;
  const gradient = latents.slice(0, known).map((value) => -PRIOR * value);
  const isChanged = (i: number): boolean => i >= from && i < to;
  for (let i = 0; i < known; i++) {
    for (let j = 0; j <= i; j++) {
      if (isChanged(i) || isChanged(j)) {
        matrix[i * size + j] = 0;
      }
    }
  }
  digits.forEach(({ ink }, digit) => {
    const base = drawn[digit] as Float32Array;
    const { places, rows } = packSlopes(slopes[digit] as Float64Array, known, ink.length);
    const missing = Float64Array.from(places, (k) => (ink[k] as number) - (base[k] as number));
    const count = places.length;
    for (let i = 0; i < known; i++) {
      gradient[i] = (gradient[i] as number) + multiply(rows, i * count, missing, 0, count);
      for (let j = 0; j <= i; j++) {
        if (isChanged(i) || isChanged(j)) {
          const at = i * size + j;
          matrix[at] = (matrix[at] as number) + multiply(rows, i * count, rows, j * count, count);
        }
      }
    }
  });
  return gradient;
}

/**
 * Leaves out pixels that no latent number moves, such as most of the paper.
 * @param slopes  [at least known, pixels]
 * @returns       The other pixels, and their slopes, [known, places].
 */
function packSlopes(slopes: Float64Array, known: number, pixels: number) {
  const isMoved = new Uint8Array(pixels);
  for (let i = 0; i < known * pixels; i++) {
    if (slopes[i] !== 0) {
      isMoved[i % pixels] = 1;
    }
  }
  const places: number[] = [];
  isMoved.forEach((moved, k) => moved === 1 && places.push(k));
  const rows = new Float64Array(known * places.length);
  for (let i = 0; i < known; i++) {
    for (let k = 0; k < places.length; k++) {
      rows[i * places.length + k] = slopes[i * pixels + (places[k] as number)] as number;
    }
  }
  return { places, rows };
}

/** Sums the products of `count` numbers, in four sums that do not wait for each other. */
function multiply(a: Float64Array, from: number, b: Float64Array, at: number, count: number) {
  let [first, second, third, fourth] = [0, 0, 0, 0];
  let k = 0;
  for (; k + 4 <= count; k += 4) {
    first += (a[from + k] as number) * (b[at + k] as number);
    second += (a[from + k + 1] as number) * (b[at + k + 1] as number);
    third += (a[from + k + 2] as number) * (b[at + k + 2] as number);
    fourth += (a[from + k + 3] as number) * (b[at + k + 3] as number);
  }
  for (; k < count; k++) {
    first += (a[from + k] as number) * (b[at + k] as number);
  }
  return first + second + (third + fourth);
}

/**
 * Solves by Cholesky's decomposition of the lower half of `matrix`. Overwrites both.
 * @param stride  Numbers of a row; the first of them belong to `right`.
 */
function solve(matrix: Float64Array, right: Float64Array, stride: number): Float64Array {
  const size = right.length;
  const at = (row: number, column: number): number => matrix[row * stride + column] as number;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = at(i, j);
      for (let k = 0; k < j; k++) {
        sum -= at(i, k) * at(j, k);
      }
      matrix[i * stride + j] = i === j ? Math.sqrt(sum) : sum / at(j, j);
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
