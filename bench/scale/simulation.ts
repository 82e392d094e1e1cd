/**
 * Requests from all over the world, one by one: which isolate answers, what it reads from the bucket, which model it draws with while
 * a new one is published, and what the cache in front of it spares. The rules are the worker's own (`worker/models/generator-source.ts`)
 * and those that Cloudflare documents; what neither tells is an assumption, and stands in ASSUMED.
 */
import { deriveKey, drawWords } from '../../shared/model/random.ts';

/** What Cloudflare does not tell. */
export const ASSUMED = {
  /** Places that requests come in at; the k-th busiest gets a share that falls as 1 / k. */
  locations: 300,
  /** What one isolate answers a second before another is begun beside it. */
  requestsPerIsolate: 50,
  /** How long an isolate without requests lives. */
  idleSeconds: 600,
  /** URLs with seeds that pages embed; the k-th most wanted gets a share that falls as 1 / k. */
  urls: 100_000,
} as const;

/** Of the worker: `MODEL_REFRESH_SECONDS`, `SILENCE_MS`, and the `max-age` of a seeded URL that names no version. */
export const RULES = { refreshSeconds: 20, silenceSeconds: 40, seededMaxAgeSeconds: 60 } as const;

/** Reads of the bucket: the pointer at each look; a new model's manifest and weights as well. */
const READS = { look: 1, model: 2 } as const;

export interface Traffic {
  readonly requestsPerDay: number;
  /** Simulated, after as much again to warm up. A new model is published in the middle of it. */
  readonly seconds: number;
  /** At most; a longer time is cut to it. */
  readonly mostRequests: number;
}

export interface Outcome {
  readonly requests: number;
  readonly isolates: number;
  /** Of the requests: answered by an isolate that had just begun. */
  readonly coldPart: number;
  readonly readsPerRequest: number;
  /** Seconds from publication until the last answer by the old model; 0 when none was. */
  readonly lastOldSeconds: number;
  /** Of the answers in the first minute after publication: those by the old model. */
  readonly oldPartOfMinute: number;
  /** Of requests for seeded URLs without a version: those that reach the worker, through a tiered cache. */
  readonly seededPart: number;
  /** The same for URLs that name the version, which are kept for good. */
  readonly pinnedPart: number;
}

interface Isolate {
  seenAt: number;
  lookedAt: number;
  version: number;
}

/** Simulates. The same traffic gives the same outcome. */
export function simulate({ requestsPerDay, seconds, mostRequests }: Traffic): Outcome {
  const random = createRandom(`scale ${requestsPerDay}`);
  const rate = requestsPerDay / 86_400;
  const span = Math.min(seconds, mostRequests / 2 / rate);
  const publishedAt = 1.5 * span;
  const locations = shareOut(ASSUMED.locations);
  const wanted = shareOut(ASSUMED.urls);
  const isolates = locations.shares.map((share) =>
    Array.from(
      { length: Math.ceil((share * rate) / ASSUMED.requestsPerIsolate) },
      // Not all at the same moment, as they would if the world began now.
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
      // The look goes on behind the answer; only after a silence it is waited for.
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
    coldPart: count.cold / count.requests,
    readsPerRequest: count.reads / count.requests,
    lastOldSeconds: lastOld - publishedAt,
    oldPartOfMinute: count.minute === 0 ? 0 : count.old / count.minute,
    seededPart: count.seeded / count.requests,
    pinnedPart: count.pinned / count.requests,
  };
}

/** Shares that fall as 1 / k. `pick` takes a number of [0, 1). */
function shareOut(count: number): {
  readonly shares: readonly number[];
  pick(part: number): number;
} {
  const weights = Array.from({ length: count }, (_, i) => 1 / (i + 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const ends = new Float64Array(count);
  weights.reduce((sum, weight, i) => (ends[i] = sum + weight / total), 0);
  return {
    shares: weights.map((weight) => weight / total),
    pick(part) {
      let [low, high] = [0, count - 1];
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((ends[middle] as number) > part) {
          high = middle;
        } else {
          low = middle + 1;
        }
      }
      return low;
    },
  };
}

/** Uniform numbers of [0, 1), of the project's own generator. */
function createRandom(seed: string): () => number {
  const key = deriveKey('bench', seed);
  const size = 65_536;
  let block = 0;
  let words: Uint32Array = new Uint32Array();
  let next = 0;
  return () => {
    if (next === words.length) {
      words = drawWords(key, 0, block++, size);
      next = 0;
    }
    return (words[next++] as number) / 2 ** 32;
  };
}
