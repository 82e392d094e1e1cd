/**
 * How many requests a second the worker answers in the local edge runtime, and how long they take when it is busy:
 * `npm run bench:load [-- --minutes 5 --json FILE]`. First as fast as answers come, then at 80% of that, then all kinds mixed at 80% for
 * minutes. The runtime keeps to one core and vegeta, which asks, to another. Exit status 1 when any answer was an error.
 */
import { availableParallelism } from 'node:os';
import { parseWhole } from '../trainer/cli/arguments.ts';
import { runCommand } from '../trainer/tensorflow/setup/command.ts';
import { startEdge, type Edge } from './edge-runtime.ts';
import { readUsage } from './process-usage.ts';
import { takeSpread, type BenchRecord, type BenchTable, type Spread } from './record.ts';
import { createSuiteCommand, runSuite } from './suite.ts';
import { attack, prepareVegeta, VEGETA_VERSION, type AttackResult, type Target } from './vegeta.ts';

const CONNECTIONS = 16;
const WARM_UP_SECONDS = 3;
const SECONDS = 10;
const REPEATS = 3;
const PART = 0.8;
const SAMPLE_MS = 1000;

await runSuite(
  'load',
  createSuiteCommand(
    'load',
    'Asks the worker as much as it can answer, and then 80% of that.',
  ).option('--minutes <count>', 'of all kinds mixed, at 80%', parseWhole(1, 600), 5),
  measure,
);

async function measure({
  minutes,
}: {
  minutes: number;
}): Promise<Pick<BenchRecord, 'tables' | 'versions'>> {
  await prepareVegeta(console.log);
  const edge = await startEdge();
  try {
    const isTied = await tieToCore(edge.pid, 0);
    const core = isTied ? 1 : undefined;
    const kinds = await listKinds(edge);
    const most: AttackResult[][] = [];
    const busy: AttackResult[] = [];
    for (const targets of [...kinds.values(), [{ url: edge.floorUrl.href }]]) {
      const own = { targets, connections: CONNECTIONS, core };
      await attack({ ...own, rate: 'most', seconds: WARM_UP_SECONDS });
      const runs: AttackResult[] = [];
      for (let i = 0; i < REPEATS; i++) {
        runs.push(await attack({ ...own, rate: 'most', seconds: SECONDS }));
      }
      most.push(runs);
      busy.push(await attack({ ...own, rate: PART * takeMedianRate(runs), seconds: SECONDS }));
    }
    const mixed = await mixForMinutes(edge, [...kinds.values()].flat(), minutes, core);
    const cases = [...kinds.keys()];
    const [floorRuns, floorBusy] = [most.at(-1) as AttackResult[], busy.at(-1) as AttackResult];
    const where = isTied
      ? 'workerd on one core, vegeta on the other'
      : 'workerd and vegeta on the same cores';
    const rates: BenchTable = {
      id: 'throughput',
      title: 'Requests a second, one isolate',
      unit: '/s',
      better: 'higher',
      notes: [
        `Local workerd asked at its own socket over ${CONNECTIONS} connections, ${where}; ${REPEATS} runs of ${SECONDS} s each after ${WARM_UP_SECONDS} s of warm-up.`,
        'Every request is logged; limits of rate are off.',
      ],
      cases,
      rows: [{ subject: 'digitmint', isOurs: true, values: most.slice(0, -1).map(takeRates) }],
      limit: {
        what: 'a worker in the same process that answers “ok”',
        values: cases.map(() => takeMedianRate(floorRuns)),
      },
      goals: null,
    };
    const percentiles = ['p50', 'p99', 'p999'] as const;
    const latencies: BenchTable = {
      id: 'latency',
      title: `Latency at ${100 * PART}% of that`,
      unit: 'ms',
      better: 'lower',
      notes: [
        `Requests come at a fixed rate whether answers do or not, so waiting counts: ${SECONDS} s of each kind, and ${minutes} minutes of all three in turn at ${Math.round(mixed.rate).toLocaleString('en')} a second: ` +
          `${mixed.result.requests.toLocaleString('en')} requests, ${countErrors(mixed.result).toLocaleString('en')} errors, resident memory of the runtime ${mixed.firstMiB} MiB at first, ${mixed.mostMiB} at most, ${mixed.lastMiB} at the end.`,
      ],
      cases: ['50%', '99%', '99.9%'],
      rows: [
        ...cases.map((name, i) => ({
          subject: name,
          isOurs: true,
          values: percentiles.map((at) => takeOne((busy[i] as AttackResult).latency[at])),
        })),
        {
          subject: `all three, ${minutes} minutes`,
          isOurs: true,
          values: percentiles.map((at) => takeOne(mixed.result.latency[at])),
        },
        {
          subject: 'a worker that answers “ok”',
          isOurs: false,
          values: percentiles.map((at) => takeOne(floorBusy.latency[at])),
        },
      ],
      limit: null,
      goals: null,
    };
    const errors = [...most.flat(), ...busy, mixed.result].reduce(
      (sum, result) => sum + countErrors(result),
      0,
    );
    if (errors > 0) {
      process.stderr.write(`${errors} answers were errors\n`);
      process.exitCode = 1;
    }
    const versions = { node: process.versions.node, vegeta: VEGETA_VERSION, ...edge.versions };
    return { versions, tables: [rates, latencies] };
  } finally {
    await edge.close();
  }
}

/** What is asked, by its name. */
async function listKinds({ url }: Edge): Promise<Map<string, Target[]>> {
  const seeded = new URL('/digit.png?seed=a', url).href;
  const answer = await fetch(seeded);
  await answer.arrayBuffer();
  const etag = answer.headers.get('etag');
  if (etag === null) {
    throw new Error(`${seeded} has no ETag`);
  }
  return new Map([
    ['/digit?n=1', [{ url: new URL('/digit?n=1', url).href }]],
    ['/digit?n=16', [{ url: new URL('/digit?n=16', url).href }]],
    ['304 of a seed', [{ url: seeded, headers: { 'If-None-Match': etag } }]],
  ]);
}

/** @returns  False where processes cannot be tied, or there is one core only. */
async function tieToCore(pid: number, core: number): Promise<boolean> {
  return (
    availableParallelism() > 1 &&
    (
      await runCommand('taskset', ['-a', '-c', '-p', String(core), String(pid)], {
        env: process.env,
      })
    )?.status === 0
  );
}

async function mixForMinutes(
  { pid }: Edge,
  targets: readonly Target[],
  minutes: number,
  core: number | undefined,
) {
  const own = { targets, connections: CONNECTIONS, core };
  const rate = PART * (await attack({ ...own, rate: 'most', seconds: SECONDS })).throughput;
  const samples = [readMiB(pid)];
  const timer = setInterval(() => samples.push(readMiB(pid)), SAMPLE_MS);
  const result = await attack({ ...own, rate, seconds: 60 * minutes });
  clearInterval(timer);
  samples.push(readMiB(pid));
  return {
    rate,
    result,
    firstMiB: samples[0],
    mostMiB: Math.max(...samples),
    lastMiB: samples.at(-1),
  };
}

function readMiB(pid: number): number {
  return Math.round(readUsage(pid).residentBytes / 2 ** 20);
}

function countErrors({ statuses }: AttackResult): number {
  return Object.entries(statuses).reduce(
    (sum, [status, count]) => (status === '200' || status === '304' ? sum : sum + count),
    0,
  );
}

function takeMedianRate(runs: readonly AttackResult[]): number {
  return takeRates(runs).median;
}

function takeRates(runs: readonly AttackResult[]): Spread {
  return takeSpread(runs.map(({ throughput }) => throughput));
}

function takeOne(value: number): Spread {
  return takeSpread([value]);
}
