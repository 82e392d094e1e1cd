/**
 * Digits as numbers, fetched and streamed from the real worker, and from servers that are busy,
 * broken or something else.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PNG } from 'pngjs';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { ApiError, parseRetryAfter } from '../../client/api-error.ts';
import { fetchDigits, fetchNumber } from '../../client/fetch-digits.ts';
import { handFrom } from '../../client/hand-from.ts';
import type { RequestOptions } from '../../client/request.ts';
import {
  streamDigits,
  type StreamedDigit,
  type StreamOptions,
} from '../../client/stream-digits.ts';
import { POINTER_KEY } from '../../shared/model/artifact.ts';
import { RATE_WINDOW_SECONDS } from '../../worker/http/admission.ts';
import { buildFixture, buildPointer } from '../support/models/fixture-artifact.ts';
import { putArtifact, startWorker, waitUntil, type TestWorker } from '../support/hosts/workerd.ts';

const labelled = buildFixture({ name: 'labelled' });
const next = buildFixture({ name: 'labelled', weightsSeed: 'next' });
const plain = buildFixture({ name: 'plain', classes: 0 });
const colour = buildFixture({
  name: 'colour',
  layers: [
    { type: 'dense', units: 4 * 6 * 3, activation: 'sigmoid' },
    { type: 'reshape', shape: [4, 6, 3] },
  ],
});

let worker: TestWorker;
let base: string;
beforeAll(async () => {
  worker = await startWorker(async (bucket) => {
    for (const fixture of [labelled, next, plain, colour]) {
      await putArtifact(bucket, fixture);
    }
    await bucket.put(POINTER_KEY, buildPointer(labelled, plain, colour));
  });
  base = worker.url.href;
});
afterAll(() => worker.close());

test('handFrom reads a canvas, a picture or several, and rejects with the problem of a scribble', async () => {
  const png = new PNG({ width: 56, height: 56 });
  for (let y = 8; y < 48; y++) {
    png.data.fill(255, (y * 56 + 26) * 4, (y * 56 + 31) * 4);
  }
  const blob = new Blob([PNG.sync.write(png) as Uint8Array<ArrayBuffer>]);
  const options = { base, model: 'digits', refine: 1 };
  const hand = await handFrom(blob, options);
  expect([hand.class, hand.numberUrl]).toEqual(['1', expect.stringContaining(hand.hand)]);
  const canvas = { toBlob: (callback: (given: Blob) => void) => callback(blob) };
  expect(await handFrom(canvas, options)).toEqual(hand);
  expect(await handFrom({ convertToBlob: async () => blob }, options)).toEqual(hand);
  const size = vi.spyOn(URLSearchParams.prototype, 'size', 'get');
  size.mockReturnValue(undefined as unknown as number); // As in Safari 16.
  expect(await handFrom(blob, options)).toEqual(hand);
  size.mockRestore();
  const both = await handFrom([blob, { picture: canvas, label: 1 }], options);
  expect([both.hand, both.digits?.map((each) => each.class)]).toEqual([
    expect.stringMatching(/^1\.digits\./),
    ['1', '1'],
  ]);
  await expect(handFrom([], options)).rejects.toMatchObject({ code: 'unreadable_picture' });
  const blank = new Blob([
    PNG.sync.write(new PNG({ width: 9, height: 9 })) as Uint8Array<ArrayBuffer>,
  ]);
  await expect(handFrom(blank, options)).rejects.toMatchObject({ code: 'no_digit', status: 422 });
  await expect(handFrom(blob, { refine: 13 })).rejects.toThrow('refine is 13');
  await expect(handFrom([{ picture: blob, label: 'a'.repeat(65) }])).rejects.toThrow(RangeError);
  const bytes = Buffer.from(await blob.arrayBuffer());
  for (const [wrong, kind] of [
    [bytes, 'Uint8Array'],
    [[blob, bytes], 'Uint8Array'],
    [[{ picture: 'seven.png' }], 'String'],
    ['seven.png', 'String'],
    [undefined, 'Undefined'],
  ] as const) {
    await expect(handFrom(wrong as unknown as Blob, options)).rejects.toThrow(
      new TypeError(
        `digitmint: the picture is ${kind}, expected a canvas, a Blob of PNG or JPEG, or an array of these`,
      ),
    );
  }
});

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/**
 * A server that gives the n-th answer to the n-th request, and the last to all others.
 * @returns Its address and log.
 */
async function startServer(
  ...answers: ((answer: ServerResponse, asked: IncomingMessage) => void)[]
) {
  const asked: { at: number; path: string }[] = [];
  server = createServer((request, answer) => {
    asked.push({ at: performance.now(), path: request.url ?? '' });
    (answers[asked.length - 1] ?? answers.at(-1))?.(answer, request);
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

/** As of `AbortSignal.timeout`, which would count time. */
const TIMEOUT = new DOMException('The operation timed out.', 'TimeoutError');

const busy = (status: number, retryAfter?: string) => (answer: ServerResponse) => {
  answer.writeHead(status, { ...(retryAfter !== undefined && { 'Retry-After': retryAfter }) });
  answer.end(
    JSON.stringify({
      code: 'model_unavailable',
      title: 'Model unavailable',
      detail: 'Try again.',
      requestId: 'id',
    }),
  );
};
const pass = (answer: ServerResponse, asked: IncomingMessage) => {
  void worker.fetch(asked.url ?? '').then(async (real) => {
    answer.writeHead(real.status, { 'Content-Type': real.headers.get('content-type') ?? '' });
    answer.end(Buffer.from(await real.arrayBuffer()));
  });
};

/** Requests, and notes of each request whether it is for labels. */
function watchLabels() {
  const asked: boolean[] = [];
  const ask = (url: string, init: RequestInit) => {
    asked.push(url.includes('part=labels'));
    return fetch(url, init);
  };
  return { asked, fetch: ask };
}

async function collect(options: StreamOptions): Promise<StreamedDigit[]> {
  const all: StreamedDigit[] = [];
  for await (const digit of streamDigits(options)) {
    all.push(digit);
  }
  return all;
}

describe('fetchDigits', () => {
  test('gives what the JSON says, with pixels as bytes of one’s own', async () => {
    const drawn = await fetchDigits({ base, n: 3, seed: 'Ada', label: 7, start: 2 });
    const { digits, ...head } = drawn;
    const said = (await (
      await worker.fetch('/digit.json?n=3&seed=Ada&label=7&start=2')
    ).json()) as {
      digits: { pixels: number[] }[];
    };
    expect({
      ...head,
      digits: digits.map((digit) => ({ ...digit, pixels: [...digit.pixels] })),
    }).toEqual(said);
    expect(digits[0]?.pixels).toBeInstanceOf(Uint8Array);
    expect(digits[0]).not.toHaveProperty('latent');
    digits[0]?.pixels.fill(0);
    const png = PNG.sync.read(
      Buffer.from(await (await fetch(digits[1]?.url as string)).arrayBuffer()),
    );
    expect([...(digits[1]?.pixels ?? [])]).toEqual([...png.data].filter((_, i) => i % 4 === 0));
  });

  test('has the latent vectors on request', async () => {
    const query = 'n=2&seed=Ada&latent=1&truncation=0.7';
    const { digits } = await fetchDigits({
      base,
      n: 2,
      seed: 'Ada',
      latent: true,
      truncation: 0.7,
    });
    const said = (await (await worker.fetch(`/digit.json?${query}`)).json()) as {
      digits: { latent: number[] }[];
    };
    expect(digits.map(({ latent = [] }) => [...latent])).toEqual(
      said.digits.map(({ latent }) => latent),
    );
    expect(digits[0]?.latent).toBeInstanceOf(Float32Array);
  });

  test('is fresh without a seed, and tells what repeats it', async () => {
    const first = await fetchDigits({ base });
    const { model, seed } = first;
    expect((await fetchDigits({ base })).seed).not.toBe(seed);
    expect(await fetchDigits({ base, seed, model: `${model.name}@${model.version}` })).toEqual(
      first,
    );
  });

  test('knows numbers in one hand', async () => {
    const { digits, width, height } = await fetchNumber({
      base,
      number: '007',
      seed: 'a',
      scale: 2,
    });
    expect([digits.length, digits[0]?.class, digits[0]?.pixels.length]).toEqual([
      1,
      '007',
      width * height,
    ]);
    expect(digits[0]?.url).toContain('/number/007.png?seed=a&scale=2');
  });

  test('throws the API’s errors', async () => {
    const error = await fetchDigits({ base, label: 'cat' }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      name: 'ApiError',
      code: 'label_not_supported',
      status: 400,
      title: 'Label not supported',
      detail: 'Model labelled has no label "cat", expected one of 0 to 9.',
      type: `${base}errors/label_not_supported`,
      retryAfter: undefined,
      url: `${base}digit.json?label=cat&pixels=base64`,
      message:
        '400 Label not supported: Model labelled has no label "cat", expected one of 0 to 9.',
    });
    expect((error as ApiError).requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('asks nothing when an option is wrong', async () => {
    const { base: address, asked } = await startServer(pass);
    await expect(fetchDigits({ base: address, n: 0 })).rejects.toThrow(RangeError);
    await expect(fetchDigits({ base: undefined })).rejects.toThrow('base is missing');
    vi.stubGlobal('location', undefined); // As in Deno.
    await expect(fetchDigits()).rejects.toThrow('base is missing');
    vi.unstubAllGlobals();
    await expect(fetchDigits({ base: address, retries: 11 })).rejects.toThrow(
      'retries is 11, expected a whole number from 0 to 10',
    );
    await expect(fetchDigits({ base: address, maxRetryWaitMs: -1 })).rejects.toThrow(RangeError);
    expect(asked).toEqual([]);
  });
});

describe('a busy service', () => {
  test('is asked again, not before it said', async () => {
    const { base: address, asked } = await startServer(
      busy(503, '1'),
      busy(429, new Date(Date.now() + 1500).toUTCString()),
      pass,
    );
    const drawn = await fetchDigits({ base: address, seed: 'a' });
    expect(drawn.digits[0]?.pixels).toEqual(
      (await fetchDigits({ base, seed: 'a' })).digits[0]?.pixels,
    );
    expect(asked).toHaveLength(3);
    expect((asked[1]?.at ?? 0) - (asked[0]?.at ?? 0)).toBeGreaterThan(990);
  });

  test('is given up after the retries, at once where the wait is too long, and not asked again for other errors', async () => {
    const first = await startServer(busy(503, '0'));
    await expect(fetchDigits({ base: first.base, retries: 3 })).rejects.toMatchObject({
      status: 503,
      retryAfter: 0,
      requestId: 'id',
    });
    expect(first.asked).toHaveLength(4);
    const second = await startServer(busy(429, String(RATE_WINDOW_SECONDS + 1)));
    await expect(fetchDigits({ base: second.base })).rejects.toMatchObject({
      status: 429,
      retryAfter: RATE_WINDOW_SECONDS + 1,
    });
    expect(second.asked).toHaveLength(1);
    const third = await startServer(busy(500));
    await expect(fetchDigits({ base: third.base })).rejects.toMatchObject({ status: 500 });
    expect(third.asked).toHaveLength(1);
  });

  test('that says no time is asked again later and later', async () => {
    const { base: address, asked } = await startServer(busy(503));
    await expect(fetchDigits({ base: address, retries: 2 })).rejects.toMatchObject({ status: 503 });
    const waits = [1, 2].map((i) => (asked[i]?.at ?? 0) - (asked[i - 1]?.at ?? 0));
    expect(waits[0]).toBeGreaterThan(240);
    expect(waits[1]).toBeGreaterThan(490);
  });

  test('is waited for as long as its rate limit says, and not after an abort', async () => {
    const { base: address, asked } = await startServer(busy(429, String(RATE_WINDOW_SECONDS)));
    const leaving = new AbortController();
    const timers = vi.spyOn(globalThis, 'setTimeout');
    const fetching = fetchDigits({ base: address, signal: leaving.signal });
    fetching.catch(() => undefined); // It is judged below.
    await expect
      .poll(() => timers.mock.calls.map(([, ms]) => ms))
      .toContain(1000 * RATE_WINDOW_SECONDS);
    leaving.abort(TIMEOUT);
    await expect(fetching).rejects.toMatchObject({ name: 'TimeoutError' });
    timers.mockRestore();
    expect(asked).toHaveLength(1);
    await expect(fetchDigits({ base, signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });

  test('says when in seconds or as a date', () => {
    const now = Date.UTC(2026, 0, 1);
    const texts = [
      '0',
      '120',
      ' 7 ',
      'Thu, 01 Jan 2026 00:01:00 GMT',
      'Wed, 31 Dec 2025 00:00:00 GMT',
      'soon',
      null,
    ];
    expect(texts.map((text) => parseRetryAfter(text, now))).toEqual([
      0,
      120,
      7,
      60,
      0,
      undefined,
      undefined,
    ]);
  });
});

test.each<[what: string, answer: (answer: ServerResponse) => void]>([
  ['a page', (answer) => answer.end('<!doctype html><title>Sign in</title>')],
  [
    'other JSON',
    (answer) => answer.end('{"digits":[{"pixels":[1,2]}],"width":1,"height":1,"channels":1}'),
  ],
  ['null', (answer) => answer.end('null')],
])('%s in place of digits is an error', async (_, reply) => {
  const { base: address } = await startServer(reply);
  await expect(fetchDigits({ base: address })).rejects.toMatchObject({
    code: 'unexpected_answer',
    status: 200,
  });
  await expect(collect({ base: address, n: 1 })).rejects.toMatchObject({
    code: 'unexpected_answer',
    status: 200,
  });
});

test.each<[what: string, status: number, ask: (how: RequestOptions) => Promise<unknown>]>([
  ['an answer', 200, (how) => fetchDigits({ ...how, base })],
  ['a hand', 200, (how) => handFrom(new Blob(['7']), { ...how, base })],
  ['an error', 500, (how) => collect({ ...how, base, n: 1 })],
])('%s that is cut off is the network’s failure, and an abort has its reason', async (...given) => {
  const [, status, ask] = given;
  const { base: address } = await startServer((answer) => {
    answer.writeHead(status, { 'Content-Length': '1000' });
    answer.write('{"digits":', () => answer.destroy());
  });
  const fetchCut = () => fetch(address);
  const error: unknown = await ask({ fetch: fetchCut }).catch((thrown: unknown) => thrown);
  expect([error instanceof TypeError, error instanceof ApiError]).toEqual([true, false]);
  const leaving = new AbortController();
  const { signal } = leaving;
  const fetchAborted = async (_url: string, init: RequestInit) => {
    const { body } = await fetch(new URL('/', base), init);
    leaving.abort(TIMEOUT);
    return new Response(body, { status });
  };
  await expect(ask({ fetch: fetchAborted, signal })).rejects.toBe(TIMEOUT);
});

test('an error without problem details is one too', async () => {
  const { base: address } = await startServer((answer) =>
    answer.writeHead(502).end('<h1>Bad gateway</h1>'),
  );
  await expect(fetchDigits({ base: address })).rejects.toMatchObject({
    code: 'unexpected_answer',
    status: 502,
    title: 'Bad Gateway',
  });
});

describe('streamDigits', () => {
  test('gives the digits of the JSON, whatever pieces the network makes of them', async () => {
    const all = await collect({ base, n: 130, seed: 's', start: 5 });
    const { digits, width, height, channels } = await fetchDigits({
      base,
      n: 130,
      seed: 's',
      start: 5,
    });
    const model = `labelled@${labelled.manifest.version}`;
    expect(all).toEqual(
      digits.map(({ index, label, pixels }) => ({
        index,
        label,
        pixels,
        width,
        height,
        channels,
        model,
        seed: 's',
      })),
    );
  });

  test('goes on beyond the largest set, of one fresh seed', async () => {
    const watched = watchLabels();
    const all = await collect({ base, n: 10_003, fetch: watched.fetch });
    // While labels are waited for, no other answer is open.
    expect(watched.asked).toEqual([true, false, true, false]);
    expect(all.map(({ index }) => index)).toEqual(Array.from({ length: 10_003 }, (_, i) => i));
    const { seed } = all[0] as StreamedDigit;
    const [last] = (await fetchDigits({ base, seed, start: 10_002 })).digits;
    expect(all.at(-1)).toMatchObject({ seed, label: last?.label, pixels: last?.pixels });
    expect(new Set(all.map((digit) => digit.seed)).size).toBe(1);
  });

  test('stays with its model when another is published meanwhile', async () => {
    const digits = streamDigits({ base, n: 10_001, seed: 's' });
    const first = (await digits.next()).value as StreamedDigit;
    await worker.bucket.put(POINTER_KEY, buildPointer(next, plain, colour) as Uint8Array);
    const isNext = (version: string) => version === next.manifest.version;
    await waitUntil(async () => (await fetchDigits({ base, seed: 's' })).model.version, isNext);
    let last = first;
    for await (const digit of digits) {
      last = digit;
    }
    expect([last.index, last.model]).toEqual([10_000, `labelled@${labelled.manifest.version}`]);
    const [same] = (await fetchDigits({ base, seed: 's', start: 10_000, model: last.model }))
      .digits;
    expect(last.pixels).toEqual(same?.pixels);
    await worker.bucket.put(POINTER_KEY, buildPointer(labelled, plain, colour));
  });

  test('knows models without classes and in colour', async () => {
    const watched = watchLabels();
    const all = await collect({ base, n: 10_001, model: 'plain', fetch: watched.fetch });
    expect(new Set(all.map(({ label }) => label))).toEqual(new Set([null]));
    expect(watched.asked).toEqual([true, false, false]);
    const [one] = await collect({ base, n: 1, model: 'colour', seed: 'a' });
    const json = await fetchDigits({ base, model: 'colour', seed: 'a' });
    expect(one).toMatchObject({ width: 6, height: 4, channels: 3, pixels: json.digits[0]?.pixels });
    expect(new Set((await collect({ base, n: 20, label: 3 })).map(({ label }) => label))).toEqual(
      new Set([3]),
    );
  });

  test('ends the request when the loop is left, or aborted', async () => {
    let closed = 0;
    let leave = (): void => {};
    const { base: address } = await startServer((answer, asked) => {
      answer.on('close', () => {
        closed += answer.writableFinished ? 0 : 1;
      });
      const isLabels = asked.url?.includes('part=labels') === true;
      answer.writeHead(200, { 'Digitmint-Seed': 's', 'Digitmint-Model': 'm@0123456789abcdef' });
      if (isLabels) {
        answer.end(Buffer.from([0, 0, 8, 1, 0, 0, 0, 9, ...Array.from({ length: 9 }, () => 0)]));
      } else {
        answer.write(
          // And then nothing more.
          Buffer.from([0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1, 42]),
          () => leave(),
        );
      }
    });
    for await (const { pixels } of streamDigits({ base: address, n: 9 })) {
      expect([...pixels]).toEqual([42]);
      break;
    }
    await waitUntil(
      async () => closed,
      (count) => count === 1,
    );
    const leaving = new AbortController();
    const collecting = collect({ base: address, n: 9, signal: leaving.signal });
    leave = () => leaving.abort(TIMEOUT);
    await expect(collecting).rejects.toMatchObject({ name: 'TimeoutError' });
    await waitUntil(
      async () => closed,
      (count) => count === 2,
    );
  });

  test('never takes half a set for a whole one', async () => {
    const { base: address } = await startServer((answer, asked) => {
      answer.writeHead(200, { 'Digitmint-Seed': 's', 'Digitmint-Model': 'm@0123456789abcdef' });
      const isLabels = asked.url?.includes('part=labels') === true;
      answer.end(
        Buffer.from([
          0,
          0,
          8,
          isLabels ? 1 : 3,
          0,
          0,
          0,
          2,
          ...(isLabels ? [1, 2] : [0, 0, 0, 1, 0, 0, 0, 1, 42]),
        ]),
      );
    });
    await expect(collect({ base: address, n: 2 })).rejects.toThrow(
      'the answer ended after 1 of 2 digits',
    );
    const long = await startServer((answer, asked) => {
      answer.writeHead(200, { 'Digitmint-Seed': 's', 'Digitmint-Model': 'm@0123456789abcdef' });
      const isLabels = asked.url?.includes('part=labels') === true;
      answer.end(
        Buffer.from([
          0,
          0,
          8,
          isLabels ? 1 : 3,
          0,
          0,
          0,
          1,
          ...(isLabels ? [1] : [0, 0, 0, 1, 0, 0, 0, 1, 42, 43]),
        ]),
      );
    });
    await expect(collect({ base: long.base, n: 1 })).rejects.toThrow(
      'the answer holds more than 1 digits',
    );
  });

  test('ends an answer with more labels than it says', async () => {
    let closed = 0;
    const { base: address } = await startServer((answer) => {
      answer.on('close', () => closed++);
      answer.writeHead(200, { 'Digitmint-Seed': 's', 'Digitmint-Model': 'm@0123456789abcdef' });
      answer.write(Buffer.from([0, 0, 8, 1, 0, 0, 0, 1, 5, 6])); // And then nothing more.
    });
    await expect(collect({ base: address, n: 1 })).rejects.toThrow('does not hold 1 labels');
    await waitUntil(
      async () => closed,
      (count) => count === 1,
    );
  });

  test('refuses what no row has', async () => {
    await expect(collect({ base, n: 2, start: 999_999_999 })).rejects.toThrow(
      'n is 2, expected a whole number from 1 to 1',
    );
    await expect(collect({ base, n: 0 })).rejects.toThrow(RangeError);
    for (const start of [2e9, NaN]) {
      await expect(collect({ base, n: 5, start })).rejects.toThrow(
        `start is ${start}, expected a whole number from 0 to 999999999`,
      );
    }
  });
});
