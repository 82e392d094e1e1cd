/**
 * docs/scale.md: measured costs, simulated traffic and the prices that follow. Pure.
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

/** US dollars, from Cloudflare's pages of prices for Workers and R2 in November 2026. */
const PRICES = {
  /** A month; `included` is what it pays for. */
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

/** @param traffic  The least first. */
export function renderScale(cost: MeasuredCost, traffic: readonly SimulatedTraffic[]): string {
  const names = traffic.map(({ requestsPerDay }) => `${requestsPerDay.toLocaleString('en')} a day`);
  const row = (name: string, show: (each: SimulatedTraffic) => string): string[] => [
    name,
    ...traffic.map(show),
  ];
  const setSeconds = (SET_DIGITS * cost.setMsPerDigit) / 1000;
  const coreHours = (BILLION * cost.setMsPerDigit) / 3.6e6;
  const computeDollars = (BILLION * cost.setMsPerDigit * PRICES.perMillion.cpuMs) / 1e6;
  const gigabytes = (BILLION * PICTURE_BYTES) / 1e9;
  const looks = (1000 * DAYS * 86_400) / RULES.refreshSeconds;
  const isolateDollars = (looks / 1e6) * PRICES.perMillion.reads;
  return `${[
    '# At a thousand, a million and a billion pictures a day',
    '',
    '<!-- Written by `npm run bench -- scale`: change it there. -->',
    '',
    'For operators who plan for much traffic: what the worker costs at Cloudflare, how fast a new',
    'model reaches every isolate, and how a very large set is drawn.',
    '',
    'Processor time is measured in the local edge runtime, of the model that ships, on',
    `${cost.machine}. Requests are simulated one by one, by the worker's own rules. Cloudflare does`,
    'not publish some numbers, so these are assumed:',
    '',
    `- ${ASSUMED.locations} locations. The k-th busiest gets a share of the requests that falls as 1 / k.`,
    `- A second isolate starts beside one that answers ${ASSUMED.requestsPerIsolate} requests a second.`,
    `- An isolate ends after ${ASSUMED.idleSeconds / 60} minutes without a request.`,
    `- ${ASSUMED.urls.toLocaleString('en')} different URLs with seeds, requested as 1 / k.`,
    '',
    'None of this was tried on the real network.',
    '',
    '## What a request costs',
    '',
    '| | processor time | share of the free plan’s 10 ms |',
    '| --- | --: | --: |',
    ...(
      [
        ['one digit, PNG', cost.digitMs],
        ['16 digits, PNG', cost.sheetMs],
        ['304, unchanged', cost.unchangedMs],
        ['a digit of a set', cost.setMsPerDigit],
      ] as const
    ).map(([name, ms]) => `| ${name} | ${formatMs(ms)} ms | ${((100 * ms) / 10).toFixed(1)}% |`),
    '',
    'This includes the runtime’s own work for HTTP.',
    '',
    '## A month',
    '',
    ...table(
      ['', ...names],
      [
        row('isolates in use', ({ outcome }) => outcome.isolates.toLocaleString('en')),
        row('answers by an isolate that has just started', ({ outcome }) =>
          formatPart(outcome.coldPart),
        ),
        row('bucket reads a request', ({ outcome }) => outcome.readsPerRequest.toPrecision(2)),
        row('**all fresh**: 16 digits, never cached', (each) =>
          describeBill(each, cost.sheetMs, 1),
        ),
        row('of this: requests, processor time, reads', (each) => splitBill(each, cost.sheetMs, 1)),
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
    `The free plan is enough up to ${PRICES.freeRequestsADay.toLocaleString('en')} requests a day, and so are R2's free reads. Above that,`,
    'requests are the largest part of the bill. A cache hit is billed as a request too, without',
    'processor time. To pay less, pages keep their pictures, or ask for many digits at once.',
    '',
    'Prices: $0.30 a million requests, $0.02 a million milliseconds, $0.36 a million reads, beyond',
    'what the plan of $5 includes.',
    '',
    '## A new model',
    '',
    ...table(
      ['', ...names],
      [
        row('seconds until the last answer by the old model', ({ outcome }) =>
          outcome.lastOldSeconds.toFixed(0),
        ),
        row('answers by the old model in the first minute', ({ outcome }) =>
          formatPart(outcome.oldPartOfMinute),
        ),
      ],
    ),
    '',
    `An isolate reads the pointer every ${RULES.refreshSeconds} seconds, after an answer. After ${RULES.silenceSeconds} seconds without a`,
    'request it reads the pointer before it answers. URLs that name a version never change.',
    '',
    '## A billion digits',
    '',
    `\`/dataset.idx\` gives up to ${SET_DIGITS.toLocaleString('en')} digits at once, and digit i of a seed is the same in any range.`,
    `So a billion digits are ${Math.ceil(BILLION / SET_DIGITS).toLocaleString('en')} requests, in any order, from any number of machines.`,
    `Each takes ${setSeconds.toFixed(1)} s of processor time; the paid plan allows 30 s by default, the free plan`,
    `draws ${Math.floor(10 / cost.setMsPerDigit).toLocaleString('en')} digits a request. In all this takes ${coreHours.toFixed(0)} hours of one core and costs`,
    `$${computeDollars.toFixed(2)} at Cloudflare. R2 stores the ${gigabytes.toFixed(0)} GB for $${(gigabytes * PRICES.storageGbMonth).toFixed(2)} a month.`,
    '',
    '## Where it ends',
    '',
    '- The pointer is one object. R2 takes one write a second to it and any number of reads. A',
    '  publication that comes sooner is refused and tried again.',
    '- An isolate has 128 MB, so it keeps six models, or 24 MiB of weights.',
    '- Every isolate reads the pointer for itself. At a billion requests a day this is a small part',
    `  of the bill; a thousand more isolates would add $${isolateDollars.toFixed(0)} a month.`,
  ].join('\n')}\n`;
}

interface Bill {
  readonly requests: number;
  readonly cpu: number;
  readonly reads: number;
}

/**
 * Dollars a month, beyond the plan's own price.
 * @param workerPart  The part of the requests that reaches the worker; a cache answers the others.
 */
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
    // Isolates read the pointer by the clock, so fewer requests hardly spare reads.
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
