/**
 * Simulates requests from all over the world, one by one: who answers, what it reads from the
 * bucket, which model it draws with while a new one is published, and what a cache saves. The rules
 * are the worker's own and those that Cloudflare documents. ASSUMED has the rest.
 */
import { deriveKey, drawWords } from '../shared/model/random.ts';

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
 * Simulates traffic. The same traffic gives the same outcome.
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
