/**
 * Tests headers of a megabyte. A quadratic parser would take hours, so a test ends at once or
 * reaches its time limit.
 */
import { expect, test } from 'vitest';
import { pngEncoder } from '../../trainer/node-kernels.ts';
import { createApp } from '../../worker/app.ts';
import type { GeneratorSource } from '../../worker/models/generator-source.ts';
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
];

const app = createApp({
  generators: {
    acquire: async () => ({ code: 'model_not_found', model: 'x' }),
  } as unknown as GeneratorSource,
  modelFiles: {} as ModelFiles,
  png: pngEncoder,
  log: () => undefined,
  jobs: { store: {} as never, queue: {} as never, secret: 'x'.repeat(24) },
});

test.each([
  ['/digit', 404],
  ['/digit.json?seed=a&model=seed@0123456789abcdef', 404],
  ['/jobs/0123456789abcdef0123456789abcdef', 401],
  ['/nowhere', 404],
])('a header of a megabyte is answered at once: %s', async (path, status) => {
  for (const value of HOSTILE) {
    const names = ['accept', 'if-none-match', 'authorization', 'user-agent', 'accept-language'];
    const headers = Object.fromEntries(names.map((name) => [name, value]));
    expect((await app.request(path, { headers })).status).toBe(status);
  }
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
