/** The lines of metrics.jsonl: a run's figures at one step each. Pure. */
import { z } from 'zod';

/** The message says what the figures show, the advice what to do. */
const warningSchema = z.object({ code: z.string(), message: z.string(), advice: z.string() });

/** JSON writes null for NaN. */
const numberSchema = z.nullable(z.number()).transform((value) => value ?? NaN);

export const metricsSchema = z.object({
  /** From 0. */
  step: z.number().int().nonnegative(),
  /** Real images so far, this step's included. */
  imagesSeen: z.number(),
  /** NaN when a run has diverged. */
  discriminatorLoss: numberSchema,
  generatorLoss: numberSchema,
  /** See `StepFigure`. */
  discriminatorGradientNorm: numberSchema.exactOptional(),
  generatorGradientNorm: numberSchema.exactOptional(),
  r1: numberSchema.exactOptional(),
  r2: numberSchema.exactOptional(),
  learningRateFactor: z.number().exactOptional(),
  /** The grid's diversity as a share of that of as many real images. */
  diversity: z.number().exactOptional(),
  /** Real images a second since the last line, with the time for grids and checkpoints. */
  imagesPerSecond: z.number().exactOptional(),
  /** Live tensors, weights included. A growing number shows a leak. */
  tensors: z.number().exactOptional(),
  /** The process's resident set, in bytes. */
  residentBytes: z.number().exactOptional(),
  /** Of training so far, over all sessions. */
  seconds: z.number().exactOptional(),
  /** Warnings raised for the first time. */
  warnings: z.array(warningSchema).exactOptional(),
});

/** One line of metrics.jsonl. */
export type MetricsLine = Readonly<z.infer<typeof metricsSchema>>;

/** A sign that a training goes wrong. */
export type Warning = Readonly<z.infer<typeof warningSchema>>;

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
