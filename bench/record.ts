/**
 * The record of a benchmark, as JSON: everything that docs/speed.md shows. bench/results holds the
 * latest record of each suite.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { dirname } from 'node:path';
import * as z from 'zod';
import { describeMachine } from '../trainer/run/session.ts';

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
  unit: z.enum(['ms', '/s', 'MB/s', 'bytes', 'KiB', 'MiB']),
  better: z.enum(['lower', 'higher']),
  /** Sentences: how it was measured, and what a reader must know. */
  notes: z.array(z.string()),
  cases: z.array(z.string()).min(1),
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

/** Least, median and largest of several runs. */
export type Spread = z.infer<typeof spreadSchema>;
export type BenchTable = z.infer<typeof tableSchema>;
export type BenchRecord = z.infer<typeof recordSchema>;

/** @param values  At least one. */
export function takeSpread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
  return { runs: sorted.length, min: sorted[0] ?? NaN, median, max: sorted.at(-1) ?? NaN };
}

/** Begins a record. Call it before measuring: it takes the machine's load. */
export function beginRecord(suite: string): Omit<BenchRecord, 'tables' | 'versions'> {
  const [loadBefore = 0] = loadavg();
  return {
    schema: 1,
    suite,
    measuredAt: new Date().toISOString(),
    machine: { ...describeMachine(), loadBefore },
  };
}

export async function saveRecord(file: string, record: BenchRecord): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(recordSchema.parse(record), null, 2)}\n`);
  console.log(`\nwritten to ${file}`);
}

/** Prints a table: medians, with least and largest. */
export function printTable({ title, unit, cases, rows, limit }: BenchTable): void {
  const cells = rows.map(({ subject, values }) => [
    subject,
    ...values.map((spread) => (spread === null ? '–' : describeSpread(spread))),
  ]);
  if (limit !== null) {
    cells.push([
      `limit: ${limit.what}`,
      ...limit.values.map((value) => (value === null ? '–' : formatFigure(value))),
    ]);
  }
  const all = [[`${title}, ${unit}`, ...cases], ...cells];
  const widths = [0, ...cases].map((_, column) =>
    Math.max(...all.map((row) => (row[column] as string).length)),
  );
  const lines = all.map(([head = '', ...values]) => {
    const padded = values.map((cell, i) => cell.padStart((widths[i + 1] ?? 0) + 2));
    return head.padEnd(widths[0] ?? 0) + padded.join('');
  });
  console.log(`\n${lines.join('\n')}`);
}

function describeSpread({ min, median, max, runs }: Spread): string {
  return runs === 1
    ? formatFigure(median)
    : `${formatFigure(median)} (${formatFigure(min)} – ${formatFigure(max)})`;
}

/** Writes a figure with three significant digits. */
export function formatFigure(value: number): string {
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString('en', {
    minimumFractionDigits: Math.min(digits, 3),
    maximumFractionDigits: Math.min(digits, 3),
  });
}
