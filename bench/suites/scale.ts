/**
 * The cost and the behaviour of the service at a thousand, a million and a billion requests a day.
 * Processor time is measured in the local edge runtime; the rest is simulated and reckoned with
 * Cloudflare's prices.
 */
import { deriveKey, drawWords } from '../../shared/model/random.ts';
import { fetchEtag, withEdge } from '../edge-runtime.ts';
import { makeRow, makeTable, type Suite } from '../harness.ts';
import type { BenchTable } from '../record.ts';

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

/** What Cloudflare does not publish. */
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
const READS = { look: 1, model: 2 };
type Isolate = Record<'seenAt' | 'lookedAt' | 'version', number>;

/**
 * Simulates requests from all over the world, one by one: who answers, what it reads from the
 * bucket, which model it draws with while a new one is published, and what a cache saves. The rules
 * are the worker's own and those that Cloudflare documents. ASSUMED has the rest. The same traffic
 * gives the same outcome.
 * @param seconds  Simulated after as long a warm-up. A new model is published in the middle.
 * @param mostRequests  A longer time is cut to this many.
 */
export function simulate({
  requestsPerDay,
  seconds,
  mostRequests,
}: Readonly<Record<'requestsPerDay' | 'seconds' | 'mostRequests', number>>) {
  const numbers = drawNumbers(`scale ${requestsPerDay}`);
  const random = () => numbers.next().value;
  const rate = requestsPerDay / 86_400;
  const span = Math.min(seconds, mostRequests / 2 / rate);
  const publishedAt = 1.5 * span;
  const locations = shareOut(ASSUMED.locations);
  const wanted = shareOut(ASSUMED.urls);
  const isolates = locations.shares.map((share) =>
    Array.from(
      { length: Math.ceil((share * rate) / ASSUMED.requestsPerIsolate) },
      // Spread over the refresh time, as after a long run.
      (): Isolate => ({ seenAt: 0, lookedAt: -random() * RULES.refreshSeconds, version: 0 }),
    ),
  );
  const freshUntil = new Float64Array(ASSUMED.urls);
  const isKept = new Uint8Array(ASSUMED.urls);
  const used = new Set<Isolate>();
  const count = { requests: 0, cold: 0, reads: 0, old: 0, minute: 0, seeded: 0, pinned: 0 };
  let lastOld = publishedAt;
  let now = 0;
  while (now < 2 * span) {
    now -= Math.log(1 - random()) / rate;
    const counts = now >= span;
    const place = isolates[locations.pick(random())] as Isolate[];
    const isolate = place[Math.floor(random() * place.length)] as Isolate;
    const published = now >= publishedAt ? 1 : 0;

    let reads = 0;
    let answeredBy = isolate.version;
    if (now - isolate.seenAt > ASSUMED.idleSeconds) {
      Object.assign(isolate, { lookedAt: now, version: published });
      reads = READS.look + READS.model;
      answeredBy = published;
      count.cold += Number(counts);
    } else if (now - isolate.lookedAt >= RULES.refreshSeconds) {
      reads = READS.look + (isolate.version === published ? 0 : READS.model);
      // The look happens after the answer, or before it after a silence.
      answeredBy = now - isolate.lookedAt >= RULES.silenceSeconds ? published : isolate.version;
      Object.assign(isolate, { lookedAt: now, version: published });
    }
    isolate.seenAt = now;

    const url = wanted.pick(random());
    const isMissed = now >= (freshUntil[url] as number);
    if (isMissed) {
      freshUntil[url] = now + RULES.seededMaxAgeSeconds;
    }
    const isNew = isKept[url] === 0;
    isKept[url] = 1;
    if (!counts) {
      continue;
    }
    used.add(isolate);
    count.requests++;
    count.reads += reads;
    count.seeded += Number(isMissed);
    count.pinned += Number(isNew);
    if (now >= publishedAt) {
      const isOld = answeredBy === 0;
      lastOld = isOld ? now : lastOld;
      count.minute += Number(now < publishedAt + 60);
      count.old += Number(isOld && now < publishedAt + 60);
    }
  }
  return {
    requests: count.requests,
    isolates: used.size,
    /** Answered by an isolate that had just started. */
    coldPart: count.cold / count.requests,
    readsPerRequest: count.reads / count.requests,
    /** From publication until the last answer by the old model; 0 without any. */
    lastOldSeconds: lastOld - publishedAt,
    /** Answers by the old model in the first minute after publication. */
    oldPartOfMinute: count.minute === 0 ? 0 : count.old / count.minute,
    /** Requests for seeded unpinned URLs that reach the worker, through a tiered cache. */
    seededPart: count.seeded / count.requests,
    /** The same for pinned URLs, which are cached for good. */
    pinnedPart: count.pinned / count.requests,
  };
}

/** Makes shares that fall as 1 / k. `pick` takes a number of [0, 1) and returns an index. */
function shareOut(count: number) {
  const weights = Array.from({ length: count }, (_, i) => 1 / (i + 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const ends = new Float64Array(count);
  weights.reduce((sum, weight, i) => (ends[i] = sum + weight / total), 0);
  return {
    shares: weights.map((weight) => weight / total),
    pick(part: number): number {
      let [low, high] = [0, count - 1];
      while (low < high) {
        const middle = (low + high) >> 1;
        const isBelow = (ends[middle] as number) > part;
        [low, high] = isBelow ? [low, middle] : [middle + 1, high];
      }
      return low;
    },
  };
}

/** Uniform numbers of [0, 1), from the project's own generator. */
function* drawNumbers(seed: string): Generator<number, never> {
  const key = deriveKey('bench', seed);
  for (let block = 0; ; block++) {
    for (const word of drawWords(key, 0, block, 65_536)) {
      yield word / 2 ** 32;
    }
  }
}
