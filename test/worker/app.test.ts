/**
 * Tests the app's answers to failures that the real runtime cannot be made to have, by
 * `app.request()`.
 */
import { PNG } from 'pngjs';
import { expect, test } from 'vitest';
import { planGenerator } from '../../shared/model/generator.ts';
import { pngEncoder } from '../../trainer/node-kernels.ts';
import { createApp } from '../../worker/app.ts';
import { parseSettings } from '../../worker/env.ts';
import type { ModelSource } from '../../worker/models/model-source.ts';
import type { ModelFiles } from '../../worker/models/model-store.ts';
import type { LogEvent } from '../../worker/http/log.ts';
import type { Lease } from '../../worker/models/model-cache.ts';
import { buildFixture, type FixtureOptions } from '../support/models/fixture-artifact.ts';

const logged: LogEvent[] = [];

function createBrokenApp(modelSource: Partial<ModelSource>) {
  const dependencies: Parameters<typeof createApp>[0] = {
    modelSource: modelSource as ModelSource,
    modelFiles: {} as ModelFiles,
    drawSeed: () => 'seed',
    drawRequestId: () => 'request-1',
    png: pngEncoder,
    clock: () => 0,
    log: (event) => logged.push(event),
  };
  return createApp(dependencies);
}

test('an unexpected failure is a plain 500 with the request’s id; only the log has the cause', async () => {
  const app = createBrokenApp({ acquire: () => Promise.reject(new Error('secret')) });
  const answer = await app.request('/digit.json');
  expect(answer.status).toBe(500);
  const text = await answer.text();
  expect(JSON.parse(text)).toMatchObject({ code: 'internal', requestId: 'request-1' });
  expect(text).not.toContain('secret');
  expect(answer.headers.get('request-id')).toBe('request-1');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(logged).toMatchObject([
    {
      event: 'request_failed',
      requestId: 'request-1',
      route: '/digit.json',
      cause: { message: 'secret' },
    },
    { event: 'request', requestId: 'request-1', status: 500, code: 'internal' },
  ]);
  const page = await app.request('/hand', { headers: { accept: 'text/html,*/*;q=0.8' } });
  expect([page.status, await page.text()]).toEqual([500, expect.stringContaining('request-1')]);
  expect(page.headers.get('content-type')).toBe('text/html; charset=UTF-8');
});

test('a set whose model goes away half-way is cut off, and the log has the cause under the request’s id', async () => {
  const { manifest } = buildFixture();
  const { name, version } = manifest;
  const sampler = { manifest, plan: planGenerator(manifest.generator) };
  const loaded = { name, version, origin: 'r2', loadedAt: 0, sampler };
  const leases: Lease[] = [];
  const app = createBrokenApp({
    acquire: async () => leases.pop() ?? { code: 'model_unavailable', retryAfterSeconds: 10 },
  });
  for (const path of ['/dataset.npy', '/dataset.idx.gz']) {
    logged.length = 0;
    leases.push({ loaded, release: () => undefined } as unknown as Lease);
    const answer = await app.request(`${path}?n=64&seed=a`);
    expect(answer.status).toBe(200);
    await expect(answer.arrayBuffer()).rejects.toThrow('went away');
    expect(logged).toMatchObject([
      { event: 'request', status: 200 },
      {
        event: 'request_failed',
        requestId: 'request-1',
        route: path,
        cause: { message: expect.stringContaining('the model went away') as string },
      },
    ]);
  }
});

test('without any model the answer is a 503 with Retry-After, drawn when a picture was requested', async () => {
  const app = createBrokenApp({
    acquire: async () => ({ code: 'model_unavailable', retryAfterSeconds: 10 }),
    getHealth: async () => ({
      serving: undefined,
      failure: { reason: 'storage', message: 'no', at: 0 },
    }),
  });
  const answer = await app.request('/digit.png');
  expect(answer.status).toBe(503);
  expect(answer.headers.get('retry-after')).toBe('10');
  expect(PNG.sync.read(Buffer.from(await answer.arrayBuffer())).width).toBeGreaterThan(300);
  for (const path of ['/', '/hand']) {
    const page = await app.request(path, { headers: { accept: 'text/html,*/*;q=0.8' } });
    expect([page.status, page.headers.get('retry-after')]).toEqual([503, '10']);
    expect(await page.text()).toContain('The network that draws could not be loaded.');
  }
  expect((await app.request('/')).headers.get('content-type')).toBe('application/problem+json');
  expect(await (await app.request('/healthz')).json()).toMatchObject({
    status: 'unavailable',
    model: null,
    lastError: { reason: 'storage' },
  });
});

test('the home page describes what the serving model draws', async () => {
  const render = async (options: FixtureOptions): Promise<string> => {
    const { manifest } = buildFixture(options);
    const loaded = {
      name: manifest.name,
      version: manifest.version,
      origin: 'r2',
      loadedAt: 0,
      sampler: { manifest, plan: planGenerator(manifest.generator) },
    };
    const lease = { loaded, release: () => undefined } as unknown as Lease;
    const list = async () => ({ default: manifest.name, models: [] });
    return (await createBrokenApp({ acquire: async () => lease, list }).request('/')).text();
  };
  const shapes = await render({
    name: 'shapes',
    classes: 2,
    alter: (content) => ({ ...content, classes: ['circle', 'a <square> & more'] }),
  });
  expect(shapes).toContain('<title>Shapes, from a URL · digitmint</title>');
  expect(shapes).toContain('network draws them: circle, a &lt;square&gt; &amp; more.');
  expect(shapes).toContain('alt="Shapes: number 16 of 16"');
  expect(shapes).toContain('label=a+%3Csquare%3E+%26+more"');
  expect(shapes).not.toMatch(/handwritten/i);
  expect(await render({ name: 'digits' })).toContain('<h1>Handwritten digits, from a URL.</h1>');
  const unlabelled = await render({ name: 'faces', classes: 0 });
  expect(unlabelled).toContain('<h1>Faces, from a URL.</h1>');
  expect(unlabelled).not.toContain('&amp;label=');
});

test('no answer demands HTTPS without HSTS_SECONDS, and a wrong one is named', async () => {
  const app = createBrokenApp({ acquire: () => Promise.reject(new Error('down')) });
  expect((await app.request('/docs')).headers.has('strict-transport-security')).toBe(false);
  expect(parseSettings({})).toMatchObject({ hstsSeconds: 0, modelRefreshMs: 20_000 });
  expect(parseSettings({ HSTS_SECONDS: '60' }).hstsSeconds).toBe(60);
  expect(() => parseSettings({ HSTS_SECONDS: '1y' })).toThrow(
    'HSTS_SECONDS is "1y", expected whole seconds',
  );
});

test('a pinned URL with a matching ETag is a 304 before any model is acquired', async () => {
  const app = createBrokenApp({ acquire: () => expect.unreachable() });
  const path = '/digit.png?seed=a&model=seed@0123456789abcdef';
  const { createHash } = await import('node:crypto');
  // The construction of an ETag is not part of the API. The test needs an ETag without a model.
  const etag = `"${createHash('sha256').update(`6  /digit.png?seed=a&model=seed@0123456789abcdef`).digest('hex').slice(0, 32)}"`;
  const answer = await app.request(path, { headers: { 'if-none-match': etag } });
  expect(answer.status).toBe(304);
  expect(answer.headers.get('cache-control')).toContain('immutable');
});

test('HEAD draws what GET gives again, and a number whose size depends on its digits', async () => {
  const { manifest } = buildFixture({ name: 'digits' });
  const drawn: string[] = [];
  const note = (what: string) => (request: { labels?: Uint8Array }) => {
    drawn.push(what);
    const count = request.labels?.length ?? 1;
    // Thin strokes: the number is much narrower than it could be.
    const pixels = Uint8Array.from({ length: count * 784 }, (_, i) => (i % 28 === 14 ? 255 : 0));
    return { count, height: 28, width: 28, channels: 1, pixels, labels: null };
  };
  const sampler = {
    manifest,
    plan: { effort: 1000 },
    draw: note('draw'),
    drawHand: note('hand'),
    drawMorph: note('morph'),
  };
  const lease = {
    loaded: { name: 'digits', version: manifest.version, origin: 'r2', sampler },
    release: () => undefined,
  };
  const app = createBrokenApp({
    acquire: async () => lease as unknown as Lease,
  });
  const head = async (path: string) => {
    const answer = await app.request(path, { method: 'HEAD' });
    return [answer.status, answer.headers.get('content-length')];
  };
  const model = `seed=a&model=digits@${manifest.version}`;
  for (const path of [
    '/digit',
    '/digit.png?n=256',
    '/digit.json?n=3',
    '/digit.svg',
    '/digit.txt',
    '/digit.npy',
    '/digit.ndjson',
    '/digit/7.png',
    '/number/2026.png?scale=16',
    '/number/2026.json',
    '/morph',
    '/morph.gif',
    '/dataset.csv',
    '/dataset.csv?seed=a&n=60000',
  ]) {
    expect([path, ...(await head(path))]).toEqual([path, 200, null]);
  }
  expect(drawn).toEqual([]);
  expect(await head('/dataset.npy?n=60000')).toEqual([200, String(128 + 60_000 * 784)]);
  expect(await head('/dataset.parquet?n=60000')).toEqual([200, expect.stringMatching(/^5\d{7}$/)]);
  expect((await head('/digit.png?n=256&scale=16'))[0]).toBe(400);
  expect(drawn).toEqual([]);
  expect((await head(`/number/${'8'.repeat(32)}.png?scale=16&margin=256`))[0]).toBe(200);
  expect(drawn).toEqual(['hand']);
  expect(await head(`/digit.npy?${model}`)).toEqual([200, String(128 + 784)]);
  expect(drawn).toEqual(['hand', 'draw']);
});
