/**
 * `npm run hunt -- artifacts --n 100000 --seed 1`: spoils artifacts in every way that
 * `test/support/artifact-fuzz` knows, and loads each as the worker does. Only a good model or an
 * ArtifactError may come out: no other error, no end of the process, no case that takes longer than
 * `--limit-ms`, no process that holds more than `--limit-mib`. Exit status 1 otherwise.
 *
 * The cases run in processes of their own, one after the other. Case i of a seed is the same for
 * good: `--from i --n 1` has it again.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Command } from 'commander';
import { alignColumns } from '../../shared/text.ts';
import { isFault } from '../support/artifact-fuzz/load.ts';
import type { Line } from '../support/artifact-fuzz/child.ts';
import { parseFlags, parseSeed, parseWhole } from '../../trainer/cli/arguments.ts';

const CHILD = join(import.meta.dirname, '../support/artifact-fuzz/child.ts');
/** Cases of one process: memory that grew would show, and a new process costs seconds. */
const CASES_A_PROCESS = 5000;
/** On a busy machine. */
const START_MS = 120_000;
/** Milliseconds between two lines about how far it is. */
const SAY_EVERY_MS = 30_000;

interface Flags {
  readonly n: number;
  readonly seed: string;
  readonly from: number;
  readonly limitMs: number;
  readonly limitMib: number;
}

const flags = parseFlags<Flags>(
  new Command('npm run hunt -- artifacts')
    .description(
      'Loads spoilt artifacts as the worker does; exit status 1 when one does more than to be refused.',
    )
    .option('--n <count>', 'how many', parseWhole(1, 100_000_000), 10_000)
    .option('--seed <text>', 'decides all of them', parseSeed, '1')
    .option('--from <index>', 'the first one', parseWhole(0, 100_000_000), 0)
    .option('--limit-ms <ms>', 'how long one may take', parseWhole(1, 1_000_000), 10_000)
    .option(
      '--limit-mib <MiB>',
      'how much a process may hold, Node included',
      parseWhole(1, 100_000),
      512,
    ),
);

process.exitCode = (await fuzz(flags)) ? 0 : 1;

/** @returns  Whether all went well. */
async function fuzz({ n, seed, from, limitMs, limitMib }: Flags): Promise<boolean> {
  const counts = new Map<string, Map<string, number>>();
  const faults: string[] = [];
  const end = from + n;
  let worst: Line | undefined;
  let peakKiB = 0;
  let done = 0;
  let saidAt = performance.now();

  const count = (mutation: string, outcome: string): void => {
    const row = counts.get(mutation) ?? new Map<string, number>();
    counts.set(mutation, row.set(outcome, (row.get(outcome) ?? 0) + 1));
    done++;
  };
  const take = (line: Line): void => {
    count(line.mutation, isFault(line) ? 'FAULT' : line.outcome);
    worst = worst === undefined || line.ms > worst.ms ? line : worst;
    peakKiB = Math.max(peakKiB, line.peakKiB ?? 0);
    if (isFault(line)) {
      faults.push(`case ${line.index}, ${line.mutation}: ${line.outcome}`);
    }
    if (performance.now() - saidAt > SAY_EVERY_MS) {
      saidAt = performance.now();
      process.stderr.write(
        `${done.toLocaleString('en')} of ${n.toLocaleString('en')}, ${faults.length} faults\n`,
      );
    }
  };

  for (let next = from; next < end;) {
    const to = Math.min(end, next + CASES_A_PROCESS);
    const { judged, how } = await runProcess(seed, next, to, limitMs, take);
    next += judged;
    if (how !== undefined) {
      faults.push(`case ${next}: ${how}`);
      count('(unknown)', 'FAULT');
      next++;
    }
  }
  printTable(counts);
  console.log(
    `\n${done.toLocaleString('en')} artifacts of seed ${JSON.stringify(seed)}, from ${from} on: ${faults.length} faults`,
  );
  console.log(
    `longest: ${worst?.ms.toFixed(0)} ms, ${limitMs} allowed (case ${worst?.index}, ${worst?.mutation}, ${worst?.outcome})`,
  );
  console.log(`most that a process held: ${(peakKiB / 1024).toFixed(0)} MiB, ${limitMib} allowed`);
  faults.slice(0, 50).forEach((fault) => console.log(fault));
  return faults.length === 0 && peakKiB <= limitMib * 1024 && (worst?.ms ?? 0) <= limitMs;
}

/**
 * @returns  How many cases were judged, and, when not all of them were, what became of the process.
 */
async function runProcess(
  seed: string,
  from: number,
  to: number,
  limitMs: number,
  take: (line: Line) => void,
): Promise<{ judged: number; how: string | undefined }> {
  const child = spawn(process.execPath, [CHILD, seed, String(from), String(to)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)));
  const ended = new Promise<string>((resolve) =>
    child.once('close', (code, signal) => resolve(signal ?? `status ${code}`)),
  );
  let isLate = false;
  const giveUp = (): void => {
    isLate = true;
    child.kill('SIGKILL');
  };
  let timer = setTimeout(giveUp, START_MS);
  let judged = 0;
  for await (const text of createInterface(child.stdout)) {
    clearTimeout(timer);
    timer = setTimeout(giveUp, limitMs * 2); // Making an artifact takes time too.
    judged++;
    take(JSON.parse(text) as Line);
  }
  clearTimeout(timer);
  const how = await ended;
  return {
    judged,
    how:
      judged === to - from
        ? undefined
        : isLate
          ? `not over after ${limitMs * 2} ms`
          : `${how}: ${said}`,
  };
}

function printTable(counts: ReadonlyMap<string, ReadonlyMap<string, number>>): void {
  const outcomes = [...new Set([...counts.values()].flatMap((row) => [...row.keys()]))].sort();
  const lines = [...counts]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, row]) => {
      const cells = outcomes.map((outcome) => row.get(outcome) ?? 0);
      const all = cells.reduce((sum, cell) => sum + cell, 0);
      return [
        name,
        ...[...cells, all].map((cell) => (cell === 0 ? '·' : cell.toLocaleString('en'))),
      ];
    });
  const table = alignColumns([['', ...outcomes, 'all'], ...lines], (column) => column > 0);
  console.log(table.join('\n'));
}
