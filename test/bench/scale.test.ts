import { describe, expect, test } from 'vitest';
import { expectOutcome, reckonTables, RULES, type Outcome } from '../../bench/suites/scale.ts';
import { simulate } from './scale-simulation.ts';

const MONTH = 30 * 86_400;

describe('the expected outcome is that of a simulation', () => {
  test('of many requests, which no isolate outlives', () => {
    const simulated = simulate({ requestsPerDay: 1e8, seconds: 120, mostRequests: 400_000 });
    const expected = expectOutcome(1e8);
    expect(expected.coldPart).toBeLessThan(1e-6);
    expect(simulated.readsPerRequest / expected.readsPerRequest).toBeCloseTo(1, 1);
    // One publication, so the phases of the few busy isolates show.
    expect(Math.abs(simulated.oldPartOfMinute / expected.oldPartOfMinute - 1)).toBeLessThan(0.1);
    expect(simulated.seededPart / expected.seededPart).toBeCloseTo(1, 1);
    expect(simulated.lastOldSeconds).toBeLessThan(RULES.silenceSeconds);
  });

  test('of few requests in a month, most of which meet a new isolate', () => {
    const simulated = simulate({ requestsPerDay: 1000, seconds: MONTH, mostRequests: 1e6 });
    const { oldPartOfMinute, ...expected } = expectOutcome(1000);
    expect(expected.coldPart).toBeGreaterThan(0.5);
    expect(oldPartOfMinute).toBeLessThan(0.01);
    for (const [name, value] of Object.entries(expected)) {
      expect(simulated[name as keyof Outcome] / value, name).toBeCloseTo(1, 1);
    }
  });
});

test('the tables reckon with the prices beyond what the plan includes', () => {
  const cost = { digitMs: 1, sheetMs: 2, unchangedMs: 0.5, setMsPerDigit: 0.1 };
  const outcome = { ...expectOutcome(1e6), readsPerRequest: 0.01, seededPart: 0.5, pinnedPart: 0 };
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
