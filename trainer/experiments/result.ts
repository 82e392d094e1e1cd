/**
 * What a run of an experiment leaves behind, as files: a log that grows, and at its end one small record that the report is
 * made of.
 *
 *   options.json  metrics.jsonl  checkpoints/  grid.png  result.json  .lock
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { ExpectedError } from '../../shared/expected-error.ts';
import { writeAtomically } from '../../storage/files.ts';

/** Paths in the folder of a run. */
export function locateExperiment(folder: string) {
  return {
    options: join(folder, 'options.json'),
    metrics: join(folder, 'metrics.jsonl'),
    checkpoints: join(folder, 'checkpoints'),
    grid: join(folder, 'grid.png'),
    result: join(folder, 'result.json'),
    lock: join(folder, '.lock'),
  };
}

const qualitySchema = z.strictObject({
  frechet: z.number(),
  coarse: z.number(),
  diversity: z.number(),
  precision: z.number(),
  recall: z.number(),
  density: z.number(),
  coverage: z.number(),
  sharpness: z.number(),
  classes: z.array(z.int()).readonly(),
});

const pointSchema = z.strictObject({
  /** Updates done, those of a VAE included. */
  step: z.int(),
  /** Spent on updates so far, without measuring: by the clock, and of the processor. The first grows with whatever else runs. */
  seconds: z.number(),
  cpuSeconds: z.number(),
  /** Of the update before; absent at step 0, and for a VAE, whose loss is another. */
  discriminatorLoss: z.number().optional(),
  generatorLoss: z.number().optional(),
  quality: qualitySchema,
});

const environmentSchema = z.strictObject({
  backend: z.string(),
  node: z.string(),
  tfjs: z.string(),
  processor: z.string(),
  system: z.string(),
});

const resultSchema = z.strictObject({
  schema: z.literal(1),
  arm: z.string(),
  seed: z.string(),
  /** See `hashExperiment`. */
  sha256: z.string(),
  /** Updates asked for. */
  steps: z.int(),
  data: z.strictObject({ name: z.string(), images: z.int(), sha256: z.string() }),
  /** Why it ended early; null when it did all its steps. */
  failure: z.string().nullable(),
  points: z.array(pointSchema).min(1),
  /** What training digits get. */
  floor: qualitySchema,
  /** The machine that the run ended on. */
  environment: environmentSchema,
});

/** A measurement. */
export type ExperimentPoint = z.infer<typeof pointSchema>;
/** A finished run. */
export type ExperimentResult = z.infer<typeof resultSchema>;
/** What it was computed on. */
export type ExperimentEnvironment = z.infer<typeof environmentSchema>;

/** A record that cannot be read. The message names it and says what to do. */
export class ExperimentResultError extends ExpectedError {
  override name = 'ExperimentResultError' as const;
}

/** Reads a record; null when there is none. @throws ExperimentResultError  When it is not one. */
export async function loadResult(path: string): Promise<ExperimentResult | null> {
  if (!existsSync(path)) {
    return null;
  }
  try {
    return resultSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new ExperimentResultError(
      `${path} is not the record of an experiment: delete it and run the experiment again`,
      {
        cause,
      },
    );
  }
}

/** Writes a record: a line a measurement, so that a change shows as one. */
export async function saveResult(path: string, result: ExperimentResult): Promise<void> {
  const { points, ...head } = result;
  const lines = Object.entries(head).map(
    ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  );
  const rows = points.map((point) => `  ${JSON.stringify(point)}`);
  await writeAtomically(path, `{\n${lines.join(',\n')},\n"points": [\n${rows.join(',\n')}\n]\n}\n`);
}

/** Reads a log. A line that was cut off by a kill is passed over. */
export async function loadPoints(path: string): Promise<ExperimentPoint[]> {
  const text = existsSync(path) ? await readFile(path, 'utf8') : '';
  return text.split('\n').flatMap((line) => {
    try {
      return [pointSchema.parse(JSON.parse(line))];
    } catch {
      return []; // half a line, or the end of the file
    }
  });
}
