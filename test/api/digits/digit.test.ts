/** Tests `/digit` over HTTP in the real runtime: parameters, formats, headers, caching, errors. */
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { POINTER_KEY } from '../../../shared/model/artifact.ts';
import { digitsSchema, healthSchema, problemSchema } from '../../../shared/contract/answers.ts';
import type { ApiErrorCode } from '../../../shared/contract/errors.ts';
import { buildFixture, buildPointer } from '../../support/models/fixture-artifact.ts';
import { sendRaw } from '../../support/hosts/raw-request.ts';
import { putArtifact, startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

const labelled = buildFixture({ name: 'labelled' });
const unlabelled = buildFixture({ name: 'plain', classes: 0, weightsSeed: 'plain' });
const PINNED = `labelled@${labelled.manifest.version}`;

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker(async (bucket) => {
    await putArtifact(bucket, labelled);
    await putArtifact(bucket, unlabelled);
    await bucket.put(POINTER_KEY, buildPointer(labelled, unlabelled));
  });
});
afterAll(() => worker.close());

const getType = async (path: string, accept?: string) =>
  (await worker.fetch(path, { headers: accept === undefined ? {} : { accept } })).headers.get(
    'content-type',
  );
const getCacheControl = async (path: string) =>
  (await worker.fetch(path)).headers.get('cache-control');

describe('digits', () => {
  test('come as PNG with the pixels of the JSON, by an independent decoder', async () => {
    const png = PNG.sync.read(await worker.getBytes('/digit.png?seed=a&n=5&cols=3'));
    const json = await worker.getDigits('/digit.json?seed=a&n=5&cols=3');
    expect([png.width, png.height]).toEqual([3 * 28, 2 * 28]);
    for (const [i, digit] of json.digits.entries()) {
      const [left, top] = [(i % 3) * 28, Math.floor(i / 3) * 28];
      const seen = digit.pixels.map(
        (_, p) => png.data[((top + Math.floor(p / 28)) * png.width + left + (p % 28)) * 4],
      );
      expect(seen).toEqual(digit.pixels);
    }
  });

  test('are enlarged without a change of their pixels', async () => {
    const small = PNG.sync.read(await worker.getBytes('/digit.png?seed=a&n=2'));
    const large = PNG.sync.read(await worker.getBytes('/digit.png?seed=a&n=2&scale=3'));
    expect([large.width, large.height]).toEqual([small.width * 3, small.height * 3]);
    const expected = Array.from({ length: large.width * large.height }, (_, p) => {
      const [x, y] = [Math.floor((p % large.width) / 3), Math.floor(p / large.width / 3)];
      return small.data[(y * small.width + x) * 4];
    });
    expect(expected.map((_, p) => large.data[p * 4])).toEqual(expected);
  });

  test('are new without a seed; the headers name the seed and the canonical URL', async () => {
    const [first, second] = [
      await worker.fetch('/digit.png?n=2'),
      await worker.fetch('/digit.png?n=2'),
    ];
    expect(first.headers.get('cache-control')).toBe('no-store');
    expect(first.headers.get('etag')).toBeNull();
    const seed = first.headers.get('digitmint-seed') as string;
    expect(seed).toMatch(/^[A-Za-z0-9_-]{16}$/);
    expect(second.headers.get('digitmint-seed')).not.toBe(seed);
    const bytes = Buffer.from(await first.arrayBuffer());
    expect(bytes.equals(Buffer.from(await second.arrayBuffer()))).toBe(false);
    expect((await worker.getBytes(`/digit.png?n=2&seed=${seed}`)).equals(bytes)).toBe(true);
    const link = /^<(.*)>; rel="canonical"$/.exec(
      first.headers.get('link') as string,
    )?.[1] as string;
    expect(new URL(link).pathname + new URL(link).search).toBe(
      first.headers.get('content-location'),
    );
    const again = await fetch(link);
    expect(again.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(Buffer.from(await again.arrayBuffer()).equals(bytes)).toBe(true);
  });

  test('have the same bytes for a seed, whatever the order of the parameters', async () => {
    const first = await worker.getBytes('/digit.png?seed=x&n=7&label=3');
    expect(
      (await worker.getBytes('/digit.png?label=3&n=7&seed=x&utm_source=y&_=1')).equals(first),
    ).toBe(true);
    expect((await worker.getBytes('/digit?format=png&seed=x&n=7&label=3')).equals(first)).toBe(
      true,
    );
    expect((await worker.getBytes('/digit.png?seed=X&n=7&label=3')).equals(first)).toBe(false);
  });

  test('depend on seed and index alone, in every batch and at their own URL', async () => {
    const batch = await worker.getDigits('/digit.json?seed=batch&n=256');
    expect(batch.digits.map(({ index }) => index)).toEqual(
      Array.from({ length: 256 }, (_, i) => i),
    );
    for (const i of [0, 1, 63, 64, 200, 255]) {
      const [alone] = (await worker.getDigits(`/digit.json?seed=batch&start=${i}`)).digits;
      expect(alone).toEqual(batch.digits[i]);
      const png = PNG.sync.read(
        Buffer.from(await (await fetch((batch.digits[i] as { url: string }).url)).arrayBuffer()),
      );
      expect(Array.from({ length: 784 }, (_, p) => png.data[p * 4])).toEqual(
        batch.digits[i]?.pixels,
      );
    }
    const part = await worker.getDigits('/digit.json?seed=batch&start=100&n=20');
    expect(part.digits).toEqual(batch.digits.slice(100, 120));
  });

  test('have labels when the model has classes, and the requested label', async () => {
    const { digits } = await worker.getDigits('/digit.json?seed=l&n=64');
    expect(new Set(digits.map(({ label }) => label)).size).toBeGreaterThan(5);
    const sevens = await worker.getDigits('/digit.json?seed=l&n=8&label=7');
    expect(sevens.digits.every(({ label }) => label === 7)).toBe(true);
    expect(sevens.digits.every((digit) => digit.class === '7')).toBe(true);
    expect(sevens.digits[3]?.url).toContain('label=7');
    const plain = (await worker.getDigits('/digit.json?model=plain&n=3')).digits;
    expect(plain.map((digit) => [digit.label, digit.class])).toEqual([
      [null, null],
      [null, null],
      [null, null],
    ]);
  });

  test.each([
    'ÄÖ☃😀',
    '0',
    ' ',
    'a&b=c#d',
    '"><script>',
    '\r\nSet-Cookie: a=b',
    '%00',
    'a'.repeat(128),
    '😀'.repeat(128),
  ])('accept any seed: %j', async (seed) => {
    const answer = await worker.fetch(`/digit.json?seed=${encodeURIComponent(seed)}`);
    expect(answer.status).toBe(200);
    expect(decodeURIComponent(answer.headers.get('digitmint-seed') as string)).toBe(seed);
    expect(answer.headers.get('set-cookie')).toBeNull();
    const body = v.parse(digitsSchema, await answer.json());
    expect(body.seed).toBe(seed);
    expect(
      (
        await worker.getDigits(
          new URL(answer.headers.get('content-location') as string, worker.url).href,
        )
      ).digits,
    ).toEqual(body.digits);
  });
});

test('JSON matches the documented schema, without extra fields', async () => {
  for (const path of ['/digit.json?n=3&seed=a', '/digit.json?model=plain']) {
    const json = await (await worker.fetch(path)).json();
    expect(v.parse(digitsSchema, json)).toEqual(json);
  }
  const health = await (await worker.fetch('/healthz')).json();
  expect(v.parse(healthSchema, health)).toEqual(health);
  const problem = await (await worker.fetch('/digit.json?n=0')).json();
  expect(v.parse(problemSchema, problem)).toEqual(problem);
});

describe('the format', () => {
  test.each<[accept: string | undefined, type: string]>([
    [undefined, 'image/png'],
    ['*/*', 'image/png'],
    ['', 'image/png'],
    ['image/*', 'image/png'],
    ['application/json', 'application/json'],
    ['application/*', 'application/json'],
    ['text/html, application/json', 'application/json'],
    ['image/png;q=0.5, application/json;q=0.9', 'application/json'],
    ['application/json;q=0.5, */*;q=0.6', 'image/png'],
    ['image/png;q=0, */*', 'application/json'],
    [
      'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
      'image/png',
    ],
    ['APPLICATION/JSON ; Q=1.0', 'application/json'],
    [';;;,,, =/= */png image/png;q=2', 'image/png'],
  ])('follows Accept: %s', async (accept, expected) => {
    expect(await getType('/digit', accept)).toBe(expected);
  });

  test.each(['text/html', 'image/webp', '*/*;q=0', 'image/png;q=0, application/json;q=0.0'])(
    'is refused for Accept: %s',
    async (accept) => {
      const answer = await worker.fetch('/digit', { headers: { accept } });
      expect(answer.status).toBe(406);
      expect(answer.headers.get('vary')).toBe('Accept');
    },
  );

  test('follows the path, then format=, then Accept; only Accept adds Vary', async () => {
    expect(await getType('/digit.json', 'image/png')).toBe('application/json');
    expect(await getType('/digit?format=json', 'image/png')).toBe('application/json');
    expect((await worker.fetch('/digit.png')).headers.get('vary')).toBeNull();
    expect((await worker.fetch('/digit?format=png')).headers.get('vary')).toBeNull();
    expect((await worker.fetch('/digit')).headers.get('vary')).toBe('Accept');
    expect((await worker.fetch('/digit.json?format=json')).status).toBe(200);
    expect((await worker.fetch('/digit.json?format=png')).status).toBe(400);
  });
});

describe('headers', () => {
  test('allow any page to embed, read and time the pictures', async () => {
    const { headers } = await worker.fetch('/digit.png?seed=a&unknown=1');
    expect(Object.fromEntries(headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
      'timing-allow-origin': '*',
      'x-content-type-options': 'nosniff',
      'x-robots-tag': 'noindex',
      'content-disposition': 'inline; filename="digitmint-a-0.png"',
      'digitmint-model': PINNED,
      'digitmint-model-source': 'r2',
      'digitmint-warning': 'unknown parameters: unknown',
    });
    for (const name of [
      'digitmint-seed',
      'digitmint-model',
      'digitmint-model-source',
      'digitmint-warning',
      'request-id',
      'server-timing',
      'link',
    ]) {
      expect(headers.get('access-control-expose-headers')?.toLowerCase()).toContain(name);
      expect(headers.get(name)).toBeTruthy();
    }
    expect(headers.get('server-timing')).toMatch(
      /^load;dur=[\d.]+, generate;dur=[\d.]+, encode;dur=[\d.]+$/,
    );
    expect(headers.get('content-length')).toBe(
      String((await worker.getBytes('/digit.png?seed=a')).length),
    );
  });

  test('name ignored parameters without header injection', async () => {
    const { headers } = await worker.fetch(
      `/digit.png?${encodeURIComponent('a\r\nSet-Cookie: x=1')}=1&${'😀'.repeat(40)}=1&v=1&cb=2`,
    );
    expect(headers.get('set-cookie')).toBeNull();
    expect(headers.get('digitmint-warning')).toMatch(
      /^unknown parameters: a%0D%0ASet-Cookie%3A%20x%3D1, [%0-9A-F]+$/,
    );
    expect((await worker.fetch('/digit.png?v=1&cb=2')).headers.get('digitmint-warning')).toBeNull();
  });

  test.each([
    ['lable', 'label'],
    ['Scale', 'scale'],
    ['seeds', 'seed'],
    ['truncaton', 'truncation'],
    ['smoothe', 'smooth'],
    ['amp;model', 'model'],
    ['N', 'n'],
    ['m', undefined],
    ['colour', undefined],
  ])('name the parameter that was probably meant by %s', async (name, meant) => {
    const { headers } = await worker.fetch(`/digit.txt?seed=a&${encodeURIComponent(name)}=1`);
    const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`;
    const named = encodeURIComponent(name);
    expect(headers.get('digitmint-warning')).toBe(`unknown parameters: ${named}${hint}`);
  });

  test('are the same for HEAD as for GET, without a body', async () => {
    const fresh = await worker.fetch('/digit.png', { method: 'HEAD' });
    expect(fresh.headers.get('accept-ranges')).toBe('none');
    const [head, get] = await Promise.all([
      worker.fetch('/digit.png?seed=a&n=4', { method: 'HEAD' }),
      worker.fetch('/digit.png?seed=a&n=4'),
    ]);
    expect((await head.arrayBuffer()).byteLength).toBe(0);
    for (const name of [
      'content-length',
      'content-type',
      'etag',
      'cache-control',
      'digitmint-seed',
      'digitmint-model',
      'content-location',
    ]) {
      expect([name, head.headers.get(name)]).toEqual([name, get.headers.get(name)]);
    }
  });

  test.each(['/digit.json', '/digit.jpg', '/nowhere', '/digit/'])(
    'allow a preflight of %s',
    async (path) => {
      const answer = await worker.fetch(path, {
        method: 'OPTIONS',
        headers: {
          origin: 'https://example.org',
          'access-control-request-method': 'GET',
          'access-control-request-headers': 'x-a',
        },
      });
      expect(answer.status).toBe(204);
      expect(answer.headers.get('access-control-allow-methods')).toBe('GET, HEAD, OPTIONS');
      expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    },
  );
});

describe('caching', () => {
  test('is immutable when seed and version are named, and lasts a minute with only the seed', async () => {
    expect(await getCacheControl(`/digit.png?seed=a&model=${PINNED}`)).toBe(
      'public, max-age=31536000, immutable',
    );
    expect(await getCacheControl('/digit.png?seed=a')).toBe('public, max-age=60, must-revalidate');
    expect(await getCacheControl('/digit.png?seed=a&model=labelled')).toBe(
      'public, max-age=60, must-revalidate',
    );
    expect(await getCacheControl(`/digit.png?model=${PINNED}`)).toBe('no-store');
  });

  test('answers 304 when the ETag matches, whether a digit was drawn or not', async () => {
    for (const path of ['/digit.png?seed=a&n=3', `/digit.json?seed=a&model=${PINNED}`]) {
      const etag = (await worker.fetch(path)).headers.get('etag') as string;
      expect(etag).toMatch(/^"[0-9a-f]{32}"$/);
      for (const tag of [etag, `W/${etag}`, `"other", ${etag}`]) {
        const answer = await worker.fetch(path, {
          headers: { 'if-none-match': tag },
          cache: 'no-store',
        });
        expect(answer.status).toBe(304);
        expect(answer.headers.get('etag')).toBe(etag);
        // No Server-Timing: no digit was drawn.
        expect(answer.headers.get('server-timing')).toBeNull();
        expect((await answer.arrayBuffer()).byteLength).toBe(0);
      }
      expect(
        (await worker.fetch(path, { headers: { 'if-none-match': '"other"' }, cache: 'no-store' }))
          .status,
      ).toBe(200);
    }
  });

  test('gives different answers different ETags', async () => {
    const paths = [
      '.png?seed=a',
      '.json?seed=a',
      '.png?seed=b',
      '.png?seed=a&n=2',
      '.png?seed=a&scale=2',
      '.png?seed=a&label=1',
      '.png?seed=a&start=1',
      '.png?seed=a&model=plain',
    ];
    const tags = await Promise.all(
      paths.map(async (path) => (await worker.fetch(`/digit${path}`)).headers.get('etag')),
    );
    expect(new Set(tags).size).toBe(paths.length);
    expect(
      (await worker.fetch('/digit.png?scale=1&n=1&cols=1&start=0&seed=a&v=9')).headers.get('etag'),
    ).toBe(tags[0]);
  });
});

describe('errors', () => {
  test.each<[status: number, code: ApiErrorCode, path: string, init?: RequestInit]>([
    ...[
      'n=0',
      'n=257',
      'n=1e9',
      'n=-1',
      'n=x',
      'n=',
      'n=%201',
      'n=1.0',
      'n=01',
      'n=0x1',
      'seed=',
      `seed=${'a'.repeat(129)}`,
      'label=',
      `label=${'a'.repeat(65)}`,
    ].map((query): [number, 'invalid_parameter', string] => [
      400,
      'invalid_parameter',
      `/digit.json?${query}`,
    ]),
    ...[
      'cols=0',
      'scale=17',
      'format=bmp',
      'format=PNG',
      'model=A',
      'model=a@b',
      'model=../x',
      'strict=yes',
      'start=-1',
      'start=1e3',
    ].map((query): [number, 'invalid_parameter', string] => [
      400,
      'invalid_parameter',
      `/digit?${query}`,
    ]),
    [400, 'repeated_parameter', '/digit.json?n=1&n=2'],
    [400, 'unknown_parameter', '/digit.json?strict=1&sede=1'],
    [400, 'picture_too_large', '/digit?n=256&scale=16'],
    [400, 'picture_too_large', '/digit?n=256&cols=1&scale=5'],
    ...['10', '-1', '256', '07', '1e0', 'seven'].map(
      (label): [number, 'label_not_supported', string] => [
        400,
        'label_not_supported',
        `/digit.json?label=${label}`,
      ],
    ),
    [400, 'label_not_supported', '/digit.json?label=0&model=plain'],
    [404, 'not_found', '/digits'],
    ...['/digit.bmp', '/digit.PNG', '/digit/7.PNG', '/number/2026.PNG'].map(
      (path): [number, 'format_not_found', string] => [404, 'format_not_found', path],
    ),
    [412, 'precondition_failed', '/digit.json?seed=a', { headers: { 'if-match': '"x"' } }],
    [404, 'not_found', '/errors/nothing'],
    [404, 'model_not_found', '/digit.json?model=none'],
    [404, 'model_not_found', '/digit.json?model=labelled@0000000000000000'],
    [405, 'method_not_allowed', '/digit.json', { method: 'POST', body: 'x' }],
    [405, 'method_not_allowed', '/digit', { method: 'DELETE' }],
    [405, 'method_not_allowed', '/', { method: 'PUT' }],
    [406, 'not_acceptable', '/digit', { headers: { accept: 'text/html' } }],
    [414, 'url_too_long', `/digit.json?seed=${'a'.repeat(5000)}`],
  ])('answers %i %s for %s', async (status, code, path, init) => {
    const answer = await worker.fetch(path, init);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    const problem = (await answer.json()) as {
      type: string;
      title: string;
      status: number;
      detail: string;
      code: string;
      requestId: string;
    };
    expect(problem).toMatchObject({ status, code });
    expect(problem.requestId).toBe(answer.headers.get('request-id'));
    expect(answer.headers.has('allow')).toBe(status === 405);
    const page = await fetch(problem.type);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain(problem.title);
  });

  test('are drawn for clients that show images, with the right status', async () => {
    const asImage = {
      headers: { accept: 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8' },
    };
    for (const [path, init, status] of [
      ['/digit.png?n=0', {}, 400],
      ['/digit?format=png&n=0', {}, 400],
      ['/digit?n=0', asImage, 400],
      ['/nowhere', asImage, 404],
      ['/digit.jpg', asImage, 404],
      ['/nowhere.jpg', asImage, 404],
      ['/digit?format=webp', asImage, 400],
      ['/digit.png', { method: 'POST' }, 405],
    ] as const) {
      const answer = await worker.fetch(path, init);
      expect(answer.status).toBe(status);
      expect(answer.headers.get('content-type')).toBe('image/png');
      expect(answer.headers.get('cache-control')).toBe('no-store');
      const png = PNG.sync.read(Buffer.from(await answer.arrayBuffer()));
      expect(png.width).toBeGreaterThan(300);
      const dark = Array.from(
        { length: png.width * png.height },
        (_, p) => png.data[p * 4] as number,
      ).filter((value) => value < 128);
      expect(dark.length).toBeGreaterThan(500);
    }
  });

  test('are problem details for pictures too when Accept names them, with the invalid parameters', async () => {
    const headers = { accept: 'application/problem+json, */*' };
    const answer = await worker.fetch('/digit.png?n=0', { headers });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      400,
      'application/problem+json',
    ]);
    expect(await answer.json()).toMatchObject({ code: 'invalid_parameter', parameters: ['n'] });
    const large = await worker.fetch('/digit.png?n=256&scale=16', { headers });
    expect(await large.json()).toMatchObject({
      code: 'picture_too_large',
      parameters: ['n', 'scale', 'dpr'],
    });
    expect(await (await worker.fetch('/digits', { headers })).json()).not.toHaveProperty(
      'parameters',
    );
    const refused = { headers: { accept: 'application/problem+json;q=0, image/png' } };
    expect((await worker.fetch('/digit.png?n=0', refused)).headers.get('content-type')).toBe(
      'image/png',
    );
    expect((await worker.fetch('/digit.png', { headers })).headers.get('content-type')).toBe(
      'image/png',
    );
  });

  test('are problem details for a browser’s address bar and for JSON', async () => {
    const page = {
      headers: {
        accept:
          'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8',
      },
    };
    expect((await worker.fetch('/digit?n=0', page)).headers.get('content-type')).toBe(
      'application/problem+json',
    );
    expect(
      (await worker.fetch('/digit.json?n=0', { headers: { accept: 'image/png' } })).headers.get(
        'content-type',
      ),
    ).toBe('application/problem+json');
  });

  test.each([
    '*/*;q=',
    'a/b/c',
    ','.repeat(3000),
    'image/png;q=0.1234',
    '\u00ff',
    'x'.repeat(7000),
  ])('are never a 500 for a malformed Accept: %j', async (accept) => {
    expect([200, 406]).toContain((await worker.fetch('/digit', { headers: { accept } })).status);
  });

  test.each([
    '/%',
    '/%E0%A4%A',
    '/digit.png?%',
    '/digit.png?seed=%FF%FE',
    '//digit',
    '/digit.png?seed=a#b',
    '/..%2f..%2f',
    '/digit.json?__proto__=1&constructor=2&toString=3',
  ])('are never a 500 for a malformed URL: %s', async (path) => {
    expect((await sendRaw(worker.url, path)).status).toBeLessThan(500);
  });
});
