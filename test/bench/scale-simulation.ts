/** An oracle for `bench/suites/scale.ts`: the same rules, request by request. */
import { ASSUMED, READS, RULES, shareOut, type Outcome } from '../../bench/suites/scale.ts';
import { deriveKey, drawWords } from '../../shared/model/random.ts';

type Isolate = Record<'seenAt' | 'lookedAt' | 'version', number>;

/**
 * Simulates random requests of one seed. `lastOldSeconds` is the time from the publication until
 * the last answer by the old model; 0 without any.
 * @param seconds  Simulated after as long a warm-up. A new model is published in the middle.
 * @param mostRequests  A longer time is cut to this many.
 */
export function simulate({
  requestsPerDay,
  seconds,
  mostRequests,
}: Readonly<Record<'requestsPerDay' | 'seconds' | 'mostRequests', number>>): Outcome & {
  lastOldSeconds: number;
} {
  const numbers = drawNumbers(`scale ${requestsPerDay}`);
  const random = () => numbers.next().value;
  const rate = requestsPerDay / 86_400;
  const span = Math.min(seconds, mostRequests / 2 / rate);
  const publishedAt = 1.5 * span;
  const locations = makePicker(shareOut(ASSUMED.locations));
  const wanted = makePicker(shareOut(ASSUMED.urls));
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
      reads = READS.look;
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
    if (!counts) {
      continue;
    }
    count.pinned += Number(isKept[url] === 0);
    isKept[url] = 1;
    used.add(isolate);
    count.requests++;
    count.reads += reads;
    count.seeded += Number(isMissed);
    if (now >= publishedAt) {
      const isOld = answeredBy === 0;
      lastOld = isOld ? now : lastOld;
      count.minute += Number(now < publishedAt + 60);
      count.old += Number(isOld && now < publishedAt + 60);
    }
  }
  return {
    isolates: used.size,
    coldPart: count.cold / count.requests,
    readsPerRequest: count.reads / count.requests,
    oldPartOfMinute: count.minute === 0 ? 0 : count.old / count.minute,
    seededPart: count.seeded / count.requests,
    pinnedPart: count.pinned / count.requests,
    lastOldSeconds: lastOld - publishedAt,
  };
}

/** Makes a function that takes a number of [0, 1) and returns an index of `shares`. */
function makePicker(shares: readonly number[]) {
  const ends = new Float64Array(shares.length);
  shares.reduce((sum, share, i) => (ends[i] = sum + share), 0);
  const pick = (part: number): number => {
    let [low, high] = [0, shares.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      const isBelow = (ends[middle] as number) > part;
      [low, high] = isBelow ? [low, middle] : [middle + 1, high];
    }
    return low;
  };
  return { shares, pick };
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
