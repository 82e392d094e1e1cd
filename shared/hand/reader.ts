/**
 * Reads the hand of a written digit: the encoder guesses class and latent vector, then steps with
 * the generator improve the vector. Pure: the same bits on every platform, but for the certainty.
 */
import { LOGIT_RANGE, type EncoderPlan } from '../model/encoder.ts';
import { createEngine, type Kernels } from '../model/engine/engine.ts';
import { roundLatents } from './hand-text.ts';
import { improveFit, type DrawInk, type WrittenDigit } from './inversion.ts';

/** Below this certainty no digit counts as recognised. */
export const MIN_CERTAINTY = 0.5;
/**
 * The root mean squared error, of 255, above which no digit counts as recognised: of the encoder's
 * own guess, and of a label that the caller gave.
 */
export const MAX_ERROR = { guessed: 60, given: 90 } as const;

/** An encoder in the memory of its kernels. */
export interface HandReader {
  /** @param ink  Row-major [height, width], 0 for paper to 1. */
  guess(ink: Float32Array): Guess;
}

interface Guess {
  /** The class with the largest certainty. */
  readonly label: number;
  /** [classes], 0..1, with a sum of 1. */
  readonly certainties: readonly number[];
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
      const largest = logits.reduce((most, logit) => Math.max(most, logit), -1);
      const powers = Array.from(logits, (logit) => Math.exp(LOGIT_RANGE * (logit - largest)));
      const sum = powers.reduce((total, power) => total + power, 0);
      return {
        label: logits.indexOf(largest),
        certainties: powers.map((power) => power / sum),
        latents: output.subarray(0, plan.classes * plan.latentSize),
      };
    },
  };
}

export interface Reading {
  readonly label: number;
  /** How sure the encoder is of the label, 0..1. */
  readonly certainty: number;
  /** Rounded as the text of a hand holds it, [latentSize]. */
  readonly latents: Float32Array;
  /** Between the written digit and the one that the hand draws: root mean square, of 255. */
  readonly error: number;
  /** Whether a digit was recognised. A label that the caller gives counts as certain. */
  readonly isRecognised: boolean;
}

/**
 * @param pixels  From `normaliseDigit`.
 * @param label   The digit's class; by default the encoder's guess.
 * @yields        The encoder's guess, then a better one after each step.
 */
export function* readHand(
  reader: HandReader,
  draw: DrawInk,
  pixels: Uint8Array,
  label?: number,
): Generator<Reading, never> {
  const ink = Float32Array.from(pixels, (value) => value / 255);
  const guess = reader.guess(ink);
  const own = label ?? guess.label;
  const certainty = guess.certainties[own] as number;
  const size = guess.latents.length / guess.certainties.length;
  const digits: WrittenDigit[] = [{ label: own, ink }];
  const start = guess.latents.slice(own * size, (own + 1) * size);
  let isFirst = true;
  let isRecognised = true;
  for (const fit of improveFit(draw, digits, start)) {
    const latents = roundLatents(fit.latents);
    const error = compareInk(draw(own, latents), ink);
    if (isFirst) {
      isRecognised =
        label === undefined
          ? certainty >= MIN_CERTAINTY && error <= MAX_ERROR.guessed
          : error <= MAX_ERROR.given;
      isFirst = false;
    }
    yield { label: own, certainty, latents, error, isRecognised };
  }
  throw new Error('the search of a latent vector has no end');
}

/** The root mean squared difference of two pictures, in levels of 255. */
export function compareInk(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    sum += ((a[i] as number) - (b[i] as number)) ** 2;
  }
  return 255 * Math.sqrt(sum / a.length);
}
