/**
 * The cost of a request in the local edge runtime, warmed up, beside a worker that answers “ok”.
 */
import { fetchEtag, FLOOR, withEdge } from '../edge-runtime.ts';
import { makeRow, makeTable, type Suite } from '../harness.ts';

const FLOOR_REQUESTS = 800;
/** `goalMs`: of processor time. So many requests make up for a coarse clock. */
const CASES = [
  { name: '/digit?n=1', path: '/digit?n=1', requests: 400, goalMs: 1 },
  { name: '/digit?n=16', path: '/digit?n=16', requests: 160, goalMs: 3 },
  { name: '/digit?n=256', path: '/digit?n=256', requests: 20, goalMs: 40 },
  { name: '304 of a seed', path: '/digit.png?seed=a', requests: 800, goalMs: null },
];

export const measure: Suite = (quick) =>
  withEdge(async (edge) => {
    const [rounds, part] = quick ? [1, 0.05] : [9, 1];
    const etag = await fetchEtag(edge);
    const own = CASES.map(() => ({ cpuMs: [] as number[], elapsedMs: [] as number[] }));
    const floor = CASES.map(() => ({ cpuMs: [] as number[], elapsedMs: [] as number[] }));
    for (const [i, { name, path, requests }] of CASES.entries()) {
      // Both take turns. The first round warms up.
      for (let round = -1; round < rounds; round++) {
        const expected = name.startsWith('304') ? { etag } : {};
        const costs = await edge.measure(path, requests * part, expected);
        const floorCosts = await edge.measure(edge.floorUrl, FLOOR_REQUESTS * part);
        for (const cost of ['cpuMs', 'elapsedMs'] as const) {
          if (round >= 0) {
            own[i]?.[cost].push(costs[cost]);
            floor[i]?.[cost].push(floorCosts[cost]);
          }
        }
      }
    }
    const tabulate = (cost: 'cpuMs' | 'elapsedMs', table: { id: string; title: string }) => {
      const list = (costs: typeof own) =>
        makeRow(
          'digitmint',
          costs.map((each) => each[cost]),
        );
      const values = list(floor).values.map((spread) => spread?.median ?? null);
      const cases = CASES.map(({ name }) => name);
      return makeTable({ ...table, cases, rows: [list(own)], limit: { what: FLOOR, values } });
    };
    const counts = CASES.map(({ requests }) => requests * part).join(', ');
    const cpu = tabulate('cpuMs', { id: 'edge-cpu', title: 'Processor time of a request' });
    const elapsed = tabulate('elapsedMs', { id: 'edge', title: 'A request from start to end' });
    const notes = [
      'The model that ships, in the whole local runtime, HTTP included.',
      `One request follows the other: ${rounds} rounds of ${counts} requests.`,
      'Every request is logged; rate limits are off. Cloudflare’s free plan allows 10 ms.',
    ];
    const notesElapsed = [
      'Means of the same rounds, over one connection on this machine, body included.',
    ];
    return {
      versions: edge.versions,
      tables: [
        { ...cpu, notes, goals: CASES.map(({ goalMs }) => goalMs) },
        { ...elapsed, notes: notesElapsed },
      ],
    };
  });
