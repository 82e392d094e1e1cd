/** The parts that all benchmarks share: taking turns, timing, tables. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeWeights } from '../shared/model/artifact.ts';
import { readArtifactFolder } from '../trainer/publish/artifact-folder.ts';
import { takeSpread, type BenchRecord, type BenchTable } from './record.ts';

export const ROOT = join(import.meta.dirname, '..');
export const SHIPPED_MODEL_FOLDER = join(ROOT, 'models/digits');

export type Measured = Pick<BenchRecord, 'tables' | 'versions'>;

/**
 * A benchmark. It compares values first where others compute the same, then times.
 *
 * @param quick     Does as little as shows that the suite works. Its figures mean nothing.
 * @param operands  The command line's words after the suite's name.
 * @throws ExpectedError  When a comparison or a check fails.
 */
export type Suite = (quick: boolean, operands: readonly string[]) => Promise<Measured>;

type Figure = () => number | Promise<number>;
type Row = BenchTable['rows'][number];

/**
 * Measures the rows of a table. All cells take turns, so that heat and other programs hit all
 * alike; every other round goes backwards.
 *
 * @param rows     Each cell measures one round and returns its figure; null leaves it out.
 * @param warmUps  Rounds whose figures are thrown away.
 */
export async function measureRows(
  rounds: number,
  rows: readonly { subject: string; isOurs?: boolean; cells: readonly (Figure | null)[] }[],
  warmUps = 0,
): Promise<Row[]> {
  const figures = new Map(rows.flatMap(({ cells }) => cells.map((cell) => [cell, [] as number[]])));
  figures.delete(null);
  const order = [...figures];
  for (let round = -warmUps; round < rounds; round++) {
    for (const [measure, values] of round % 2 === 0 ? order : order.toReversed()) {
      const figure = (await measure?.()) ?? NaN;
      if (round >= 0) {
        values.push(figure);
      }
    }
  }
  return rows.map(({ subject, isOurs, cells }) => {
    const values = cells.map((cell) => figures.get(cell));
    return makeRow(subject, values, isOurs);
  });
}

/** A table's line. @param figures  Null where a case was not measured. */
export function makeRow(
  subject: string,
  figures: readonly (readonly number[] | number | null | undefined)[],
  isOurs = true,
): Row {
  const values = figures.map((each) => {
    const all = each === null || each === undefined ? [] : [each].flat();
    return all.length === 0 ? null : takeSpread(all);
  });
  return { subject, isOurs, values };
}

/** Makes a table; what is left out has the usual value. */
export function makeTable(
  table: Pick<BenchTable, 'id' | 'title' | 'cases' | 'rows'> & Partial<BenchTable>,
): BenchTable {
  return { unit: 'ms', better: 'lower', notes: [], limit: null, goals: null, ...table };
}

/** Repeats work for at least this long. @returns  Mean milliseconds of one repetition. */
export async function timeRepeated(work: () => unknown, atLeastMs = 0): Promise<number> {
  const began = performance.now();
  let repetitions = 0;
  let tookMs = 0;
  while (tookMs < atLeastMs || repetitions === 0) {
    const result = work();
    // Waiting for what is no promise would cost a turn of the event loop.
    if (result instanceof Promise) {
      await result;
    }
    repetitions++;
    tookMs = performance.now() - began;
  }
  return tookMs / repetitions;
}

/** Lends a temporary folder. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-bench-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export type ShippedModel = Awaited<ReturnType<typeof readShippedModel>>;

/** `bytes` are those of the weights' file, as it is served; `weights` are in the plan's order. */
export async function readShippedModel() {
  const artifact = await readArtifactFolder(SHIPPED_MODEL_FOLDER);
  const { weightsFile: bytes } = artifact;
  return { ...artifact, bytes, weights: decodeWeights(artifact, bytes) };
}
