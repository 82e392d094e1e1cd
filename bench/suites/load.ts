/**
 * How many requests a second the worker answers in the local edge runtime, and how long they take
 * when it is busy: at 80% of that, also with all kinds mixed for minutes. workerd keeps to one
 * core, this process, which asks, to another. The server on Node is asked with one process and with
 * one for each core.
 */
import { Agent } from 'node:http';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExpectedError } from '../../shared/expected-error.ts';
import { buildServer, SERVER_FILE } from '../../dev/build/server.ts';
import { startNodeServer } from '../../test/support/hosts/node-server.ts';
import { ask, fetchEtag, FLOOR, withEdge } from '../edge-runtime.ts';
import { makeRow, makeTable, measureRows, withFolder, type Suite } from '../harness.ts';
import { prepareNpm, run } from '../peers.ts';
import { readUsage } from '../process-usage.ts';
import { takeSpread } from '../record.ts';

const [CONNECTIONS, REPEATS] = [16, 3];
/** The share of the highest rate at which latency is measured. */
const PART = 0.8;
const PERCENTILES = [50, 99, 99.9];

type Target = Readonly<{ url: URL; headers?: Readonly<Record<string, string>> }>;

/** The part of autocannon that is used. */
type Autocannon = (options: object) => Promise<{
  readonly duration: number;
  readonly errors: number;
  readonly statusCodeStats: Readonly<Record<string, { readonly count: number }>>;
}>;

export const measure: Suite = async (quick) => {
  const [warmUp, seconds, mixedSeconds] = quick ? [1, 1, 2] : [3, 10, 120];
  const peers = await prepareNpm();
  const autocannon = peers.require('autocannon') as Autocannon;
  /** @returns  Answers a second, asked over all connections as fast as answers come. */
  const askMost = async (targets: readonly Target[], duration: number): Promise<number> => {
    const requests = targets.map(({ url: { pathname, search }, headers }) => ({
      path: pathname + search,
      headers,
    }));
    const url = targets[0]?.url.origin;
    const result = await autocannon({ url, requests, connections: CONNECTIONS, duration });
    const { 200: ok, 304: unchanged, ...others } = result.statusCodeStats;
    if (result.errors > 0 || Object.keys(others).length > 0) {
      throw new ExpectedError(`${url}: ${result.errors} errors, ${JSON.stringify(others)}`);
    }
    return ((ok?.count ?? 0) + (unchanged?.count ?? 0)) / result.duration;
  };
  // Before this process keeps to one core, since its children inherit that.
  const onNode = await measureOnNode(askMost, seconds);
  return withEdge(async (edge) => {
    for (const [core, pid] of [edge.pid, process.pid].entries()) {
      await run(['taskset', '-a', '-c', '-p', String(core), String(pid)]);
    }
    const locate = (path: string): Target => ({ url: new URL(path, edge.url) });
    const headers = { 'If-None-Match': await fetchEtag(edge) };
    const kinds: Readonly<Record<string, readonly Target[]>> = {
      '/digit?n=1': [locate('/digit?n=1')],
      '/digit?n=16': [locate('/digit?n=16')],
      '304 of a seed': [{ ...locate('/digit.png?seed=a'), headers }],
    };
    const rates: number[][] = [];
    const floor = [{ url: edge.floorUrl }];
    const floorRate = await askMost(floor, seconds);
    const describe = (latencies: number[]) =>
      PERCENTILES.map((each) => latencies[Math.ceil((each / 100) * latencies.length) - 1]);
    const paces = [makeRow('/digit?n=16 on Node', describe(onNode.pace))];
    /** Asks for `targets`, then the worker that answers “ok” as often. */
    const pace = async (
      name: string,
      targets: readonly Target[],
      rate: number,
      forSeconds: number,
    ) => {
      const own = await keepPace(targets, rate, forSeconds);
      const others = await keepPace(floor, rate, seconds);
      paces.push(makeRow(name, describe(own)), makeRow('“ok” as often', describe(others), false));
      return own.length;
    };
    for (const [name, targets] of Object.entries(kinds)) {
      await askMost(targets, warmUp);
      const runs: number[] = [];
      for (let i = 0; i < REPEATS; i++) {
        runs.push(await askMost(targets, seconds));
      }
      rates.push(runs);
      await pace(name, targets, PART * takeSpread(runs).median, seconds);
    }
    const all = Object.values(kinds).flat();
    const rate = PART * (await askMost(all, seconds));
    const memory: number[] = [];
    const look = () => memory.push(Math.round(readUsage(edge.pid).residentBytes / 2 ** 20));
    const timer = setInterval(look, 1000);
    look();
    const count = await pace(
      `all three, ${mixedSeconds / 60} minutes`,
      all,
      rate,
      mixedSeconds,
    ).finally(() => clearInterval(timer));
    look();
    const cases = Object.keys(kinds);
    return {
      versions: { ...edge.versions, autocannon: peers.versions['autocannon'] as string },
      tables: [
        makeTable({
          id: 'throughput',
          title: 'Requests a second, one isolate',
          unit: '/s',
          better: 'higher',
          notes: [
            'Local workerd on one core, the client on another, asked at its own socket over ' +
              `${CONNECTIONS} connections; ${REPEATS} runs of ${seconds} s each after ${warmUp} s ` +
              'of warm-up.',
            'Every request is logged; rate limits are off.',
          ],
          cases,
          rows: [makeRow('digitmint', rates)],
          limit: { what: FLOOR, values: cases.map(() => floorRate) },
        }),
        onNode.processes,
        makeTable({
          id: 'latency',
          title: `Latency at ${100 * PART}% of that`,
          notes: [
            'Requests are due at even distances whether answers come or not, and latency counts ' +
              `from then on: ${seconds} s of each kind, and ${mixedSeconds / 60} minutes of all ` +
              `three in turn at ${Math.round(rate).toLocaleString('en')} a second: ` +
              `${count.toLocaleString('en')} requests, no errors. Resident memory of the ` +
              `runtime: ${memory[0]} MiB at first, ${Math.max(...memory)} at most, ` +
              `${memory.at(-1)} at the end.`,
          ],
          cases: PERCENTILES.map((percentile) => `${percentile}%`),
          rows: paces,
        }),
      ],
    };
  });
};

/** Asks the server on Node, with one process and with one for each core, in turns. */
function measureOnNode(
  askMost: (targets: readonly Target[], seconds: number) => Promise<number>,
  seconds: number,
) {
  return withFolder(async (folder) => {
    await buildServer(folder);
    const withServer = async <T>(
      workers: number,
      path: string,
      use: (targets: readonly Target[]) => Promise<T>,
    ): Promise<T> => {
      const variables = { RATE_LIMIT: '0', HEAVY_RATE_LIMIT: '0', WORKERS: String(workers) };
      const server = await startNodeServer(undefined, variables, join(folder, SERVER_FILE));
      try {
        const targets = [{ url: new URL(path, server.url) }];
        await askMost(targets, 1);
        return await use(targets);
      } finally {
        await server.close();
      }
    };
    const cases = ['/digit?n=1', '/digit?n=16', '/digit?n=64'];
    const rows = [1, availableParallelism()].map((workers) => ({
      subject: workers === 1 ? '1 process' : `${workers} processes, \`--workers ${workers}\``,
      cells: cases.map(
        (path) => () => withServer(workers, path, (targets) => askMost(targets, seconds)),
      ),
    }));
    const processes = makeTable({
      id: 'processes',
      title: 'Requests a second, the server on Node',
      unit: '/s',
      better: 'higher',
      notes: [
        `Over ${CONNECTIONS} connections; ${REPEATS} runs of ${seconds} s each, in turns. The ` +
          'client runs on the same cores and takes its share of them: much where answers are small.',
      ],
      cases,
      rows: await measureRows(REPEATS, rows),
    });
    const pace = await withServer(1, '/digit?n=16', async (targets) =>
      keepPace(targets, PART * (await askMost(targets, seconds)), seconds),
    );
    return { processes, pace };
  });
}

/**
 * Sends requests in turn at an even rate. Latency counts from when a request was due, so one that
 * waits behind slow ones shows it. autocannon 9 sends each second's share at once.
 *
 * @returns        Milliseconds, in ascending order.
 * @throws Error  When an answer is an error.
 */
async function keepPace(targets: readonly Target[], rate: number, seconds: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const pending: Promise<number>[] = [];
  const began = performance.now();
  try {
    for (let i = 0; i < Math.max(1, Math.round(rate * seconds)); i++) {
      const dueMs = began + (1000 * i) / rate;
      while (performance.now() < dueMs) {
        await sleep(dueMs - performance.now() > 2 ? 1 : 0);
      }
      const { url, headers } = targets[i % targets.length] as Target;
      const answered = ask(url, agent, headers).then(({ status }) => {
        if (status !== 200 && status !== 304) {
          throw new Error(`${url.href} answers ${status}`);
        }
        return performance.now() - dueMs;
      });
      // Awaited below: until then a rejection must not end this process, whose servers would stay.
      answered.catch(() => {});
      pending.push(answered);
    }
    return (await Promise.all(pending)).toSorted((a, b) => a - b);
  } finally {
    agent.destroy();
  }
}
