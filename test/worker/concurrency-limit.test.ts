/** Tests the concurrency limit: running work, queued work, and work that never ends. */
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { BusyError, ConcurrencyLimit } from '../../worker/http/concurrency-limit.ts';

const LIMITS = { concurrent: 2, waiting: 3, waitMs: 60_000, expiresMs: 1000 };
const ignore = () => undefined;

/** Starts work that ends on command. */
function createWork(gate: ConcurrencyLimit) {
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const start = (i: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    ends[i] = resolve;
    const done = gate.run(async () => {
      begun.push(i);
      await promise;
      return i;
    }, ignore);
    done.catch(ignore);
    return done;
  };
  return { begun, start, end: (i: number) => ends[i]?.() };
}

test('a limited number runs, a limited number is queued in order, and the rest is rejected at once', async () => {
  const { begun, start, end } = createWork(new ConcurrencyLimit(LIMITS, () => 0));
  const all = Array.from({ length: 7 }, (_, i) => start(i));
  await setImmediate();
  expect(begun).toEqual([0, 1]);
  await expect(all[5]).rejects.toThrow(BusyError);
  await expect(all[6]).rejects.toThrow(BusyError);
  for (const i of [1, 0, 2, 3, 4]) {
    end(i);
    expect(await all[i]).toBe(i);
  }
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  const next = start(7);
  end(7);
  expect(await next).toBe(7);
});

test('failed work frees its slot, and its caller gets the error', async () => {
  const gate = new ConcurrencyLimit({ ...LIMITS, concurrent: 1 }, () => 0);
  const failing = gate.run(() => Promise.reject(new Error('no')), ignore);
  const next = gate.run(() => 'yes', ignore);
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('yes');
});

test('work that is queued too long is rejected, and the next work gets its turn', async () => {
  const gate = new ConcurrencyLimit({ ...LIMITS, concurrent: 1, waitMs: 20 }, () => 0);
  const { start, end, begun } = createWork(gate);
  const first = start(0);
  await expect(start(1)).rejects.toThrow('no turn within 20 ms');
  const third = start(2);
  end(0);
  await first;
  end(2);
  expect(await third).toBe(2);
  expect(begun).toEqual([0, 2]);
});

test('cancelled work keeps its slot only for a limited time', async () => {
  let now = 0;
  const { begun, start, end } = createWork(
    new ConcurrencyLimit({ ...LIMITS, concurrent: 1 }, () => now),
  );
  const lost = start(0);
  now = 1001;
  const next = start(1);
  end(1);
  expect(await next).toBe(1);
  expect(begun).toEqual([0, 1]);
  // The cancelled work ends after all. Its slot was already given away, so nothing more may begin.
  const [running, waiting] = [start(2), start(3)];
  end(0);
  await lost;
  await setImmediate();
  expect(begun).toEqual([0, 1, 2]);
  end(2);
  await running;
  end(3);
  await waiting;
});

test('work continues when its request is cancelled, because the host is asked to keep it', async () => {
  const kept: Promise<unknown>[] = [];
  const done = new ConcurrencyLimit(LIMITS, () => 0).run(
    () => 'whole',
    (work) => kept.push(work),
  );
  expect(kept).toEqual([done]);
  expect(await done).toBe('whole');
});
