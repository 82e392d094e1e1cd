/**
 * What a request costs in the local edge runtime, warmed up, one after the other over one connection, at workerd's own socket:
 * `npm run bench:edge [-- --json FILE]`. Beside it a worker that answers `ok`, which is what the runtime and HTTP take.
 */
import { Agent, get } from 'node:http';
import { startEdge, type Edge } from './edge-runtime.ts';
import { readUsage } from './process-usage.ts';
import { takeSpread, type BenchRecord, type BenchTable, type Spread } from './record.ts';
import { createSuiteCommand, runSuite } from './suite.ts';

/** Requests of a round: enough for the processor time of one, which Linux counts in hundredths of a second. */
interface Case {
  readonly name: string;
  readonly path: string;
  readonly requests: number;
  readonly etag?: string;
  /** Milliseconds of processor time. */
  readonly goalMs: number | null;
}

interface Costs {
  readonly elapsed: Spread;
  readonly cpu: Spread;
}

const ROUNDS = 9;
const FLOOR_REQUESTS = 800;

await runSuite(
  'edge',
  createSuiteCommand('edge', 'Times requests to the worker in the local edge runtime.'),
  measure,
);

async function measure(): Promise<Pick<BenchRecord, 'tables' | 'versions'>> {
  const edge = await startEdge();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const seeded = await fetch(new URL('/digit.png?seed=a', edge.url));
    await seeded.arrayBuffer();
    const cases: Case[] = [
      { name: '/digit?n=1', path: '/digit?n=1', requests: 400, goalMs: 1 },
      { name: '/digit?n=16', path: '/digit?n=16', requests: 150, goalMs: 3 },
      { name: '/digit?n=256', path: '/digit?n=256', requests: 20, goalMs: 40 },
      {
        name: '304 of a seed',
        path: '/digit.png?seed=a',
        requests: 800,
        etag: seeded.headers.get('etag') ?? '',
        goalMs: null,
      },
    ];
    const own: Costs[] = [];
    const floor: Costs[] = [];
    for (const each of cases) {
      const [ours, least] = await measureCase(edge, agent, each);
      own.push(ours);
      floor.push(least);
    }
    const names = cases.map(({ name }) => name);
    const makeTable = (
      part: keyof Costs,
      table: Pick<BenchTable, 'id' | 'title' | 'notes' | 'goals'>,
    ): BenchTable => ({
      ...table,
      unit: 'ms',
      better: 'lower',
      cases: names,
      rows: [{ subject: 'digitmint', isOurs: true, values: own.map((costs) => costs[part]) }],
      limit: {
        what: 'a worker in the same process that answers “ok”',
        values: floor.map((costs) => costs[part].median),
      },
    });
    const tables = [
      makeTable('cpu', {
        id: 'edge-cpu',
        title: 'Processor time of a request',
        notes: [
          `The model that ships; of the whole local runtime, HTTP included, one request after the other; ${ROUNDS} rounds of ${cases.map(({ requests }) => requests).join(', ')} requests.`,
          'Every request is logged; limits of rate are off. Cloudflare’s free plan allows 10 ms.',
        ],
        goals: cases.map(({ goalMs }) => goalMs),
      }),
      makeTable('elapsed', {
        id: 'edge',
        title: 'A request from start to end',
        notes: ['Means of the same rounds, over one connection on this machine, body read.'],
        goals: null,
      }),
    ];
    return { versions: { node: process.versions.node, ...edge.versions }, tables };
  } finally {
    agent.destroy();
    await edge.close();
  }
}

/** Rounds of both by turns; the first warms up. */
async function measureCase(
  { url, floorUrl, pid }: Edge,
  agent: Agent,
  { path, requests, etag }: Case,
): Promise<[Costs, Costs]> {
  const targets = [
    { target: new URL(path, url), count: requests, etag },
    { target: floorUrl, count: FLOOR_REQUESTS, etag: undefined },
  ];
  const elapsed: number[][] = [[], []];
  const cpu: number[][] = [[], []];
  for (let round = -1; round < ROUNDS; round++) {
    for (const [i, { target, count, etag: known }] of targets.entries()) {
      const [cpuBefore, began] = [readUsage(pid).cpuMs, performance.now()];
      for (let n = 0; n < count; n++) {
        await ask(target, agent, known);
      }
      if (round >= 0) {
        elapsed[i]?.push((performance.now() - began) / count);
        cpu[i]?.push((readUsage(pid).cpuMs - cpuBefore) / count);
      }
    }
  }
  return [0, 1].map((i) => ({
    elapsed: takeSpread(elapsed[i] ?? []),
    cpu: takeSpread(cpu[i] ?? []),
  })) as [Costs, Costs];
}

/** As little as an HTTP client can do: `fetch` takes longer than the answer. @throws Error  When the answer is no success. */
function ask(url: URL, agent: Agent, etag?: string): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, { agent, headers: etag === undefined ? {} : { 'If-None-Match': etag } }, (answer) => {
      answer.on('error', reject);
      answer.on('end', resolve);
      answer.resume();
      const expected = etag === undefined ? 200 : 304;
      if (answer.statusCode !== expected) {
        reject(new Error(`${url.href} answers ${answer.statusCode}, expected ${expected}`));
      }
    }).on('error', reject);
  });
}
