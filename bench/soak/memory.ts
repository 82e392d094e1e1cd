/**
 * Whether memory grew over a soak.
 */

/** A measurement. */
export interface MemoryRow {
  /** Answered so far. */
  readonly requests: number;
  readonly seconds: number;
  /** Of the process that serves. */
  readonly residentMiB: number;
  /** Where the worker tells them: the program's memory, which never shrinks, and tensors that are alive. */
  readonly wasmMiB?: number;
  readonly tensors?: number;
}

export interface MemoryVerdict {
  readonly grew: boolean;
  /** Between the medians of the second and the last quarter of the run. */
  readonly residentGrowthMiB: number;
  readonly text: string;
}

/**
 * Judges: the first quarter of the rows settles. Resident memory breathes with the collection of garbage, so the medians of the
 * second and the last quarter are compared. The wasm program's memory must not grow at all in the last half, in which every model
 * was loaded before; tensors must not rise above what the second quarter had at most.
 *
 * @param rows  At least 8.
 */
export function judgeMemory(rows: readonly MemoryRow[], allowanceMiB: number): MemoryVerdict {
  const quarter = Math.floor(rows.length / 4);
  const [second, last] = [rows.slice(quarter, 2 * quarter), rows.slice(-quarter)];
  const residentGrowthMiB = median(last.map((row) => row.residentMiB)) - median(second.map((row) => row.residentMiB));
  const half = rows.slice(rows.length >> 1);
  const wasmGrowth = (half.at(-1)?.wasmMiB ?? 0) - (half[0]?.wasmMiB ?? 0);
  const most = (of: readonly MemoryRow[]) => Math.max(...of.map((row) => row.tensors ?? 0));
  const tensorGrowth = most(last) - most(second);
  const told = (name: string, growth: number, unit: string, allowed: number) =>
    `${name}: ${growth > allowed ? 'GREW' : 'flat'}, ${growth >= 0 ? '+' : ''}${growth.toFixed(unit === 'MiB' ? 1 : 0)} ${unit}, ${allowed} allowed`;
  return {
    grew: residentGrowthMiB > allowanceMiB || wasmGrowth > 0 || tensorGrowth > 0,
    residentGrowthMiB,
    text: [
      told('resident memory, median of the last quarter over the second', residentGrowthMiB, 'MiB', allowanceMiB),
      told('wasm memory in the last half', wasmGrowth, 'MiB', 0),
      told('tensors, most of the last quarter over the second', tensorGrowth, 'tensors', 0),
    ].join('\n'),
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}
