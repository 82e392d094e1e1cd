/**
 * Reads the hand of written digits: the encoder guesses class and latent vector, then steps with
 * the generator improve the vector. Pure: the same bits on every platform, but for the certainty.
 */
import { LOGIT_RANGE, type EncoderPlan } from '../model/encoder.ts';
import { createEngine, type Kernels } from '../model/engine/engine.ts';
import type { Sampler } from '../model/sampler.ts';
import { roundLatents } from './hand-text.ts';
import { improveFit, STEP_PARTS, type DrawInk, type WrittenDigit } from './inversion.ts';

/** A digit counts as recognised from this certainty among the classes on. */
const MIN_CERTAINTY = 0.55;
/** It also needs at most this certainty that the picture is of no class. */
const MAX_OTHER = 0.75;
/**
 * How far the encoder's own drawing may be from the digit. `error` is the root mean square, of 255;
 * `missed` is `error` divided by the ink's own root mean square, so 1 is as bad as blank paper.
 * Pale and thin shapes have a small `error` with any drawing. An encoder that knows pictures of no
 * class may miss more, and a label that the caller gave counts more than the drawing.
 */
const NEAR = {
  guessed: { error: 42, missed: 0.65 },
  knowsOthers: { error: 44, missed: 0.75 },
  given: { error: 90, missed: Infinity },
} as const;

/** Parts of a step in the first reading: two thirds of a step have most of its effect. */
export const FIRST_PARTS = 2;

/** Times that the encoder looks at its own drawing to correct its guess. */
const LOOKS = 3;

/** An encoder in the memory of its kernels. */
export interface HandReader {
  /** @param ink  Row-major [height, width], 0 for paper to 1. */
  guess(ink: Float32Array): Guess;
}

interface Guess {
  /** The class with the largest certainty. */
  readonly label: number;
  /** [classes], 0..1. The sum is 1 without the certainty that the picture is of no class. */
  readonly certainties: readonly number[];
  /** Certainty that the picture shows no class; undefined if the encoder cannot tell. */
  readonly other?: number | undefined;
  /** [classes, latentSize] */
  readonly latents: Float32Array;
}

/** @param kernels  The reader owns them from now on. */
export function createHandReader(
  plan: EncoderPlan,
  weights: readonly Float32Array[],
  kernels: Kernels,
): HandReader {
  const engine = createEngine(kernels, plan, weights);
  return {
    guess(ink) {
      const output = engine.run(ink);
      const logits = output.subarray(plan.classes * plan.latentSize);
      const known = logits.subarray(0, plan.classes);
      const largest = Math.max(...logits);
      const powers = Array.from(logits, (logit) => Math.exp(LOGIT_RANGE * (logit - largest)));
      const sum = powers.reduce((total, power) => total + power, 0);
      return {
        label: known.indexOf(Math.max(...known)),
        certainties: powers.slice(0, plan.classes).map((power) => power / sum),
        other: plan.logits > plan.classes ? (powers.at(-1) as number) / sum : undefined,
        latents: output.subarray(0, plan.classes * plan.latentSize),
      };
    },
  };
}

/** A digit as `normaliseDigit` makes it. */
export interface GivenDigit {
  readonly pixels: Uint8Array;
  /** Its class; by default the encoder's guess. */
  readonly label?: number | undefined;
}

export interface DigitReading {
  readonly label: number;
  /** How sure the encoder is of the label, 0..1. */
  readonly certainty: number;
  /** How sure it is that this is no digit, 0..1. */
  readonly other: number;
  /** Between the written digit and the one that the hand draws: root mean square, of 255. */
  readonly error: number;
  /** The same for the hand that the encoder guesses from this digit alone. */
  readonly ownError: number;
  /** `ownError` as a share of the ink: 1 is as far as blank paper is. */
  readonly missed: number;
  /** Whether the first drawing is near enough. */
  readonly isNear: boolean;
  /** Whether a digit was recognised. A label that the caller gives counts as certain. */
  readonly isRecognised: boolean;
}

export interface Reading {
  /** Rounded as the text of a hand holds it, [latentSize]. */
  readonly latents: Float32Array;
  /** Root mean square over the pixels of all digits, of 255. */
  readonly error: number;
  readonly digits: readonly DigitReading[];
}

/**
 * Reads the hand of one person's digits. It searches with 16-bit products, and measures the errors
 * of what is served.
 * @param given  At least one.
 * @yields       The mean of the encoder's guesses, improved by a part of a step; then after each
 *               step a better hand for all.
 */
export function* readHand(
  reader: HandReader,
  { drawInk }: Pick<Sampler, 'drawInk'>,
  given: readonly GivenDigit[],
): Generator<Reading, never> {
  const draw: DrawInk = (label, latents) => drawInk(label, latents, true);
  const digits = given.map((each) => guessDigit(reader, draw, each));
  const start = (digits[0] as GuessedDigit).guess.map((_, i) => {
    const sum = digits.reduce((total, { guess }) => total + (guess[i] as number), 0);
    return sum / digits.length;
  });
  const fits = improveFit(draw, digits, start);
  let fit = fits.next().value;
  for (let parts = FIRST_PARTS; ; parts = STEP_PARTS) {
    for (let part = 0; part < parts; part++) {
      fit = fits.next().value;
    }
    const latents = roundLatents(fit.latents);
    const readings = digits.map(({ ink, guess: _guess, ...digit }): DigitReading => {
      return { ...digit, error: compareInk(drawInk(digit.label, latents), ink) };
    });
    const squares = readings.reduce((sum, { error }) => sum + error * error, 0);
    yield { latents, error: Math.sqrt(squares / readings.length), digits: readings };
  }
}

/** Says why a digit is not recognised, without a full stop. @param name  The name of its class. */
export function describeUnrecognised(digit: DigitReading, name: string | undefined): string {
  const { certainty, other, ownError, missed, isNear } = digit;
  const write = (share: number): string => `${Math.round(100 * share)}%`;
  const nearest = `nearest is ${name} with ${write(certainty)}`;
  const none = other > MAX_OTHER ? `, and with ${write(other)} it shows none` : '';
  const far = `, and its drawing differs by ${Math.round(ownError)} of 255, ${write(missed)} of the ink`;
  return nearest + none + (isNear ? '' : far);
}

interface GuessedDigit extends WrittenDigit, Omit<DigitReading, 'error'> {
  readonly guess: Float32Array;
}

function guessDigit(reader: HandReader, draw: DrawInk, given: GivenDigit): GuessedDigit {
  const ink = Float32Array.from(given.pixels, (value) => value / 255);
  const { certainties, other: none, latents, label: nearest } = reader.guess(ink);
  const other = none ?? 0;
  const label = given.label ?? nearest;
  const certainty = certainties[label] as number;
  const size = latents.length / certainties.length;
  const guess = latents.slice(label * size, (label + 1) * size);
  const ownError = compareInk(draw(label, roundLatents(guess)), ink);
  const missed = ownError / compareInk(ink, new Float32Array(ink.length));
  const isGiven = given.label !== undefined;
  const near = NEAR[isGiven ? 'given' : none === undefined ? 'guessed' : 'knowsOthers'];
  const isNear = ownError <= near.error && missed <= near.missed;
  const isSure = certainty >= MIN_CERTAINTY * (1 - other) && other <= MAX_OTHER;
  const isRecognised = isNear && (isGiven || isSure);
  const corrected = lookAgain(reader, draw, { label, ink }, guess);
  return { label, ink, certainty, other, guess: corrected, ownError, missed, isNear, isRecognised };
}

/**
 * Improves a guess without a search. The encoder reads the drawing of the guess, too. Each look
 * adds the difference between the first guess and that reading.
 * @returns  The best of all guesses.
 */
function lookAgain(
  reader: HandReader,
  draw: DrawInk,
  { label, ink }: WrittenDigit,
  guess: Float32Array,
): Float32Array {
  let [best, least, latents] = [guess, Infinity, guess];
  for (let look = 0; ; look++) {
    const drawing = draw(label, latents);
    const error = compareInk(drawing, ink);
    if (error < least) {
      [best, least] = [latents, error];
    }
    if (look === LOOKS) {
      return best;
    }
    const seen = reader.guess(drawing).latents.subarray(label * guess.length);
    latents = latents.map((value, i) => value + (guess[i] as number) - (seen[i] as number));
  }
}

/** The root mean squared difference of two pictures, in levels of 255. */
export function compareInk(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    sum += ((a[i] as number) - (b[i] as number)) ** 2;
  }
  return 255 * Math.sqrt(sum / a.length);
}
