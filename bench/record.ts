/**
 * The record of a benchmark, as JSON: everything that a page shows. bench/results holds the latest
 * record of each suite.
 */
import * as v from 'valibot';
import { momentSchema, numberSchema, wholeSchema } from '../shared/schema.ts';

/** Least, median and largest of several runs. */
const spreadSchema = v.strictObject({
  runs: wholeSchema(1),
  min: numberSchema,
  median: numberSchema,
  max: numberSchema,
});

/** Figures of one kind: a row for each subject that was measured, a column for each case. */
const tableSchema = v.strictObject({
  id: v.pipe(v.string(), v.regex(/^[a-z0-9-]+$/)),
  title: v.string(),
  unit: v.string(),
  /** `none`: the figures cannot be compared, so there is no picture. */
  better: v.picklist(['lower', 'higher', 'none']),
  /** Sentences: how it was measured, and what a reader must know. */
  notes: v.array(v.string()),
  cases: v.pipe(v.array(v.string()), v.minLength(1)),
  /** If the cases are numbers above 0, the picture shows curves over these numbers. */
  curve: v.optional(v.strictObject({ title: v.string(), values: v.array(numberSchema) })),
  /** Ours come first. `values` has one for each case, null where none was measured. */
  rows: v.pipe(
    v.array(
      v.strictObject({
        subject: v.string(),
        isOurs: v.boolean(),
        values: v.array(v.nullable(spreadSchema)),
      }),
    ),
    v.minLength(1),
  ),
  /** The best possible values, computed or measured as `what` says. */
  limit: v.nullable(
    v.strictObject({ what: v.string(), values: v.array(v.nullable(numberSchema)) }),
  ),
  /** Values to reach. */
  goals: v.nullable(v.array(v.nullable(numberSchema))),
});

export const recordSchema = v.strictObject({
  schema: v.literal(1),
  suite: v.string(),
  measuredAt: momentSchema,
  machine: v.strictObject({
    system: v.string(),
    processor: v.string(),
    cores: wholeSchema(),
    memoryGiB: numberSchema,
    /** Mean number of other programs' running threads in the minute before. */
    loadBefore: numberSchema,
  }),
  /** The versions of everything measured, by name. */
  versions: v.record(v.string(), v.string()),
  tables: v.pipe(v.array(tableSchema), v.minLength(1)),
});

export type BenchTable = v.InferOutput<typeof tableSchema>;
export type BenchRecord = v.InferOutput<typeof recordSchema>;

/** @param values  At least one. */
export function takeSpread(values: readonly number[]): v.InferOutput<typeof spreadSchema> {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
  return { runs: sorted.length, min: sorted[0] ?? NaN, median, max: sorted.at(-1) ?? NaN };
}

/** Writes a figure with three significant digits. */
export function formatFigure(value: number): string {
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const decimals = Math.min(digits, 3);
  const options = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return value.toLocaleString('en', options);
}

/** Writes the median, with least and largest of several runs; a dash where nothing was measured. */
export function describeSpread(spread: ReturnType<typeof takeSpread> | null): string {
  if (spread === null) {
    return '–';
  }
  const [median = '', min, max] = [spread.median, spread.min, spread.max].map(formatFigure);
  return spread.runs === 1 ? median : `${median} (${min}–${max})`;
}
