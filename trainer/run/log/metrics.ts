/**
 * The figures of a run, a line a step in metrics.jsonl, and their parser. Pure.
 */
import { z } from 'zod';

/** What a line of figures gives rise to: see `findWarnings`. */
const warningSchema = z.object({
  code: z.string(),
  /** What is seen and what it means. */
  message: z.string(),
  /** What to do. */
  advice: z.string(),
});

/** JSON has no NaN: it writes null. */
const numberSchema = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);

const metricsSchema = z.object({
  /** From 0. */
  step: z.number().int().nonnegative(),
  /** Real images, that of this step included. */
  imagesSeen: z.number(),
  /** NaN on the last line of a run that diverged. */
  discriminatorLoss: numberSchema,
  generatorLoss: numberSchema,
  /** See `StepFigure`. */
  discriminatorGradientNorm: numberSchema.exactOptional(),
  generatorGradientNorm: numberSchema.exactOptional(),
  r1: numberSchema.exactOptional(),
  r2: numberSchema.exactOptional(),
  /** What learning rates and gamma were multiplied with. */
  learningRateFactor: z.number().exactOptional(),
  /** Of the grid's samples over that of as many real images: 1 is as varied as they are. */
  diversity: z.number().exactOptional(),
  /** Real images a second since the line before, pictures and checkpoints included. */
  imagesPerSecond: z.number().exactOptional(),
  /** Tensors that are alive, weights included: growing, something leaks. */
  tensors: z.number().exactOptional(),
  /** Of the process, in bytes, as the system counts it. */
  residentBytes: z.number().exactOptional(),
  /** Of training so far, over all resumptions. */
  seconds: z.number().exactOptional(),
  /** Those first raised at this step. */
  warnings: z.array(warningSchema).exactOptional(),
});

/** One line of metrics.jsonl. What older versions did not write is optional. */
export type MetricsLine = Readonly<z.infer<typeof metricsSchema>>;

/** A sign of a training that goes wrong. */
export type Warning = Readonly<z.infer<typeof warningSchema>>;

/** Parses a metrics.jsonl. A line that is not whole is left out: the last one of a killed process can be. */
export function parseMetrics(text: string): MetricsLine[] {
  return text.split('\n').flatMap((line) => {
    try {
      return [metricsSchema.parse(JSON.parse(line))];
    } catch {
      return []; // half a line, or the end of the file
    }
  });
}
