/** Tests `hand=`, `vary=` and `to=` over HTTP in the real runtime. */
import { PNG } from 'pngjs';
import type * as v from 'valibot';
import { afterAll, beforeAll, expect, test } from 'vitest';
import SMALL from '../../../models/digits-small/manifest.json' with { type: 'json' };
import manifest from '../../../models/digits/manifest.json' with { type: 'json' };
import type { oembedSchema } from '../../../shared/contract/answers.ts';
import { formatHand } from '../../../shared/hand/hand-text.ts';
import { startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker();
});
afterAll(() => worker.close());

const { name, version } = manifest;
const makeHand = (seed: number): string =>
  formatHand({
    model: { name, version },
    latents: Float32Array.from({ length: 64 }, (_, i) => Math.sin(seed * 64 + i)),
  });
type Photo = v.InferOutput<typeof oembedSchema>;
const ADA = makeHand(1);
const BOB = makeHand(2);

test('a hand alone pins model and pixels: its URL is immutable, and HEAD and ETag work', async () => {
  const url = `/number/2026.png?hand=${ADA}`;
  const answer = await worker.fetch(url);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('cache-control')).toContain('immutable');
  const canonical = answer.headers.get('content-location') as string;
  expect(canonical).toBe(`/number/2026.png?hand=${ADA}&model=${name}@${version}`);
  const etag = answer.headers.get('etag') as string;
  expect((await worker.fetch(url, { headers: { 'If-None-Match': etag } })).status).toBe(304);
  expect((await worker.fetch(url, { method: 'HEAD' })).headers.get('etag')).toBe(etag);
  const bytes = await worker.getBytes(url);
  expect(await worker.getBytes(canonical)).toEqual(bytes);
  expect(await worker.getBytes(`/number/2026.png?hand=${BOB}`)).not.toEqual(bytes);
  expect(await worker.getBytes(`${url}&seed=other`)).toEqual(bytes);
});

test('latent=1 tells the numbers of the hand, and vary moves them toward those of the seed', async () => {
  const read = async (query: string) =>
    (await worker.getDigits(`/digit.json?label=7&seed=s&latent=1&${query}`)).digits[0]?.latent ??
    [];
  const [hand, half, seed] = [
    await read(`hand=${ADA}`),
    await read(`hand=${ADA}&vary=0.5`),
    await read(''),
  ];
  expect(hand.map((value) => Math.round(value * 127))).toEqual(
    Array.from({ length: 64 }, (_, i) => Math.round(Math.sin(64 + i) * 127)),
  );
  half.forEach((value, i) => {
    expect(value).toBeCloseTo(((hand[i] as number) + (seed[i] as number)) / 2, 6);
  });
  expect(await read(`hand=${ADA}&vary=1`)).toEqual(seed);
});

test('a hand of form 2 reaches twice as far as one of form 1', async () => {
  const read = async (form: number, byte: number) => {
    const hand = ADA.replace(
      /^1(.*\.)[^.]+$/,
      `${form}$1${Buffer.alloc(64, byte).toString('base64url')}`,
    );
    const { digits } = await worker.getDigits(`/digit.json?label=7&latent=1&hand=${hand}`);
    return digits[0]?.latent;
  };
  expect(await read(2, 40)).toEqual(await read(1, 80));
  expect(await read(2, 127)).toEqual(Array(64).fill(2));
});

test('a set in one hand varies a little by default, and any range of it is the same', async () => {
  const read = (query: string) => worker.getBytes(`/dataset.idx?hand=${ADA}&label=7&${query}`);
  const whole = await read('n=6');
  const digits = [0, 1].map((i) => whole.subarray(16 + i * 784, 16 + (i + 1) * 784));
  expect(digits[0]).not.toEqual(digits[1]);
  expect((await read('n=2&start=3')).subarray(16)).toEqual(
    whole.subarray(16 + 3 * 784, 16 + 5 * 784),
  );
  const still = await read('n=2&vary=0');
  expect(still.subarray(16, 800)).toEqual(still.subarray(800));
});

test('a morph goes from one hand to another and back', async () => {
  const loop = (query: string) =>
    worker.getBytes(`/morph.png?label=3&n=2&frames=1&hold=0&${query}`);
  const walk = await loop(`hand=${ADA}&to=${BOB}`);
  for (const other of [`hand=${ADA}`, `hand=${BOB}`, `hand=${BOB}&to=${ADA}`]) {
    expect(walk).not.toEqual(await loop(other));
  }
});

test.each([
  ['too short', ADA.slice(0, -6), 'not 60'],
  ['of half a byte', ADA.slice(0, -1), 'whole bytes in base64url'],
  ['of another alphabet', `${ADA.slice(0, -1)}+`, 'FORM.MODEL.VERSION.LATENTS'],
  ['of another form', ADA.replace('1.', '3.'), 'FORM.MODEL.VERSION.LATENTS'],
  [
    'out of range',
    `1.${name}.${version}.${Buffer.alloc(64, 128).toString('base64url')}`,
    'number 1 is -128',
  ],
])('a hand %s is refused, and the error says what is allowed', async (_, hand, text) => {
  for (const path of ['/digit.json', '/number/7.json', '/dataset.npy']) {
    const answer = await worker.fetch(`${path}?hand=${encodeURIComponent(hand)}`);
    const problem = (await answer.json()) as { code: string; detail: string };
    expect([answer.status, problem.code]).toEqual([400, 'invalid_parameter']);
    expect(problem.detail).toMatch(/^hand is "/);
    expect(problem.detail).toContain(text);
  }
});

test('a hand of another version of the model says which one it belongs to', async () => {
  const other = ADA.replace(version, '0123456789abcdef');
  const refused = await worker.fetch(`/digit.json?hand=${other}&model=${name}@${version}`);
  expect(await refused.json()).toMatchObject({
    code: 'hand_of_other_model',
    detail: expect.stringContaining(`belongs to ${name}@0123456789abcdef`),
  });
  const gone = await worker.fetch(`/digit.json?hand=${other}`);
  expect(await gone.json()).toMatchObject({
    status: 404,
    detail: `No model "${name}@0123456789abcdef" is published, and hand belongs to it: make a new hand by POST /hand.`,
    parameters: ['hand'],
  });
  const two = await worker.fetch(`/morph.png?hand=${ADA}&to=${other}`);
  expect(two.status).toBe(400);
});

test('oEmbed describes a number in a hand with its true size, and refuses what the URL refuses', async () => {
  const describePhoto = async (path: string) => {
    const url = encodeURIComponent(new URL(path, worker.url).href);
    const answer = await worker.fetch(`/oembed?url=${url}`);
    return { status: answer.status, photo: (await answer.json()) as Photo };
  };
  for (const query of [`hand=${ADA}`, `hand=${BOB}&vary=0.5&seed=s`, `hand=${BOB}&model=${name}`]) {
    const path = `/number/0123456789.png?${query}`;
    const { photo } = await describePhoto(path);
    const bytes = await worker.getBytes(path);
    expect(await worker.getBytes(photo.url.replace('&scale=1', ''))).toEqual(bytes);
    const { width, height } = PNG.sync.read(Buffer.from(bytes));
    expect([query, photo.width, photo.height]).toEqual([query, width, height]);
  }
  const small = ADA.replace(`${name}.${version}`, `${SMALL.name}.${SMALL.version}`);
  for (const [path, status] of [
    [`/number/7.png?hand=${small}`, 200],
    [`/digit.png?hand=${small}`, 200],
    [`/digit.png?hand=${ADA.slice(0, -6)}`, 400],
    [`/number/7.png?hand=${small}&model=${name}`, 400],
    [`/morph.gif?hand=${ADA}&to=${small}`, 400],
    [`/digit.png?hand=${ADA.replace(version, '0123456789abcdef')}`, 404],
  ] as const) {
    const described = await describePhoto(path);
    expect([path, (await worker.fetch(path)).status]).toEqual([path, status]);
    expect([path, described.status]).toEqual([path, status]);
    if (status === 200) {
      expect((await worker.fetch(described.photo.url)).status).toBe(200);
    }
  }
});

test('vary and to have no effect without a hand, and the answer says so', async () => {
  for (const [path, parameter] of [
    ['/digit.png?seed=1&vary=0.5', 'vary'],
    [`/morph.png?seed=1&n=2&frames=1&to=${BOB}`, 'to'],
  ] as const) {
    const answer = await worker.fetch(path);
    const text = `effect in png: ${parameter} without hand`;
    expect(answer.headers.get('digitmint-warning')).toContain(`without ${text}`);
    const strict = await worker.fetch(`${path}&strict=1`, {
      headers: { accept: 'application/problem+json' },
    });
    expect(await strict.json()).toMatchObject({
      status: 400,
      code: 'parameter_without_effect',
      detail: `strict=1 refuses what has no ${text}. Leave them out.`,
      parameters: [parameter],
    });
  }
});

test('a hand that is given twice is refused, and HEAD says the same as GET', async () => {
  for (const query of [`hand=${ADA}&hand=${ADA}`, `hand=${ADA}%0A`, 'hand=', `hand=${ADA}=`]) {
    const [get, head] = await Promise.all(
      ['GET', 'HEAD'].map((method) => worker.fetch(`/digit.png?${query}`, { method })),
    );
    expect([query, get?.status, head?.status]).toEqual([query, 400, 400]);
    expect(get?.headers.get('cache-control')).toBe('no-store');
  }
});
