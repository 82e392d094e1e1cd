/**
 * docs/scale.md out of what was measured and simulated. Pure.
 */
import { ASSUMED, RULES, type Outcome } from './simulation.ts';

/** Milliseconds of processor time. */
export interface MeasuredCost {
  readonly digitMs: number;
  readonly sheetMs: number;
  readonly unchangedMs: number;
  readonly setMsPerDigit: number;
  readonly machine: string;
}

export interface SimulatedTraffic {
  readonly requestsPerDay: number;
  readonly outcome: Outcome;
}

/** US dollars; read in November 2026 at developers.cloudflare.com/workers/platform/pricing and /r2/pricing. */
const PRICES = {
  /** A month, with what it includes. */
  plan: 5,
  included: { requests: 10e6, cpuMs: 30e6, reads: 10e6 },
  perMillion: { requests: 0.3, cpuMs: 0.02, reads: 0.36 },
  storageGbMonth: 0.015,
  freeRequestsADay: 100_000,
} as const;

const DAYS = 30;
const BILLION = 1e9;
const PICTURE_BYTES = 28 * 28;
const SET_DIGITS = 60_000;

/** @param traffic  From little to much. */
export function renderScale(cost: MeasuredCost, traffic: readonly SimulatedTraffic[]): string {
  const names = traffic.map(({ requestsPerDay }) => `${requestsPerDay.toLocaleString('en')} a day`);
  const row = (name: string, show: (each: SimulatedTraffic) => string): string[] => [
    name,
    ...traffic.map(show),
  ];
  return `${[
    '# At a thousand, a million and a billion pictures a day',
    '',
    '<!-- Written by `npm run bench -- scale`: change it there. -->',
    '',
    'What the worker costs at Cloudflare, how a new model gets everywhere, and how a very large set is drawn. Processor time is',
    `measured: ${cost.machine}, local edge runtime, the model that ships. Requests are simulated one by one, by the worker's own rules; what`,
    `Cloudflare does not tell is assumed: ${ASSUMED.locations} locations, of which the k-th busiest gets a share that falls as 1 / k; a second isolate beside one that`,
    `answers ${ASSUMED.requestsPerIsolate} requests a second; an isolate that nobody asks for ${ASSUMED.idleSeconds / 60} minutes ends; ${ASSUMED.urls.toLocaleString('en')} different URLs with seeds, wanted as 1 / k.`,
    'Nothing of this was tried on the real network.',
    '',
    '## What a request costs',
    '',
    '| | processor time | part of the free plan’s 10 ms |',
    '| --- | --: | --: |',
    ...(
      [
        ['one digit, PNG', cost.digitMs],
        ['16 digits, PNG', cost.sheetMs],
        ['304, not changed', cost.unchangedMs],
        ['a digit of a set', cost.setMsPerDigit],
      ] as const
    ).map(([name, ms]) => `| ${name} | ${formatMs(ms)} ms | ${((100 * ms) / 10).toFixed(1)}% |`),
    '',
    'The runtime’s own work for HTTP is in it.',
    '',
    '## A month',
    '',
    ...table(
      ['', ...names],
      [
        row('isolates in use', ({ outcome }) => outcome.isolates.toLocaleString('en')),
        row('answers by an isolate that has just begun', ({ outcome }) =>
          formatPart(outcome.coldPart),
        ),
        row('reads of the bucket for each request', ({ outcome }) =>
          outcome.readsPerRequest.toPrecision(2),
        ),
        row('**all fresh**: 16 digits, never cached', (each) =>
          describeBill(each, cost.sheetMs, 1),
        ),
        row('of that requests, processor time, reads', (each) => splitBill(each, cost.sheetMs, 1)),
        row('**seeded**: reach the worker', ({ outcome }) => formatPart(outcome.seededPart)),
        row('the month, with a cache in front', (each) =>
          describeBill(each, cost.sheetMs, each.outcome.seededPart),
        ),
        row('**pinned** to a version: reach the worker', ({ outcome }) =>
          formatPart(outcome.pinnedPart),
        ),
        row('the month, with a cache in front', (each) =>
          describeBill(each, cost.sheetMs, each.outcome.pinnedPart),
        ),
      ],
    ),
    '',
    `Up to ${PRICES.freeRequestsADay.toLocaleString('en')} requests a day the free plan will do, and R2's free reads with it. Beyond, requests are the largest part of the bill, and a cache`,
    'hit is billed as a request too (but not its processor time): only a page that keeps its pictures, or an answer for many digits at once, costs less.',
    'Prices: $0.30 a million requests, $0.02 a million milliseconds, $0.36 a million reads, after what the plan of $5 includes.',
    '',
    '## A new model',
    '',
    ...table(
      ['', ...names],
      [
        row('seconds until the last answer by the old one', ({ outcome }) =>
          outcome.lastOldSeconds.toFixed(0),
        ),
        row('answers by the old one in the first minute', ({ outcome }) =>
          formatPart(outcome.oldPartOfMinute),
        ),
      ],
    ),
    '',
    `An isolate looks at the pointer every ${RULES.refreshSeconds} seconds, behind an answer; after ${RULES.silenceSeconds} seconds of silence it waits for that look. URLs that name a version are`,
    'never touched by it.',
    '',
    '## A billion digits',
    '',
    `\`/dataset.idx\` gives up to ${SET_DIGITS.toLocaleString('en')} at once, and digit i of a seed is the same in any range: ${Math.ceil(BILLION / SET_DIGITS).toLocaleString('en')} requests, in any order, from any number of machines, each of`,
    `${((SET_DIGITS * cost.setMsPerDigit) / 1000).toFixed(1)} s of processor time (the paid plan allows 30 s unless told otherwise; the free one draws ${Math.floor(10 / cost.setMsPerDigit).toLocaleString('en')} a request). In all ${((BILLION * cost.setMsPerDigit) / 3.6e6).toFixed(0)} hours of one core,`,
    `$${((BILLION * cost.setMsPerDigit * PRICES.perMillion.cpuMs) / 1e6).toFixed(2)} at Cloudflare, and ${((BILLION * PICTURE_BYTES) / 1e9).toFixed(0)} GB, which R2 keeps for $${(((BILLION * PICTURE_BYTES) / 1e9) * PRICES.storageGbMonth).toFixed(2)} a month.`,
    '',
    '## Where it ends',
    '',
    '- The pointer is one object: R2 takes one write a second to it, and any number of reads. Publishing more often is refused and tried again.',
    '- An isolate has 128 MB: it keeps six models, or 24 MiB of weights.',
    '- Every isolate reads the pointer for itself. At a billion requests a day that is a small part of the bill; a thousand isolates more',
    `  would add $${(((1000 * DAYS * 86_400) / RULES.refreshSeconds / 1e6) * PRICES.perMillion.reads).toFixed(0)} a month.`,
  ].join('\n')}\n`;
}

interface Bill {
  readonly requests: number;
  readonly cpu: number;
  readonly reads: number;
}

/** Dollars a month, beyond the plan's own price and what it includes. @param workerPart  Of the requests: not answered by a cache. */
function reckon(
  { requestsPerDay, outcome }: SimulatedTraffic,
  cpuMs: number,
  workerPart: number,
): Bill {
  const requests = requestsPerDay * DAYS;
  const beyond = (amount: number, included: number, price: number) =>
    (Math.max(0, amount - included) / 1e6) * price;
  return {
    requests: beyond(requests, PRICES.included.requests, PRICES.perMillion.requests),
    cpu: beyond(requests * workerPart * cpuMs, PRICES.included.cpuMs, PRICES.perMillion.cpuMs),
    // Isolates look by the clock: fewer requests to them spare few looks, and none is taken off here.
    reads: beyond(
      requests * outcome.readsPerRequest,
      PRICES.included.reads,
      PRICES.perMillion.reads,
    ),
  };
}

function describeBill(each: SimulatedTraffic, cpuMs: number, workerPart: number): string {
  const { requests, cpu, reads } = reckon(each, cpuMs, workerPart);
  return each.requestsPerDay <= PRICES.freeRequestsADay
    ? 'free'
    : formatDollars(PRICES.plan + requests + cpu + reads);
}

function splitBill(each: SimulatedTraffic, cpuMs: number, workerPart: number): string {
  const { requests, cpu, reads } = reckon(each, cpuMs, workerPart);
  return each.requestsPerDay <= PRICES.freeRequestsADay
    ? ''
    : [requests, cpu, reads].map(formatDollars).join(', ');
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [heads, ['---', ...heads.slice(1).map(() => '--:')], ...rows].map(
    (cells) => `| ${cells.join(' | ')} |`,
  );
}

function formatDollars(dollars: number): string {
  return `$${dollars.toLocaleString('en', { maximumFractionDigits: dollars < 10 ? 2 : 0 })}`;
}

function formatPart(part: number): string {
  return `${(100 * part).toPrecision(2)}%`;
}

function formatMs(ms: number): string {
  return ms < 0.1 ? ms.toFixed(3) : ms.toFixed(1);
}
