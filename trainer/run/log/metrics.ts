/** The lines of metrics.jsonl: a run's figures at one step each. Pure. */
import * as v from 'valibot';
import { numberSchema, wholeSchema } from '../../../shared/schema.ts';

/** The message says what the figures show, the advice what to do. */
const warningSchema = v.object({ code: v.string(), message: v.string(), advice: v.string() });

/** JSON writes null for NaN and Infinity. */
const figureSchema = v.pipe(
  v.nullable(numberSchema),
  v.transform((value) => value ?? NaN),
);

export const metricsSchema = v.object({
  /** From 0. */
  step: wholeSchema(0),
  /** Real images so far, this step's included. */
  imagesSeen: numberSchema,
  /** NaN when a run has diverged. */
  discriminatorLoss: figureSchema,
  generatorLoss: figureSchema,
  /** See `StepFigure`. */
  discriminatorGradientNorm: v.exactOptional(figureSchema),
  generatorGradientNorm: v.exactOptional(figureSchema),
  r1: v.exactOptional(figureSchema),
  r2: v.exactOptional(figureSchema),
  learningRateFactor: v.exactOptional(numberSchema),
  /** The grid's diversity as a share of that of as many real images. NaN when those are equal. */
  diversity: v.exactOptional(figureSchema),
  /** Real images a second since the last line, with the time for grids and checkpoints. */
  imagesPerSecond: v.exactOptional(numberSchema),
  /** Live tensors, weights included. A growing number shows a leak. */
  tensors: v.exactOptional(numberSchema),
  /** The process's resident set, in bytes. */
  residentBytes: v.exactOptional(numberSchema),
  /** Seconds of training so far, over all sessions. */
  seconds: v.exactOptional(numberSchema),
  /** Warnings raised for the first time. */
  warnings: v.exactOptional(v.array(warningSchema)),
});

/** One line of metrics.jsonl. */
export type MetricsLine = Readonly<v.InferOutput<typeof metricsSchema>>;

/** A sign that a training goes wrong. */
export type Warning = Readonly<v.InferOutput<typeof warningSchema>>;

/**
 * Parses a log of JSON lines. It skips lines that a kill cut off or that `parse` refuses.
 * @param text  Null when there is no log.
 */
export function parseJsonLines<T>(text: string | null, parse: (value: unknown) => T): T[] {
  return (text ?? '').split('\n').flatMap((line) => {
    try {
      return [parse(JSON.parse(line))];
    } catch {
      return [];
    }
  });
}

/** A long run has more lines than a page should hold. */
const SHOWN_LINES = 2000;

/**
 * Thins a run's lines for a page: the first, the last, up to {@link SHOWN_LINES} spread between
 * them, all with warnings, and those of some steps.
 */
export function thinMetrics(
  lines: readonly MetricsLine[],
  steps: ReadonlySet<number>,
): MetricsLine[] {
  const every = Math.ceil(lines.length / SHOWN_LINES);
  return lines.filter(
    ({ step, warnings }, i) =>
      i % every === 0 || i === lines.length - 1 || warnings !== undefined || steps.has(step),
  );
}
