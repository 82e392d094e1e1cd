import { expect, test } from 'vitest';
import { createRateLimiter } from '../../server/rate-limiter.ts';

const ask = async (limiter: ReturnType<typeof createRateLimiter>, key: string) =>
  (await limiter.limit({ key })).success;

test('a key has its requests in each window', async () => {
  let now = 0;
  const limiter = createRateLimiter(2, () => now);
  const results = [await ask(limiter, 'a'), await ask(limiter, 'a'), await ask(limiter, 'a')];
  expect(results).toEqual([true, true, false]);
  expect(await ask(limiter, 'b')).toBe(true);
  now = 60_000;
  expect(await ask(limiter, 'a')).toBe(true);
});

test('a flood of addresses refuses no newcomer, and whoever keeps asking stays refused', async () => {
  const limiter = createRateLimiter(1, () => 0, 10);
  await ask(limiter, 'busy');
  for (let i = 0; i < 100; i++) {
    expect(await ask(limiter, `newcomer ${i}`)).toBe(true);
    expect(await ask(limiter, 'busy')).toBe(false);
  }
});
