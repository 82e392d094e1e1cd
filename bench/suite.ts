/**
 * The harness of all benchmarks: a suite's flags, its timing, its tables and its record.
 */
import { join } from 'node:path';
import { Command } from 'commander';
import { decodeWeights, WEIGHTS_FILE } from '../shared/model/artifact.ts';
import { ExpectedError } from '../shared/expected-error.ts';
import { readArtifactFolder, type ArtifactFolder } from '../trainer/publish/artifact-folder.ts';
import {
  beginRecord,
  printTable,
  saveRecord,
  takeSpread,
  type BenchRecord,
  type BenchTable,
  type Spread,
} from './record.ts';

export const ROOT = join(import.meta.dirname, '..');
export const SHIPPED_MODEL_FOLDER = join(ROOT, 'models/digits');

/** Other programs' load above which figures are called busy. */
const QUIET_LOAD = 0.5;

export interface CommonFlags {
  /** Does as little as shows that the suite works. Its figures mean nothing and are not kept. */
  readonly quick: boolean;
}

export type Measured = Pick<BenchRecord, 'tables' | 'versions'>;

/** A benchmark: what is its own. */
export interface Suite<Flags extends CommonFlags = CommonFlags> {
  readonly about: string;
  /** Adds flags that other suites do not have. */
  readonly addFlags?: (command: Command) => Command;
  /**
   * Compares values first where others compute the same, then times.
   *
   * @returns  Tables for the terminal and the record; none when the suite prints by itself.
   * @throws ExpectedError  When a comparison or a check fails.
   */
  readonly measure: (flags: Flags) => Promise<Measured>;
}

/** Keeps the type of a suite's flags, which the list of suites does not know. */
export function defineSuite<Flags extends CommonFlags>(suite: Suite<Flags>): Suite {
  return suite as unknown as Suite;
}

/**
 * Runs a suite with the flags of a command line and prints its tables.
 *
 * @param file  Where the record goes; null keeps it only where `--json` says.
 * @returns     Whether a record was written to `file`.
 */
export async function runSuite(
  name: string,
  { about, addFlags = (command) => command, measure }: Suite,
  args: readonly string[],
  file: string | null,
): Promise<boolean> {
  const command = new Command(`npm run bench -- ${name}`)
    .description(about)
    .option('--quick', 'does as little as possible and keeps no figures', false)
    .option('--json <file>', 'writes the figures to this file')
    .allowExcessArguments(false);
  const flags = addFlags(command)
    .parse(args, { from: 'user' })
    .opts<CommonFlags & { json?: string }>();
  const started = beginRecord(name);
  const { loadBefore } = started.machine;
  if (loadBefore > QUIET_LOAD) {
    console.log(
      `The machine is busy (load ${loadBefore.toFixed(2)}): do not publish these figures.`,
    );
  }
  const measured = await measure(flags);
  for (const table of measured.tables) {
    printTable(table);
    console.log(table.notes.join('\n'));
  }
  const target = flags.json ?? (flags.quick || measured.tables.length === 0 ? null : file);
  if (target !== null) {
    await saveRecord(target, { ...started, ...measured });
  }
  return target !== null && target === file;
}

/** Runs a program. An error that a user can mend is printed without a stack, with status 1. */
export async function runProgram(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof ExpectedError)) {
      throw error;
    }
    process.stderr.write(`digitmint: ${error.message}\n`);
    process.exitCode = 1;
  }
}

/** Repeats work for at least this long. @returns  Mean milliseconds of one repetition. */
export async function timeRepeated(work: () => unknown, atLeastMs: number): Promise<number> {
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

/** Milliseconds that work takes once. */
export async function timeOnce(work: () => unknown): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/**
 * Lets contenders take turns, so that heat and other programs are not one contender's alone. Every
 * other round goes backwards.
 *
 * @param contenders  Each measures one round and returns its figure.
 * @param warmUps     Rounds whose figures are thrown away.
 * @returns           The figures of each contender, in the contenders' order.
 */
export async function takeTurns(
  rounds: number,
  contenders: readonly (() => number | Promise<number>)[],
  warmUps = 0,
): Promise<number[][]> {
  const figures: number[][] = contenders.map(() => []);
  const order = [...contenders.entries()];
  for (let round = -warmUps; round < rounds; round++) {
    for (const [i, measure] of round % 2 === 0 ? order : order.toReversed()) {
      const figure = await measure();
      if (round >= 0) {
        figures[i]?.push(figure);
      }
    }
  }
  return figures;
}

/** A table's line. @param figures  Of each case; null or none where it was not measured. */
export function makeRow(
  subject: string,
  figures: readonly (readonly number[] | null | undefined)[],
  isOurs = true,
): BenchTable['rows'][number] {
  const values = figures.map((each): Spread | null =>
    each === undefined || each === null || each.length === 0 ? null : takeSpread(each),
  );
  return { subject, isOurs, values };
}

/** Makes a table; what is left out has the usual value. */
export function makeTable(
  table: Omit<BenchTable, 'better' | 'notes' | 'limit' | 'goals'> & Partial<BenchTable>,
): BenchTable {
  return { better: 'lower', notes: [], limit: null, goals: null, ...table };
}

export interface ShippedModel extends ArtifactFolder {
  /** Of the file, as it is served. */
  readonly bytes: Uint8Array;
  /** In the plan's order. */
  readonly weights: Float32Array[];
}

/** Reads the model that ships. */
export async function readShippedModel(): Promise<ShippedModel> {
  const artifact = await readArtifactFolder(SHIPPED_MODEL_FOLDER);
  const bytes = artifact.files.get(WEIGHTS_FILE) as Uint8Array;
  return { ...artifact, bytes, weights: decodeWeights(artifact, bytes) };
}
