/**
 * The cost and the behaviour of the service at a thousand, a million and a billion requests a day.
 * Processor time is measured in the local edge runtime. The rest follows from the worker's rules,
 * for requests at random times (a Poisson process), and from Cloudflare's prices.
 */
import { fetchEtag, withEdge } from '../edge-runtime.ts';
import { makeRow, makeTable, type Suite } from '../harness.ts';
import type { BenchTable } from '../record.ts';

const DAY_SECONDS = 86_400;
const TRAFFIC = [1e3, 1e6, 1e9];
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

type Traffic = Readonly<{ requestsPerDay: number; outcome: Outcome }>;
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
    const traffic = TRAFFIC.map((requestsPerDay) => ({
      requestsPerDay,
      outcome: expectOutcome(requestsPerDay),
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

/** Assumptions, since Cloudflare does not publish these figures. */
export const ASSUMED = {
  /** The k-th busiest location gets a share of the requests that falls as 1 / k. */
  locations: 300,
  /** Requests a second that one isolate answers before another starts beside it. */
  requestsPerIsolate: 50,
  /** An isolate without requests ends after this time. */
  idleSeconds: 600,
  /** URLs with seeds that pages embed; the k-th gets a share that falls as 1 / k. */
  urls: 100_000,
} as const;

/** The worker's: MODEL_REFRESH_SECONDS, SILENCE_MS, and `max-age` of a seeded unpinned URL. */
export const RULES = { refreshSeconds: 20, silenceSeconds: 40, seededMaxAgeSeconds: 60 } as const;

/** Bucket reads: the pointer at each look; manifest and weights of a new model. */
export const READS = { look: 1, model: 2 } as const;

export type Outcome = Readonly<{
  /** Isolates that answer at least one request a month. */
  isolates: number;
  /** Without a new model: one more costs READS.model for each isolate. */
  readsPerRequest: number;
  /** Answered by an isolate that has just started. */
  coldPart: number;
  /** Answers by the old model in the first minute after a publication. */
  oldPartOfMinute: number;
  /** Requests for seeded unpinned URLs that reach the worker, through a tiered cache. */
  seededPart: number;
  /** The same for pinned URLs, which are cached for good, in their first month. */
  pinnedPart: number;
}>;

/**
 * Computes what is expected of traffic from all over the world: who answers, what is read from the
 * bucket, which model draws while a new one is published, and what a cache saves. Time between two
 * requests is exponential, so each part is a closed form (a renewal process). ASSUMED and RULES
 * have the numbers.
 */
export function expectOutcome(requestsPerDay: number): Outcome {
  const month = DAYS * DAY_SECONDS;
  const { refreshSeconds: refresh, seededMaxAgeSeconds: age } = RULES;
  const rate = requestsPerDay / DAY_SECONDS;
  const sums = { isolates: 0, reads: 0, cold: 0, old: 0, seeded: 0, pinned: 0 };
  for (const share of shareOut(ASSUMED.locations)) {
    const count = Math.ceil((share * rate) / ASSUMED.requestsPerIsolate);
    /** Requests a second of one isolate, and in the time between two looks at the pointer. */
    const own = (share * rate) / count;
    const fresh = own * refresh;
    const isCold = Math.exp(-own * ASSUMED.idleSeconds);
    // A look starts a time of `refresh`; the first request after it looks again.
    const looks = 1 / (1 + fresh);
    const none = Math.exp(-fresh);
    // The isolate is within that time at the publication: its requests until the end are old, and
    // so is the first one after it, unless it comes after the silence (twice the refresh time).
    const within = (1 - looks) * (fresh / 2 + 1 - none);
    // Otherwise the next request gets the old model if both come before the silence ends.
    const after = looks * (1 - none * (1 + fresh));
    sums.isolates += count * (1 - Math.exp(-own * month));
    sums.reads += share * (READS.look * looks + READS.model * isCold);
    sums.cold += share * isCold;
    sums.old += count * (within + after);
  }
  for (const share of shareOut(ASSUMED.urls)) {
    sums.seeded += share / (1 + share * rate * age);
    sums.pinned += 1 - Math.exp(-share * rate * month);
  }
  return {
    isolates: sums.isolates,
    readsPerRequest: sums.reads,
    coldPart: sums.cold,
    oldPartOfMinute: sums.old / (60 * rate),
    seededPart: sums.seeded,
    pinnedPart: sums.pinned / (rate * month),
  };
}

/** Makes shares that fall as 1 / k. */
export function shareOut(count: number): number[] {
  const weights = Array.from({ length: count }, (_, i) => 1 / (i + 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
