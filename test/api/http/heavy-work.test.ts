/**
 * Tests many large requests at once in the real runtimes: they run one by one, a few are queued,
 * the rest are rejected, and small requests are answered meanwhile.
 */
import { PNG } from 'pngjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as v from 'valibot';
import { problemSchema } from '../../../shared/contract/answers.ts';
import { HEAVY_WORK } from '../../../worker/http/admission.ts';
import { startWorker, waitUntil, type TestWorker } from '../../support/hosts/runtime.ts';

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker();
  await (await worker.fetch('/digit.png')).arrayBuffer();
});
afterAll(() => worker.close());

const LARGE = '/digit.png?n=200&seed=a';
const MANY = 40;

/**
 * Sends many requests at once.
 * @returns  The answers.
 */
async function flood(path: string): Promise<{ status: number; headers: Headers; bytes: Buffer }[]> {
  return Promise.all(
    Array.from({ length: MANY }, async () => {
      const answer = await worker.fetch(path);
      return {
        status: answer.status,
        headers: answer.headers,
        bytes: Buffer.from(await answer.arrayBuffer()),
      };
    }),
  );
}

test('excess requests are refused with a drawn error, and the others are answered correctly', async () => {
  const alone = Buffer.from(await (await worker.fetch(LARGE)).arrayBuffer());
  await flood('/limits'); // Opens enough connections, so that the next requests arrive at once.
  const ofStatus = (wanted: number) => answers.filter(({ status }) => status === wanted);
  let answers = await flood(LARGE);
  while (ofStatus(503).length <= MANY / 4) {
    // The machine was busy, so the requests arrived one by one.
    answers = await flood(LARGE);
  }
  const [drawn, refused] = [ofStatus(200), ofStatus(503)];
  expect(drawn.length + refused.length).toBe(MANY);
  expect(drawn.length).toBeGreaterThanOrEqual(HEAVY_WORK.concurrent);
  expect(drawn.every(({ bytes }) => bytes.equals(alone))).toBe(true);
  for (const { headers, bytes } of refused) {
    expect(
      ['retry-after', 'cache-control', 'content-type'].map((name) => headers.get(name)),
    ).toEqual(['1', 'no-store', 'image/png']);
    expect(PNG.sync.read(bytes).width).toBeGreaterThan(300);
  }
  // Leaves no queued work for the next request.
  expect((await worker.fetch(LARGE)).status).toBe(200);
});

test('small requests are answered meanwhile', async () => {
  let refused: Awaited<ReturnType<typeof flood>> = [];
  while (refused.length === 0) {
    const flooded = flood('/digit.json?n=200');
    const small = await Promise.all(
      Array.from(
        { length: 10 },
        async (_, i) => (await worker.fetch(`/digit.txt?seed=${i}`)).status,
      ),
    );
    expect(small).toEqual(Array.from({ length: 10 }, () => 200));
    // On a busy machine the requests may arrive one by one.
    refused = (await flooded).filter(({ status }) => status === 503);
  }
  for (const { bytes } of refused) {
    expect(v.parse(problemSchema, JSON.parse(bytes.toString()))).toMatchObject({
      code: 'busy',
      status: 503,
    });
  }
});

test('clients that disconnect while they are queued free their places', async () => {
  for (let round = 0; round < 3; round++) {
    const leaving = new AbortController();
    const left = Array.from({ length: MANY }, () =>
      worker.fetch(LARGE, { signal: leaving.signal }).catch(() => undefined),
    );
    // At once, after the first answer, after the second.
    await Promise.all(left.slice(0, round));
    leaving.abort();
    await Promise.all(left);
  }
  const status = async () => {
    const answer = await worker.fetch('/digit.svg?n=101');
    await answer.arrayBuffer();
    return answer.status;
  };
  await waitUntil(status, (each) => each === 200);
  expect(await status()).toBe(200);
});
