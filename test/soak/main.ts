/**
 * `npm run hunt -- soak`: 100,000 requests of every kind against the worker in the local edge
 * runtime (`--node`: the server on Node), while the model is switched and publications go wrong.
 * Every answer is checked; memory must stay flat. Exit status 1 else.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { buildPage } from '../../dev/build/page.ts';
import { requireFree } from '../../storage/files.ts';
import { buildServer, SERVER_FILE } from '../../dev/build/server.ts';
import { startNodeServer } from '../support/hosts/node-server.ts';
import { startWorker, type TestWorker } from '../support/hosts/workerd.ts';
import { parseFlags, parseWhole } from '../../trainer/cli/arguments.ts';
import { judgeMemory, type MemoryRow } from './memory.ts';
import { runSoak } from './run.ts';
import { findDescendant, readUsage } from '../../bench/process-usage.ts';

interface Flags {
  readonly requests: number;
  readonly concurrency: number;
  readonly switches: number;
  readonly allowance: number;
  readonly node?: true;
  readonly json?: string;
}

/** Measurements of a run. */
const ROWS = 40;

const flags = parseFlags<Flags>(
  new Command('npm run hunt -- soak')
    .description(
      'Many requests of every kind while the model is switched; exit status 1 if an answer is wrong or memory grows.',
    )
    .option('--requests <count>', 'how many, at least 1000', parseWhole(1000, 100_000_000), 100_000)
    .option('--concurrency <count>', 'in flight at once', parseWhole(1, 256), 8)
    .option(
      '--switches <count>',
      'of the model; before every third a broken one is published',
      parseWhole(0, 100_000),
      200,
    )
    .option(
      '--allowance <MiB>',
      'how much resident memory may grow after the first quarter',
      parseWhole(0, 100_000),
      32,
    )
    .option('--node', 'the server on Node in place of the edge runtime')
    .option('--json <file>', 'writes the report there'),
);

process.exitCode = await main();

async function main(): Promise<number> {
  if (flags.json !== undefined) {
    requireFree(flags.json, '--json');
  }
  const runtime = flags.node === true ? 'Node' : 'the edge runtime';
  const began = performance.now();
  const { worker, program, clean } = await (flags.node === true ? startOnNode() : startOnWorkerd());
  const rows: MemoryRow[] = [];
  try {
    const pid = findDescendant(program);
    if (pid === undefined) {
      throw new Error(
        `expected a process ${program} under /proc; memory is measured on Linux only`,
      );
    }
    const machine = `${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.versions.node}`;
    console.log(
      `${flags.requests.toLocaleString('en')} requests, ${flags.concurrency} at once, on ${runtime}; ${machine}\n`,
    );
    console.log('   requests  seconds  resident MiB  models');
    const report = await runSoak({
      worker,
      requests: flags.requests,
      concurrency: flags.concurrency,
      switches: flags.switches,
      versions: 8,
      variants: 6,
      sampleEvery: Math.ceil(flags.requests / ROWS),
      sample: async (requests) => {
        const row = {
          requests,
          seconds: Math.round((performance.now() - began) / 1000),
          residentMiB: readUsage(pid).residentBytes / 2 ** 20,
          ...(flags.node === true ? {} : await askInside(worker)),
        };
        rows.push(row);
        console.log(formatRow(row));
      },
    });
    const verdict = judgeMemory(rows, flags.allowance);
    console.log('');
    for (const [what, count] of Object.entries(report.counts).toSorted(([a], [b]) =>
      a.localeCompare(b),
    )) {
      console.log(`${what.padEnd(36)}${count.toLocaleString('en').padStart(9)}`);
    }
    console.log(
      `\nthe model was switched ${report.switches} times, ${report.brokenPublications} publications were broken`,
    );
    console.log(`answers known beforehand: SHA-256 ${report.goldenSha256.slice(0, 16)}`);
    const wrong = report.counts['WRONG'] ?? 0;
    console.log(
      wrong === 0
        ? 'every answer was right'
        : `${wrong} answers were WRONG, such as\n  ${report.wrong.join('\n  ')}`,
    );
    console.log(verdict.text);
    if (flags.json !== undefined) {
      await mkdir(dirname(flags.json), { recursive: true });
      await writeFile(
        flags.json,
        `${JSON.stringify({ runtime, machine, ...flags, ...report, memory: rows, verdict }, null, 2)}\n`,
      );
    }
    return wrong === 0 && !verdict.grew ? 0 : 1;
  } finally {
    await worker.close();
    await clean();
  }
}

interface Soaked {
  readonly worker: TestWorker;
  /** The process's name. */
  readonly program: string;
  readonly clean: () => Promise<void>;
}

async function startOnWorkerd(): Promise<Soaked> {
  await buildPage();
  const entry = new URL('../edge/model-counting-worker.ts', import.meta.url);
  return {
    worker: await startWorker(undefined, {}, entry),
    program: 'workerd',
    clean: async () => undefined,
  };
}

async function startOnNode(): Promise<Soaked> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-soak-'));
  await buildServer(folder);
  const worker = await startNodeServer(undefined, {}, join(folder, SERVER_FILE));
  return { worker, program: 'node', clean: () => rm(folder, { recursive: true }) };
}

/** Figures that only the worker itself knows. */
async function askInside(worker: TestWorker): Promise<Pick<MemoryRow, 'models'>> {
  return { models: (await (await worker.fetch('/open-models')).json()) as number };
}

function formatRow({ requests, seconds, residentMiB, models }: MemoryRow): string {
  const cells = [requests.toLocaleString('en'), seconds, residentMiB.toFixed(1), models ?? ''];
  return cells.map((cell, i) => String(cell).padStart([11, 9, 14, 8][i] ?? 0)).join('');
}
