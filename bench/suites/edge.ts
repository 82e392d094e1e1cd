/**
 * The cost of a request in the local edge runtime, warmed up, beside a worker that answers “ok”.
 */
import { FLOOR, fetchEtag, withEdge, type EdgeRequest } from '../edge-runtime.ts';
import type { BenchTable } from '../record.ts';
import { defineSuite, makeRow, type Measured } from '../suite.ts';

interface Case extends EdgeRequest {
  readonly name: string;
  /** Milliseconds of processor time. */
  readonly goalMs: number | null;
}

const FLOOR_REQUESTS = 800;

export const suite = defineSuite({
  about: 'a request to the worker, beside one to a worker that answers “ok”',
  measure: ({ quick }) => measure(quick ? 1 : 9, quick ? 0.05 : 1),
});

/** @param part  Of the requests of a full round, whose number makes up for a coarse clock. */
function measure(rounds: number, part: number): Promise<Measured> {
  return withEdge(async (edge) => {
    const { floorUrl, versions } = edge;
    const cases: Case[] = [
      { name: '/digit?n=1', url: '/digit?n=1', requests: 400 * part, goalMs: 1 },
      { name: '/digit?n=16', url: '/digit?n=16', requests: 160 * part, goalMs: 3 },
      { name: '/digit?n=256', url: '/digit?n=256', requests: 20 * part, goalMs: 40 },
      {
        name: '304 of a seed',
        url: '/digit.png?seed=a',
        requests: 800 * part,
        etag: await fetchEtag(edge),
        goalMs: null,
      },
    ];
    const floorCase: EdgeRequest = { url: floorUrl, requests: FLOOR_REQUESTS * part };
    const own = cases.map(() => ({ cpuMs: [] as number[], elapsedMs: [] as number[] }));
    const floor = cases.map(() => ({ cpuMs: [] as number[], elapsedMs: [] as number[] }));
    for (const [i, each] of cases.entries()) {
      // Both take turns. The first round warms up.
      for (let round = -1; round < rounds; round++) {
        for (const [costs, request] of [
          [own[i], each],
          [floor[i], floorCase],
        ] as const) {
          const { cpuMs, elapsedMs } = await edge.measure(request);
          if (round >= 0) {
            costs?.cpuMs.push(cpuMs);
            costs?.elapsedMs.push(elapsedMs);
          }
        }
      }
    }
    const makeTable = (
      cost: 'cpuMs' | 'elapsedMs',
      table: Pick<BenchTable, 'id' | 'title' | 'notes' | 'goals'>,
    ): BenchTable => ({
      ...table,
      unit: 'ms',
      better: 'lower',
      cases: cases.map(({ name }) => name),
      rows: [
        makeRow(
          'digitmint',
          own.map((costs) => costs[cost]),
        ),
      ],
      limit: {
        what: FLOOR,
        values: floor.map((costs) => makeRow('', [costs[cost]]).values[0]?.median ?? null),
      },
    });
    const counts = cases.map(({ requests }) => requests).join(', ');
    const tables = [
      makeTable('cpuMs', {
        id: 'edge-cpu',
        title: 'Processor time of a request',
        notes: [
          'The model that ships, in the whole local runtime, HTTP included.',
          `One request follows the other: ${rounds} rounds of ${counts} requests.`,
          'Every request is logged; rate limits are off. Cloudflare’s free plan allows 10 ms.',
        ],
        goals: cases.map(({ goalMs }) => goalMs),
      }),
      makeTable('elapsedMs', {
        id: 'edge',
        title: 'A request from start to end',
        notes: ['Means of the same rounds, over one connection on this machine, body included.'],
        goals: null,
      }),
    ];
    return { versions, tables };
  });
}
