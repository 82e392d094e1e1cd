/**
 * Tests the rate limits of one address in the real runtimes: the emulation of Cloudflare's binding,
 * and Node's counter.
 */
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { limitsSchema, problemSchema } from '../../../shared/contract/answers.ts';
import { parseRateLimits } from '../../../worker/env.ts';
import { nameCaller } from '../../../worker/http/admission.ts';
import { startNodeServer } from '../../support/hosts/node-server.ts';
import { RUNTIME, type TestWorker } from '../../support/hosts/runtime.ts';
import { readWorkerConfig } from '../../support/hosts/worker-config.ts';
import { startWorker, type RateLimitBinding } from '../../support/hosts/workerd.ts';

const LIMITS = { all: 30, heavy: 8 };
const POLICY = '"all";q=30;w=60, "heavy";q=8;w=60';

/** A small answer that counts as heavy: labels, which need no network. */
const LARGE = '/dataset.npy?n=20000&part=labels&seed=a';

let worker: TestWorker;
let pinned: string;
let seeded: { path: string; etag: string };
beforeAll(async () => {
  const vars = { RATE_LIMIT: String(LIMITS.all), HEAVY_RATE_LIMIT: String(LIMITS.heavy) };
  const bindings: RateLimitBinding[] = [
    { name: 'RATE_LIMITER', namespace_id: '1', simple: { limit: LIMITS.all, period: 60 } },
    { name: 'HEAVY_RATE_LIMITER', namespace_id: '2', simple: { limit: LIMITS.heavy, period: 60 } },
  ];
  const entry = new URL('../../../worker/index.ts', import.meta.url);
  worker = await (RUNTIME === 'node'
    ? startNodeServer(undefined, vars)
    : startWorker(undefined, vars, entry, bindings));
  const answer = await worker.fetch('/digit.png?seed=a');
  pinned = answer.headers.get('content-location') as string;
  seeded = { path: '/digit.png?seed=a', etag: answer.headers.get('etag') as string };
});
afterAll(() => worker.close());

/**
 * Sends requests until the limit is reached.
 * @returns  The number of answers, and the first refusal.
 */
async function exhaust(
  path: string,
  most: number,
): Promise<{ answered: number; refused: Response }> {
  for (let answered = 0; answered <= most; answered++) {
    const answer = await worker.fetch(path, { headers: { accept: 'application/problem+json' } });
    if (answer.status === 429) {
      return { answered, refused: answer };
    }
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
  }
  return expect.fail(`${most} answers and no refusal`);
}

describe('an address that exceeds its limit', () => {
  test('is refused large answers and told when to retry', async () => {
    // Windows begin at full minutes, so twice as many requests may pass around a change of minute.
    const { answered, refused } = await exhaust(LARGE, 2 * LIMITS.heavy);
    expect(answered).toBeGreaterThanOrEqual(LIMITS.heavy);
    const told = ['retry-after', 'ratelimit-policy', 'cache-control'].map((name) =>
      refused.headers.get(name),
    );
    expect(told).toEqual(['60', POLICY, 'no-store']);
    expect(refused.headers.get('access-control-expose-headers')).toContain('RateLimit-Policy');
    expect(v.parse(problemSchema, await refused.json())).toMatchObject({
      code: 'rate_limited',
      status: 429,
    });
    const small = await worker.fetch('/digit.png');
    expect([small.status, small.headers.get('ratelimit-policy')]).toEqual([200, POLICY]);
  });

  test('gets an error in the requested format, and still gets answers that cost nothing', async () => {
    await exhaust('/digit.txt', 2 * LIMITS.all);
    const picture = await worker.fetch('/digit.png');
    expect([picture.status, picture.headers.get('content-type')]).toEqual([429, 'image/png']);
    expect(PNG.sync.read(Buffer.from(await picture.arrayBuffer())).width).toBeGreaterThan(300);
    for (const path of [
      '/digit.svg',
      '/morph.gif',
      '/number/1.txt',
      '/dataset.csv?n=1',
      '/models/digits',
      '/digit?model=a@0123456789abcdef',
    ]) {
      expect([path, (await worker.fetch(path)).status]).toEqual([path, 429]);
    }
    for (const path of ['/hand', '/models/digits']) {
      const page = await worker.fetch(path, { headers: { accept: 'text/html,*/*;q=0.8' } });
      const told = ['content-type', 'retry-after', 'vary'].map((name) => page.headers.get(name));
      const wanted = [path, 429, 'text/html; charset=UTF-8', '60', 'Accept'];
      expect([path, page.status, ...told]).toEqual(wanted);
      expect(await page.text()).toContain('<a class="button" href="">Try again</a>');
    }
    const { etag } = seeded;
    const tag = (await worker.fetch(pinned, { method: 'HEAD' })).headers.get('etag') ?? etag;
    for (const [path, headers, status] of [
      [seeded.path, { 'if-none-match': etag }, 304],
      [pinned, { 'if-none-match': tag }, 304],
      ['/', {}, 200],
      ['/docs', {}, 200],
      ['/limits', {}, 200],
      ['/healthz', {}, 200],
      ['/openapi.json', {}, 200],
      ['/digit.json?n=0', {}, 400],
      ['/nothing', {}, 404],
    ] as const) {
      const answer = await worker.fetch(path, { headers });
      expect([path, answer.status, answer.headers.get('ratelimit-policy')]).toEqual([
        path,
        status,
        null,
      ]);
    }
  });

  test('does not affect other addresses, and cannot pose as one by a header', async () => {
    const ask = async (name: string) =>
      (await worker.fetch('/digit.png', { headers: { [name]: '203.0.113.9' } })).status;
    // Cloudflare overwrites this header; its emulation keeps the client's.
    expect(await ask('cf-connecting-ip')).toBe(RUNTIME === 'workerd' ? 200 : 429);
    for (const name of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'true-client-ip']) {
      expect([name, await ask(name)]).toEqual([name, 429]);
    }
  });
});

test('the service states its limits', async () => {
  const limits = v.parse(limitsSchema, await (await worker.fetch('/limits')).json());
  expect(limits['maxAnswersAMinute']).toMatchObject({ value: LIMITS.all, unit: 'answers' });
  expect(limits['maxLargeAnswersAMinute']).toMatchObject({ value: LIMITS.heavy, unit: 'answers' });
});

test('the stated limits equal those of the bindings', async () => {
  const { ratelimits, bindings } = (await readWorkerConfig()).options;
  const bind = (stated: string) => ({ simple: { limit: Number(bindings?.[stated]), period: 60 } });
  expect(ratelimits).toMatchObject({
    RATE_LIMITER: bind('RATE_LIMIT'),
    HEAVY_RATE_LIMITER: bind('HEAVY_RATE_LIMIT'),
  });
});

test('nobody is limited without a binding; a binding without a stated limit is an error', () => {
  const limiter = { limit: async () => ({ success: true }) };
  expect(parseRateLimits({ RATE_LIMIT: '600', HEAVY_RATE_LIMIT: '60' })).toBeUndefined();
  for (const RATE_LIMIT of ['off', '0']) {
    expect(parseRateLimits({ RATE_LIMITER: limiter, RATE_LIMIT })).toBeUndefined();
  }
  expect(parseRateLimits({ RATE_LIMITER: limiter, RATE_LIMIT: '7' })?.all?.requests).toBe(7);
  for (const text of [undefined, '', '-1', '6e2', 'many']) {
    expect(() =>
      parseRateLimits({ RATE_LIMITER: limiter, ...(text !== undefined && { RATE_LIMIT: text }) }),
    ).toThrow(/RATE_LIMIT is/);
  }
});

test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002:ffff::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::', 'fe80:0:0:0::/64'],
])('%s is counted as %s', (address, caller) => {
  expect(nameCaller(address)).toBe(caller);
});
