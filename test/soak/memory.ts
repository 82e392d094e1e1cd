/**
 * Whether memory grew over a soak.
 */

/** A measurement. */
export interface MemoryRow {
  /** Answered so far. */
  readonly requests: number;
  readonly seconds: number;
  /** Memory of the process that serves. */
  readonly residentMiB: number;
  /** Where the worker tells it: models in memory. */
  readonly models?: number;
}

export interface MemoryVerdict {
  readonly grew: boolean;
  /** Between the medians of the second and the last quarter of the run. */
  readonly residentGrowthMiB: number;
  readonly text: string;
}

/**
 * Judges: the first quarter of the rows settles. Resident memory breathes with the collection of
 * garbage, so the medians of the second and the last quarter are compared. Models must not become
 * more than there were at most in the second quarter.
 *
 * @param rows  At least 8.
 */
export function judgeMemory(rows: readonly MemoryRow[], allowanceMiB: number): MemoryVerdict {
  const quarter = Math.floor(rows.length / 4);
  const [second, last] = [rows.slice(quarter, 2 * quarter), rows.slice(-quarter)];
  const residentGrowthMiB =
    median(last.map((row) => row.residentMiB)) - median(second.map((row) => row.residentMiB));
  const most = (of: readonly MemoryRow[]) => Math.max(...of.map((row) => row.models ?? 0));
  const modelGrowth = most(last) - most(second);
  const told = (name: string, growth: number, unit: string, allowed: number) =>
    `${name}: ${growth > allowed ? 'GREW' : 'flat'}, ${growth >= 0 ? '+' : ''}${growth.toFixed(unit === 'MiB' ? 1 : 0)} ${unit}, ${allowed} allowed`;
  return {
    grew: residentGrowthMiB > allowanceMiB || modelGrowth > 0,
    residentGrowthMiB,
    text: [
      told(
        'resident memory, median of the last quarter over the second',
        residentGrowthMiB,
        'MiB',
        allowanceMiB,
      ),
      told('models in memory, most of the last quarter over the second', modelGrowth, 'models', 0),
    ].join('\n'),
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}
