/**
 * The files that a run of an experiment adds to a run's folder: its measurements, and at its end a
 * grid and one small record. Records and grids are kept beside the document, which is made of them.
 *
 *   points.jsonl  grid.png  result.json  .lock
 */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { numberSchema, parseAs, wholeSchema } from '../../shared/schema.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import { readIfThere, writeAtomically } from '../../storage/files.ts';
import { parseJsonLines } from '../run/log/metrics.ts';
import { locate } from '../run/run-folder.ts';

/** Paths in a run's folder. */
export function locateExperiment(folder: string) {
  return {
    ...locate(folder),
    points: join(folder, 'points.jsonl'),
    grid: join(folder, 'grid.png'),
    result: join(folder, 'result.json'),
  };
}

const qualitySchema = v.strictObject({
  frechet: numberSchema,
  coarse: numberSchema,
  diversity: numberSchema,
  precision: numberSchema,
  recall: numberSchema,
  density: numberSchema,
  coverage: numberSchema,
  sharpness: numberSchema,
  classes: v.pipe(v.array(wholeSchema()), v.readonly()),
});

const pointSchema = v.strictObject({
  /** Updates done, those of a VAE included. */
  step: wholeSchema(),
  /** Time of all updates so far, without measuring: by the clock, and of the processor. */
  seconds: numberSchema,
  cpuSeconds: numberSchema,
  /** Losses of the last update; absent at step 0, and for a VAE, which has another loss. */
  discriminatorLoss: v.optional(numberSchema),
  generatorLoss: v.optional(numberSchema),
  quality: qualitySchema,
});

const resultSchema = v.strictObject({
  schema: v.literal(1),
  arm: v.string(),
  seed: v.string(),
  /** See `hashExperiment`. */
  sha256: v.string(),
  /** Updates asked for. */
  steps: wholeSchema(),
  data: v.strictObject({ name: v.string(), images: wholeSchema(), sha256: v.string() }),
  /** Why it ended early; null when it did all its steps. */
  failure: v.nullable(v.string()),
  points: v.pipe(v.array(pointSchema), v.minLength(1)),
  /** The figures of training digits. */
  floor: qualitySchema,
  /** The machine that the run ended on. */
  environment: v.strictObject({
    backend: v.string(),
    node: v.string(),
    tfjs: v.string(),
    processor: v.string(),
    system: v.string(),
  }),
});

export type ExperimentPoint = v.InferOutput<typeof pointSchema>;
export type ExperimentResult = v.InferOutput<typeof resultSchema>;

/** Reads a record; null when there is none. @throws ExpectedError  When it is not one. */
export async function loadResult(path: string): Promise<ExperimentResult | null> {
  const text = await readIfThere(path);
  if (text === null) {
    return null;
  }
  try {
    return parseAs(resultSchema, JSON.parse(text));
  } catch (cause) {
    throw new ExpectedError(
      `${path} is not the record of an experiment: delete it and run the experiment again`,
      { cause },
    );
  }
}

/** Writes a record, with a line for each measurement, so that changes show line by line. */
export async function saveResult(path: string, result: ExperimentResult): Promise<void> {
  const { points, ...head } = result;
  const lines = Object.entries(head).map(
    ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  );
  const rows = points.map((point) => `  ${JSON.stringify(point)}`);
  await writeAtomically(path, `{\n${lines.join(',\n')},\n"points": [\n${rows.join(',\n')}\n]\n}\n`);
}

/** Reads a run's measurements. It skips a line that was cut off by a kill. */
export async function loadPoints(folder: string): Promise<ExperimentPoint[]> {
  const text = await readIfThere(locateExperiment(folder).points);
  return parseJsonLines(text, (line) => parseAs(pointSchema, line));
}

/** The place of records in the documents' folder. */
const RECORDS_FOLDER = join('experiments', 'runs');

/** Copies the results of finished runs in `runs`, which may be missing, and counts them. */
export async function collectRecords(runs: string, docs: string): Promise<number> {
  const names = existsSync(runs) ? (await readdir(runs)).sort() : [];
  const records = join(docs, RECORDS_FOLDER);
  await mkdir(records, { recursive: true });
  let count = 0;
  for (const name of names) {
    const paths = locateExperiment(join(runs, name));
    const result = await loadResult(paths.result);
    if (result !== null) {
      const path = join(records, `${result.arm}-${result.seed}`);
      await saveResult(`${path}.json`, result);
      await copyFile(paths.grid, `${path}.png`);
      count++;
    }
  }
  return count;
}

/** Reads all records, in the order of their names. @throws ExpectedError */
export async function loadRecords(docs: string): Promise<ExperimentResult[]> {
  const records = join(docs, RECORDS_FOLDER);
  const names = existsSync(records)
    ? (await readdir(records)).filter((name) => name.endsWith('.json')).sort()
    : [];
  const loaded = await Promise.all(names.map((name) => loadResult(join(records, name))));
  return loaded.filter((result) => result !== null);
}
