/**
 * The simulation against what follows from its rules without one.
 */
import { describe, expect, test } from 'vitest';
import { ASSUMED, reckonTables, RULES, simulate } from '../../bench/suites/scale.ts';

const busy = simulate({ requestsPerDay: 1e8, seconds: 120, mostRequests: 400_000 });
const quiet = simulate({ requestsPerDay: 100, seconds: 86_400 * 60, mostRequests: 12_000 });

describe('a simulation', () => {
  test('of many requests: no isolate ends, each looks at the pointer by the clock, and a new model is everywhere soon', () => {
    expect(busy.coldPart).toBe(0);
    const looks = busy.readsPerRequest * (1e8 / 86_400) * RULES.refreshSeconds;
    expect(looks / busy.isolates).toBeGreaterThan(0.6);
    expect(looks / busy.isolates).toBeLessThan(1.6);
    expect(busy.oldPartOfMinute).toBeGreaterThan(0.05);
    expect(busy.lastOldSeconds).toBeLessThan(RULES.silenceSeconds);
  });

  test('of few: nearly each meets an isolate that has just begun, reads all and gets the newest model', () => {
    expect(quiet.coldPart).toBeGreaterThan(0.9);
    expect(quiet.readsPerRequest).toBeGreaterThan(2.7);
    expect(quiet.oldPartOfMinute).toBe(0);
    expect(quiet.seededPart).toBeGreaterThan(0.98);
  });

  test('keeps a URL for its age: of one URL alone one request a minute reaches the worker', () => {
    // The most wanted of them by itself: rate / (1 + rate * age) of its requests are not answered
    // by the cache (Jung et al. 2003).
    const total = Array.from({ length: ASSUMED.urls }, (_, i) => 1 / (i + 1));
    const sum = total.reduce((all, share) => all + share, 0);
    const rate = 1e8 / 86_400;
    const expected = total.reduce(
      (part, share) =>
        part + share / sum / (1 + ((rate * share) / sum) * RULES.seededMaxAgeSeconds),
      0,
    );
    expect(busy.seededPart / expected).toBeGreaterThan(0.9);
    expect(busy.seededPart / expected).toBeLessThan(1.1);
  });

  test('of the same traffic is the same', () => {
    expect(simulate({ requestsPerDay: 100, seconds: 86_400 * 60, mostRequests: 12_000 })).toEqual(
      quiet,
    );
  });
});

test('the tables reckon with the prices beyond what the plan includes', () => {
  const cost = { digitMs: 1, sheetMs: 2, unchangedMs: 0.5, setMsPerDigit: 0.1 };
  const outcome = { ...busy, readsPerRequest: 0.01, seededPart: 0.5, pinnedPart: 0 };
  const tables = reckonTables(cost, [
    { requestsPerDay: 1e3, outcome },
    { requestsPerDay: 1e6, outcome },
  ]);
  const read = (id: string, row: string): unknown =>
    tables
      .find((table) => table.id === id)
      ?.rows.find(({ subject }) => subject === row)
      ?.values.map((spread) => Number(spread?.median.toFixed(6)));
  // 30 million requests: 20 beyond at 0.30; 60 million milliseconds: 30 beyond at 0.02; reads
  // within; the plan's 5. The first traffic is free.
  expect(read('scale-month', 'all fresh: 16 digits, never cached')).toEqual([0, 11.6]);
  expect(read('scale-billion', 'requests for 60,000 digits')).toEqual([16_667]);
  expect(read('scale-billion', 'US$ at Cloudflare')).toEqual([2]);
});
