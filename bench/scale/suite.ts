/**
 * The cost and the behaviour of the service at a thousand, a million and a billion pictures a day.
 * Writes docs/scale.md. Processor time is measured in the local edge runtime; the rest is simulated
 * and reckoned with Cloudflare's prices.
 */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { writeAtomically } from '../../storage/files.ts';
import { fetchEtag, withEdge, type EdgeRequest } from '../edge-runtime.ts';
import { defineSuite, ROOT } from '../suite.ts';
import { renderScale, type MeasuredCost } from './page.ts';
import { simulate } from './simulation.ts';

const DAY_SECONDS = 86_400;
const TRAFFIC = [
  { requestsPerDay: 1e3, seconds: 30 * DAY_SECONDS, mostRequests: 1e6 },
  { requestsPerDay: 1e6, seconds: DAY_SECONDS / 2, mostRequests: 1e6 },
  { requestsPerDay: 1e9, seconds: 300, mostRequests: 3e6 },
];

const SET_SIZE = 20_000;
const WARM_UP_REQUESTS = 50;

export const suite = defineSuite({
  about: 'costs at a thousand, a million and a billion pictures a day, for docs/scale.md',
  measure: async ({ quick }) => {
    const cost = await measureCost(quick ? 50 : 1000);
    const traffic = TRAFFIC.map((each) => ({
      requestsPerDay: each.requestsPerDay,
      outcome: simulate(quick ? { ...each, mostRequests: 1000 } : each),
    }));
    const page = renderScale(cost, traffic);
    if (quick) {
      console.log(page);
    } else {
      await writeAtomically(join(ROOT, 'docs/scale.md'), new TextEncoder().encode(page));
      console.log('docs/scale.md is written.');
    }
    return { tables: [], versions: {} };
  },
});

/**
 * @param requests  Of which processor time is the mean; Linux counts it in hundredths of a second.
 */
function measureCost(requests: number): Promise<MeasuredCost> {
  return withEdge(async (edge) => {
    const measure = async (request: EdgeRequest): Promise<number> => {
      const warmUp = Math.min(request.requests, WARM_UP_REQUESTS);
      await edge.measure({ ...request, requests: warmUp });
      return (await edge.measure(request)).cpuMs;
    };
    const set = { url: `/dataset.idx?n=${SET_SIZE}`, requests: 2 };
    return {
      digitMs: await measure({ url: '/digit.png', requests }),
      sheetMs: await measure({ url: '/digit.png?n=16', requests }),
      unchangedMs: await measure({
        url: '/digit.png?seed=a',
        requests,
        etag: await fetchEtag(edge),
      }),
      setMsPerDigit: (await measure(set)) / SET_SIZE,
      machine: `${cpus().length} cores of ${cpus()[0]?.model.trim()}, Node ${process.versions.node}`,
    };
  });
}
