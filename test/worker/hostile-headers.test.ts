/**
 * Tests headers of a megabyte. A quadratic parser would take hours, so a test ends at once or
 * reaches its time limit.
 */
import { expect, test } from 'vitest';
import type { Guide } from '../../shared/contract/guides.ts';
import { pngEncoder } from '../../trainer/node-kernels.ts';
import { createApp } from '../../worker/app.ts';
import { parseRateLimits } from '../../worker/env.ts';
import type { ModelSource } from '../../worker/models/model-source.ts';
import type { ModelFiles } from '../../worker/models/model-store.ts';
import { negotiateFormat } from '../../worker/http/negotiation.ts';

const LENGTH = 1_000_000;
const fill = (text: string) => text.repeat(LENGTH / text.length);
const HOSTILE = [
  `text/html;q=x${fill(' ')}y`,
  `x${fill(' ')}x`,
  `a${fill('\t')}/b`,
  `a/b;q="${fill('\\')}`,
  `a/b;${fill('q ')}`,
  fill(','),
  fill('a/b,'),
  fill('W/"a",'),
  `Bearer ${fill(' ')}x`,
  fill('x'),
  fill('1:'),
  `bytes=${fill('1-2,')}`,
];
/** Every header that the service, Hono or the hosts read, and some that others read. */
const NAMES = `accept accept-encoding accept-language authorization cf-connecting-ip content-type
  cookie forwarded host if-match if-modified-since if-none-match if-range origin range referer
  user-agent x-forwarded-for x-forwarded-host x-request-id`.split(/\s+/);
/** Made once, since that takes longer than an answer. */
const HOSTILE_HEADERS = HOSTILE.map(
  (value) => new Headers(NAMES.map((name): [string, string] => [name, value])),
);

const GUIDE: Guide = {
  slug: 'embed',
  language: 'en',
  title: 'Embed',
  lead: '',
  html: '<p>At https://YOUR-WORKER.</p>',
};

const app = createApp({
  modelSource: {
    acquire: async () => ({ code: 'model_not_found', model: 'x' }),
  } as unknown as ModelSource,
  modelFiles: {} as ModelFiles,
  png: pngEncoder,
  guides: new TextEncoder().encode(JSON.stringify([GUIDE])).buffer,
  log: () => undefined,
  jobs: { store: {} as never, queue: {} as never, secret: 'x'.repeat(24) },
  rateLimits: parseRateLimits({
    RATE_LIMITER: { limit: async () => ({ success: true }) },
    RATE_LIMIT: '600',
  }),
});

const VERSION = 'a/0123456789abcdef';
const PATHS = `/ /digit /digit.json?seed=a&model=a@0123456789abcdef /number/7 /morph /dataset.npy
  /jobs/7 /models /models/${VERSION} /models/${VERSION}/model.json /limits /docs /openapi.json
  /llms.txt /oembed /healthz /errors/internal /nowhere`.split(/\s+/);

test.each(PATHS)('headers of a megabyte are answered at once: %s', async (path) => {
  for (const headers of HOSTILE_HEADERS) {
    const answer = await app.request(path, { headers });
    expect(answer.headers.get('request-id')).toMatch(/^[0-9a-f-]{36}$/);
  }
});

test('a Host header is text in a page, not a pattern of a replacement', async () => {
  const page = await app.request(`http://a&b"'$'$\`$&/docs/embed`);
  expect(await page.text()).toContain('<p>At http://a&amp;b&quot;&#39;$&#39;$`$&amp;.</p>');
});

test('a search looks for the first eight words only', async () => {
  const search = async (words: string) => (await app.request(`/docs/search?q=${words}`)).text();
  expect(await search('a+t+h+p+s+w+o+xyzzy')).toContain('Nothing has all of the words');
  expect(await search('a+t+h+p+s+w+o+u+xyzzy')).toContain('href="/docs/embed"');
});

test('the parser of Accept is linear', () => {
  for (const value of HOSTILE) {
    negotiateFormat(value, { png: 'image/png', json: 'application/json' });
  }
});

test.each([
  ['image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8', 'png'],
  ['application/json, image/png', 'png'],
  ['application/json, image/*;q=0.9', 'json'],
  ['text/plain;charset=utf-8', 'txt'],
  ['*/png', 'png'],
  ['image/gif', undefined],
  // As openapi-generator's clients ask for pictures.
  ['application/problem+json', 'png'],
  ['application/problem+json, application/json;q=0.5', 'json'],
])('the server’s first format wins when Accept rates several equally: %s', (accept, format) => {
  const formats = {
    png: 'image/png',
    json: 'application/json',
    svg: 'image/svg+xml',
    txt: 'text/plain',
  };
  expect(negotiateFormat(accept, formats)).toBe(format);
});
