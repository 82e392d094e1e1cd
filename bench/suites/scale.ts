/**
 * The cost and the behaviour of the service at a thousand, a million and a billion requests a day.
 * Processor time is measured in the local edge runtime; the rest is simulated and reckoned with
 * Cloudflare's prices.
 */
import { fetchEtag, withEdge } from '../edge-runtime.ts';
import { makeRow, makeTable, type Suite } from '../harness.ts';
import type { BenchTable } from '../record.ts';
import { simulate } from '../simulation.ts';

const DAY_SECONDS = 86_400;
const TRAFFIC = [
  { requestsPerDay: 1e3, seconds: 30 * DAY_SECONDS, mostRequests: 1e6 },
  { requestsPerDay: 1e6, seconds: DAY_SECONDS / 2, mostRequests: 1e6 },
  { requestsPerDay: 1e9, seconds: 300, mostRequests: 3e6 },
];
const [DAYS, BILLION, SET_SIZE] = [30, 1e9, 20_000];
const [PICTURE_BYTES, SET_DIGITS] = [28 * 28, 60_000];

/** US dollars, from Cloudflare's pages of prices for Workers and R2 in November 2026. */
const PRICES = {
  /** A month; `included` is what it pays for. */
  plan: 5,
  included: { requests: 10e6, cpuMs: 30e6, reads: 10e6 },
  perMillion: { requests: 0.3, cpuMs: 0.02, reads: 0.36 },
  storageGbMonth: 0.015,
  freeRequestsADay: 100_000,
} as const;

type Traffic = Readonly<{ requestsPerDay: number; outcome: ReturnType<typeof simulate> }>;
/** Milliseconds of processor time. */
type Cost = Readonly<Record<'digitMs' | 'sheetMs' | 'unchangedMs' | 'setMsPerDigit', number>>;

export const measure: Suite = (quick) =>
  withEdge(async (edge) => {
    const requests = quick ? 50 : 1000;
    const time = async (path: string, count: number, etag?: string): Promise<number> => {
      const expected = etag === undefined ? {} : { etag };
      await edge.measure(path, Math.min(count, 50), expected); // Warms up.
      return (await edge.measure(path, count, expected)).cpuMs;
    };
    const cost = {
      digitMs: await time('/digit.png', requests),
      sheetMs: await time('/digit.png?n=16', requests),
      unchangedMs: await time('/digit.png?seed=a', requests, await fetchEtag(edge)),
      setMsPerDigit: (await time(`/dataset.idx?n=${SET_SIZE}`, 2)) / SET_SIZE,
    };
    const traffic = TRAFFIC.map((each) => ({
      requestsPerDay: each.requestsPerDay,
      outcome: simulate(quick ? { ...each, mostRequests: 1000 } : each),
    }));
    return { versions: edge.versions, tables: reckonTables(cost, traffic) };
  });

/** @param traffic  The least first. */
export function reckonTables(cost: Cost, traffic: readonly Traffic[]): BenchTable[] {
  const cases = traffic.map(({ requestsPerDay }) => `${requestsPerDay.toLocaleString('en')} a day`);
  const list = (rows: Readonly<Record<string, (each: Traffic) => number>>): BenchTable['rows'] =>
    Object.entries(rows).map(([name, pick]) => makeRow(name, traffic.map(pick)));
  const sheets = (part: 'requests' | 'cpuMs' | 'reads') => (each: Traffic) =>
    reckon(each, cost.sheetMs, 1)[part];
  const month = (pick: (outcome: Traffic['outcome']) => number) => (each: Traffic) =>
    reckon(each, cost.sheetMs, pick(each.outcome)).total;
  const billionMs = BILLION * cost.setMsPerDigit;
  const gigabytes = (BILLION * PICTURE_BYTES) / 1e9;
  const plain = { better: 'none', unit: 'as the rows say' } as const;
  return [
    makeTable({
      id: 'scale-cost',
      title: 'What a request costs',
      cases: ['processor time'],
      notes: ['This includes the runtime’s own work for HTTP. The free plan allows 10 ms.'],
      rows: [
        makeRow('one digit, PNG', [cost.digitMs]),
        makeRow('16 digits, PNG', [cost.sheetMs]),
        makeRow('304, unchanged', [cost.unchangedMs]),
        makeRow('a digit of a set', [cost.setMsPerDigit]),
      ],
    }),
    makeTable({
      ...plain,
      id: 'scale-traffic',
      title: 'Isolates, and a new model',
      cases,
      rows: list({
        'isolates in use': ({ outcome }) => outcome.isolates,
        'bucket reads a request': ({ outcome }) => outcome.readsPerRequest,
        'seconds until the last answer by the old model': ({ outcome }) => outcome.lastOldSeconds,
      }),
    }),
    makeTable({
      ...plain,
      id: 'scale-parts',
      title: 'Parts of the requests',
      unit: '%',
      cases,
      rows: list({
        'answered by an isolate that has just started': ({ outcome }) => 100 * outcome.coldPart,
        'by the old model, first minute': ({ outcome }) => 100 * outcome.oldPartOfMinute,
        'seeded: reach the worker': ({ outcome }) => 100 * outcome.seededPart,
        'pinned to a version: reach the worker': ({ outcome }) => 100 * outcome.pinnedPart,
      }),
    }),
    makeTable({
      ...plain,
      id: 'scale-month',
      title: 'A month',
      unit: 'US$; 0 is free',
      cases,
      rows: list({
        'all fresh: 16 digits, never cached': month(() => 1),
        'of this, requests': sheets('requests'),
        'of this, processor time': sheets('cpuMs'),
        'of this, reads': sheets('reads'),
        'seeded, with a cache in front': month(({ seededPart }) => seededPart),
        'pinned, with a cache in front': month(({ pinnedPart }) => pinnedPart),
      }),
    }),
    makeTable({
      ...plain,
      id: 'scale-billion',
      title: 'A billion digits',
      cases: ['in all'],
      rows: [
        makeRow('requests for 60,000 digits', [Math.ceil(BILLION / SET_DIGITS)]),
        makeRow('seconds of processor time each', [(SET_DIGITS * cost.setMsPerDigit) / 1000]),
        makeRow('digits a request on the free plan', [Math.floor(10 / cost.setMsPerDigit)]),
        makeRow('hours of one core', [billionMs / 3.6e6]),
        makeRow('US$ at Cloudflare', [(billionMs / 1e6) * PRICES.perMillion.cpuMs]),
        makeRow('GB in R2', [gigabytes]),
        makeRow('US$ a month for them', [gigabytes * PRICES.storageGbMonth]),
      ],
    }),
  ];
}

/**
 * Dollars a month.
 * @param workerPart  The part of the requests that reaches the worker; a cache answers the others.
 */
function reckon({ requestsPerDay, outcome }: Traffic, cpuMs: number, workerPart: number) {
  const requests = requestsPerDay * DAYS;
  const isFree = requestsPerDay <= PRICES.freeRequestsADay;
  const price = (name: 'requests' | 'cpuMs' | 'reads', amount: number): number =>
    isFree ? 0 : (Math.max(0, amount - PRICES.included[name]) / 1e6) * PRICES.perMillion[name];
  const bill = {
    requests: price('requests', requests),
    cpuMs: price('cpuMs', requests * workerPart * cpuMs),
    // Isolates read the pointer by the clock, so fewer requests hardly spare reads.
    reads: price('reads', requests * outcome.readsPerRequest),
  };
  const total = isFree ? 0 : PRICES.plan + bill.requests + bill.cpuMs + bill.reads;
  return { ...bill, total };
}
