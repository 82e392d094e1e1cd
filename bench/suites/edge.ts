/**
 * The cost of a request in the local edge runtime, warmed up, beside that of a worker that answers
 * “ok”.
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
  // Reads the digit that the worker itself draws on 280 x 280 pixels.
  { name: 'POST /hand', path: '/hand', requests: 100, goalMs: 10 },
];
const WRITTEN = '/digit.png?seed=a&label=7&scale=10';

export const measure: Suite = (quick) =>
  withEdge(async (edge) => {
    const [rounds, part] = quick ? [1, 0.05] : [9, 1];
    const etag = await fetchEtag(edge);
    const written = await fetch(new URL(WRITTEN, edge.url));
    const picture = new Uint8Array(await written.arrayBuffer());
    const measured: Record<'own' | 'floor', { cpuMs: number; elapsedMs: number }>[][] = [];
    for (const { name, path, requests } of CASES) {
      const expected = {
        ...(name.startsWith('304') && { etag }),
        ...(name.startsWith('POST') && { body: picture }),
      };
      const runs: (typeof measured)[number] = [];
      // Both take turns. The first round warms up.
      for (let round = -1; round < rounds; round++) {
        const own = await edge.measure(path, requests * part, expected);
        const floor = await edge.measure(edge.floorUrl, FLOOR_REQUESTS * part);
        runs.push({ own, floor });
      }
      measured.push(runs.slice(1));
    }
    const tabulate = (cost: 'cpuMs' | 'elapsedMs', id: string, title: string, notes: string[]) => {
      const list = (side: 'own' | 'floor') =>
        makeRow(
          'digitmint',
          measured.map((runs) => runs.map((costs) => costs[side][cost])),
        );
      const values = list('floor').values.map((spread) => spread?.median ?? null);
      const cases = CASES.map(({ name }) => name);
      const limit = { what: FLOOR, values };
      return makeTable({ id, title, notes, cases, rows: [list('own')], limit });
    };
    const counts = CASES.map(({ requests }) => requests * part).join(', ');
    const cpu = tabulate('cpuMs', 'edge-cpu', 'Processor time of a request', [
      'The model that ships, in the whole local runtime, HTTP included.',
      `One request follows the other: ${rounds} rounds of ${counts} requests.`,
      'Every request is logged; rate limits are off. Cloudflare’s free plan allows 10 ms.',
    ]);
    const elapsed = tabulate('elapsedMs', 'edge', 'A request from start to end', [
      'Means of the same rounds, over one connection on this machine, body included.',
    ]);
    const goals = CASES.map(({ goalMs }) => goalMs);
    return { versions: edge.versions, tables: [{ ...cpu, goals }, elapsed] };
  });
