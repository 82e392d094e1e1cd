/**
 * How many requests a second the worker answers in the local edge runtime, and how long they take
 * when it is busy: first as many as possible, then 80% of that, then all kinds mixed at 80% for
 * minutes. workerd keeps to one core, this process, which asks, to another.
 */
import { Agent, get } from 'node:http';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExpectedError } from '../../shared/expected-error.ts';
import { parseWhole } from '../../trainer/cli/arguments.ts';
import { runCommand } from '../../trainer/tensorflow/setup/command.ts';
import { fetchEtag, FLOOR, withEdge, type Edge } from '../edge-runtime.ts';
import { prepareNpm } from '../peers.ts';
import { readUsage } from '../process-usage.ts';
import { takeSpread } from '../record.ts';
import { defineSuite, makeRow, makeTable, type CommonFlags, type Measured } from '../suite.ts';

const CONNECTIONS = 16;
const REPEATS = 3;
/** Of the highest rate. */
const PART = 0.8;
const SAMPLE_MS = 1000;
const PERCENTILES = [50, 99, 99.9];

interface Flags extends CommonFlags {
  readonly minutes: number;
}

interface Target {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The part of autocannon that is used. */
type Autocannon = (options: {
  readonly url: string;
  readonly requests: readonly { readonly path: string; readonly headers?: Target['headers'] }[];
  readonly connections: number;
  readonly duration: number;
}) => Promise<{
  readonly duration: number;
  readonly errors: number;
  readonly statusCodeStats: Readonly<Record<string, { readonly count: number }>>;
}>;

/** Answers at a fixed rate. */
interface Pace {
  readonly requests: number;
  readonly errors: number;
  /** Milliseconds, in ascending order. */
  readonly latencies: readonly number[];
}

export const suite = defineSuite<Flags>({
  about: 'requests a second, and latency under load',
  addFlags: (command) =>
    command.option('--minutes <count>', 'of all kinds mixed, at 80%', parseWhole(1, 600), 5),
  measure: ({ quick, minutes }) => (quick ? measure(0, 1, 2) : measure(3, 10, 60 * minutes)),
});

async function measure(
  warmUpSeconds: number,
  seconds: number,
  mixedSeconds: number,
): Promise<Measured> {
  const peers = await prepareNpm();
  const autocannon = peers.require('autocannon') as Autocannon;
  return withEdge(async (edge) => {
    const isTied = (await tieToCore(edge.pid, 0)) && (await tieToCore(process.pid, 1));
    let errors = 0;
    /** @returns  Answers a second, asked over all connections as fast as answers come. */
    const askMost = async (targets: readonly Target[], duration: number): Promise<number> => {
      const requests = targets.map(({ url, headers }) => {
        const { pathname, search } = new URL(url);
        return { path: pathname + search, ...(headers === undefined ? {} : { headers }) };
      });
      const url = new URL((targets[0] as Target).url).origin;
      const result = await autocannon({ url, requests, connections: CONNECTIONS, duration });
      const statuses = Object.entries(result.statusCodeStats);
      const count = statuses.reduce((sum, [, each]) => sum + each.count, 0);
      errors += result.errors;
      errors += statuses.reduce(
        (sum, [status, each]) => sum + (isGood(status) ? 0 : each.count),
        0,
      );
      return count / result.duration;
    };
    const askAtRate = async (
      targets: readonly Target[],
      rate: number,
      duration: number,
    ): Promise<Pace> => {
      const pace = await keepPace(targets, rate, duration);
      errors += pace.errors;
      return pace;
    };

    const kinds = await listKinds(edge);
    const rates: number[][] = [];
    const busy: Pace[] = [];
    for (const targets of kinds.values()) {
      if (warmUpSeconds > 0) {
        await askMost(targets, warmUpSeconds);
      }
      const runs: number[] = [];
      for (let i = 0; i < REPEATS; i++) {
        runs.push(await askMost(targets, seconds));
      }
      rates.push(runs);
      busy.push(await askAtRate(targets, PART * takeSpread(runs).median, seconds));
    }
    const all = [...kinds.values()].flat();
    const mixedRate = PART * (await askMost(all, seconds));
    const memory = watchMemory(edge.pid);
    const mixed = await askAtRate(all, mixedRate, mixedSeconds);
    const residentMiB = memory.stop();
    const floor = [{ url: edge.floorUrl.href }];
    const floorRate = await askMost(floor, seconds);
    // At the mixed rate: nearer to its own highest rate this process would be the slower one.
    const floorBusy = await askAtRate(floor, mixedRate, seconds);
    if (errors > 0) {
      throw new ExpectedError(`${errors} answers were errors`);
    }

    const cases = [...kinds.keys()];
    const where = isTied
      ? 'on one core, the client on another'
      : 'and the client on the same cores';
    const minutes = mixedSeconds / 60;
    const throughput = makeTable({
      id: 'throughput',
      title: 'Requests a second, one isolate',
      unit: '/s',
      better: 'higher',
      notes: [
        `Local workerd ${where}, asked at its own socket over ${CONNECTIONS} connections; ` +
          `${REPEATS} runs of ${seconds} s each after ${warmUpSeconds} s of warm-up.`,
        'Every request is logged; rate limits are off.',
      ],
      cases,
      rows: [makeRow('digitmint', rates)],
      limit: { what: FLOOR, values: cases.map(() => floorRate) },
    });
    const describePace = (subject: string, { latencies }: Pace, isOurs = true) =>
      makeRow(
        subject,
        PERCENTILES.map((percentile) => [takePercentile(latencies, percentile)]),
        isOurs,
      );
    const latency = makeTable({
      id: 'latency',
      title: `Latency at ${100 * PART}% of that`,
      unit: 'ms',
      notes: [
        'Requests are due at even distances whether answers come or not, and latency counts from ' +
          `then on: ${seconds} s of each kind, and ${minutes} minutes of all three in turn at ` +
          `${Math.round(mixedRate).toLocaleString('en')} a second: ` +
          `${mixed.requests.toLocaleString('en')} requests, ${mixed.errors} errors. Resident ` +
          `memory of the runtime: ${residentMiB}.`,
      ],
      cases: PERCENTILES.map((percentile) => `${percentile}%`),
      rows: [
        ...cases.map((name, i) => describePace(name, busy[i] as Pace)),
        describePace(`all three, ${minutes} minutes`, mixed),
        describePace('a worker that answers “ok”, at the same rate', floorBusy, false),
      ],
    });
    return {
      versions: { ...edge.versions, autocannon: peers.versions['autocannon'] as string },
      tables: [throughput, latency],
    };
  });
}

/** The kinds of requests by name. */
async function listKinds(edge: Edge): Promise<Map<string, Target[]>> {
  const locate = (path: string): string => new URL(path, edge.url).href;
  const headers = { 'If-None-Match': await fetchEtag(edge) };
  return new Map([
    ['/digit?n=1', [{ url: locate('/digit?n=1') }]],
    ['/digit?n=16', [{ url: locate('/digit?n=16') }]],
    ['304 of a seed', [{ url: locate('/digit.png?seed=a'), headers }]],
  ]);
}

/** @returns  False where processes cannot be tied, or there is one core only. */
async function tieToCore(pid: number, core: number): Promise<boolean> {
  const args = ['-a', '-c', '-p', String(core), String(pid)];
  return (
    availableParallelism() > 1 &&
    (await runCommand('taskset', args, { env: process.env }))?.status === 0
  );
}

/**
 * Sends requests in turn at an even rate. Latency counts from when a request was due, so one that
 * waits behind slow ones shows it. autocannon 9 cannot do this: it sends each second's share at
 * once.
 */
async function keepPace(targets: readonly Target[], rate: number, seconds: number): Promise<Pace> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const latencies: number[] = [];
  let errors = 0;
  const pending: Promise<void>[] = [];
  const count = Math.max(1, Math.round(rate * seconds));
  const began = performance.now();
  for (let i = 0; i < count; i++) {
    const dueMs = began + (1000 * i) / rate;
    while (performance.now() < dueMs) {
      await sleep(dueMs - performance.now() > 2 ? 1 : 0);
    }
    const { url, headers = {} } = targets[i % targets.length] as Target;
    const answered = Promise.withResolvers<void>();
    pending.push(answered.promise);
    const finish = (isError: boolean): void => {
      errors += Number(isError);
      latencies.push(performance.now() - dueMs);
      answered.resolve();
    };
    const request = get(url, { agent, headers }, (answer) => {
      answer.on('error', () => finish(true));
      answer.on('end', () => finish(!isGood(String(answer.statusCode))));
      answer.resume();
    });
    request.on('error', () => finish(true));
  }
  await Promise.all(pending);
  agent.destroy();
  return { requests: count, errors, latencies: latencies.toSorted((a, b) => a - b) };
}

function isGood(status: string): boolean {
  return status === '200' || status === '304';
}

function takePercentile(sorted: readonly number[], percentile: number): number {
  return sorted[Math.ceil((percentile / 100) * sorted.length) - 1] ?? NaN;
}

function watchMemory(pid: number): { stop(): string } {
  const read = (): number => Math.round(readUsage(pid).residentBytes / 2 ** 20);
  const samples = [read()];
  const timer = setInterval(() => samples.push(read()), SAMPLE_MS);
  return {
    stop: () => {
      clearInterval(timer);
      return `${samples[0]} MiB at first, ${Math.max(...samples)} at most, ${read()} at the end`;
    },
  };
}
