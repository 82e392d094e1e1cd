/**
 * The record of a benchmark, as JSON: everything that a page shows. bench/results holds the latest
 * record of each suite.
 */
import * as z from 'zod';

/** Least, median and largest of several runs. */
const spreadSchema = z.strictObject({
  runs: z.int().min(1),
  min: z.number(),
  median: z.number(),
  max: z.number(),
});

/** Figures of one kind: a row for each subject that was measured, a column for each case. */
const tableSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  title: z.string(),
  unit: z.string(),
  /** `none`: the figures cannot be compared, so there is no picture. */
  better: z.enum(['lower', 'higher', 'none']),
  /** Sentences: how it was measured, and what a reader must know. */
  notes: z.array(z.string()),
  cases: z.array(z.string()).min(1),
  /** Of cases that are numbers: the picture is curves over these, which are above 0. */
  curve: z.strictObject({ title: z.string(), values: z.array(z.number()) }).optional(),
  /** Ours come first. `values` has one for each case, null where none was measured. */
  rows: z
    .array(
      z.strictObject({
        subject: z.string(),
        isOurs: z.boolean(),
        values: z.array(spreadSchema.nullable()),
      }),
    )
    .min(1),
  /** The best possible values, computed or measured as `what` says. */
  limit: z.strictObject({ what: z.string(), values: z.array(z.number().nullable()) }).nullable(),
  /** Values to reach. */
  goals: z.array(z.number().nullable()).nullable(),
});

export const recordSchema = z.strictObject({
  schema: z.literal(1),
  suite: z.string(),
  measuredAt: z.iso.datetime(),
  machine: z.strictObject({
    system: z.string(),
    processor: z.string(),
    cores: z.int(),
    memoryGiB: z.number(),
    /** Mean number of other programs' running threads in the minute before. */
    loadBefore: z.number(),
  }),
  /** By name, of everything that was measured. */
  versions: z.record(z.string(), z.string()),
  tables: z.array(tableSchema).min(1),
});

export type BenchTable = z.infer<typeof tableSchema>;
export type BenchRecord = z.infer<typeof recordSchema>;

/** @param values  At least one. */
export function takeSpread(values: readonly number[]): z.infer<typeof spreadSchema> {
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
