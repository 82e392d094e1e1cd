/**
 * Tests the headers of every route in the real runtimes: they protect pages and readers, and let
 * other origins embed the pictures.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OPERATIONS } from '../../../worker/app.ts';
import { RUNTIME, startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker();
});
afterAll(() => worker.close());

const PAGES = OPERATIONS.filter(({ kind }) => kind === 'page').flatMap(({ examples }) => examples);
const INTERFACE = OPERATIONS.filter(({ kind }) => kind === 'api').flatMap(
  ({ examples }) => examples,
);
const ERRORS = [
  '/nothing',
  '/digit.json?n=0',
  '/digit.png?n=0',
  '/digit.svg?n=0',
  '/digit.txt?n=0',
  '/morph.gif?n=0',
  '/errors/nothing',
];

const ask = async (path: string) => {
  const { headers, body } = await worker.fetch(path);
  await body?.cancel();
  return headers;
};

describe.each([...PAGES, ...INTERFACE, ...ERRORS])('%s', (path) => {
  let headers: Headers;
  beforeAll(async () => {
    headers = await ask(path);
  });

  test('has an exact media type, demands HTTPS on Workers, and has a request id', () => {
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    // On Node it is off until HSTS_SECONDS asks for it: it binds all services of the host.
    expect(headers.get('strict-transport-security')).toBe(
      RUNTIME === 'workerd' ? 'max-age=31536000' : null,
    );
    expect(headers.get('request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.get('content-type')).toMatch(
      /^[a-z]+\/[a-z+.-]+(?:; charset=utf-8)?(?:; header=present)?$/i,
    );
  });

  test('sets no cookie, asks for no credentials and does not name the server software', () => {
    for (const name of [
      'set-cookie',
      'access-control-allow-credentials',
      'server',
      'x-powered-by',
      'www-authenticate',
      'refresh',
    ]) {
      expect([name, headers.get(name)]).toEqual([name, null]);
    }
  });
});

describe.each(PAGES)('the page %s', (path) => {
  let headers: Headers;
  let policy: Map<string, string>;
  beforeAll(async () => {
    headers = await ask(path);
    policy = new Map(
      (headers.get('content-security-policy') ?? '').split('; ').map((rule) => {
        const [name = '', ...sources] = rule.split(' ');
        return [name, sources.join(' ')];
      }),
    );
  });

  const isReading = /^\/(?:docs|learn)/.test(path);
  const isScripted = isReading || ['/', '/hand'].includes(path);

  test('loads nothing from other origins, and runs no inline script or style', () => {
    expect(policy.get('default-src')).toBe("'none'");
    for (const [name, sources] of policy) {
      expect([name, sources]).toEqual([
        name,
        expect.stringMatching(/^(?:'none'|'self'|'self' blob:)$/),
      ]);
    }
    expect(policy.get('style-src')).toBe("'self'");
    expect(policy.get('script-src')).toBe(isScripted ? "'self'" : undefined);
    expect(policy.get('connect-src')).toBe("'self'");
    expect(
      [...policy].filter(([, sources]) => sources.includes('blob:')).map(([name]) => name),
    ).toEqual(isScripted ? ['img-src'] : []);
  });

  test('cannot be framed, and cannot change its base or send a form elsewhere', () => {
    expect(['frame-ancestors', 'base-uri', 'form-action'].map((name) => policy.get(name))).toEqual([
      "'none'",
      "'none'",
      isReading ? "'self'" : "'none'", // The search.
    ]);
    expect(headers.get('x-frame-options')).toBe('DENY');
  });

  test('cannot be read by other origins, is alone in its window group, and sends no referrer', () => {
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('permissions-policy')).toBe('camera=(), geolocation=(), microphone=()');
  });
});

describe.each([...INTERFACE, ...ERRORS])('the API path %s', (path) => {
  test('may be embedded and read by every origin without credentials, and is not indexed', async () => {
    const headers = await ask(path);
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(headers.get('cross-origin-resource-policy')).toBe('cross-origin');
    expect(headers.get('timing-allow-origin')).toBe('*');
    expect(headers.get('x-robots-tag')).toBe('noindex');
    for (const name of ['Retry-After', 'RateLimit-Policy', 'Digitmint-Seed', 'Request-Id']) {
      expect(headers.get('access-control-expose-headers')?.split(', ')).toContain(name);
    }
  });
});

test('an SVG picture has no script and loads nothing', async () => {
  for (const path of ['/digit.svg', '/number/7.svg', '/digit.svg?n=0', '/digit.svg?dark_fg=fff']) {
    const headers = await ask(path);
    expect(headers.get('content-type')).toBe('image/svg+xml');
    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'(?:; style-src 'unsafe-inline')?$/,
    );
  }
});

test('no published file can act as a page', async () => {
  const { model } = (await (await worker.fetch('/healthz')).json()) as {
    model: { name: string; version: string };
  };
  for (const file of ['model.json', 'weights.bin', 'manifest.json']) {
    const headers = await ask(`/models/${model.name}/${model.version}/${file}`);
    expect(headers.get('content-type')).toMatch(/^application\/(?:json|octet-stream)$/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  }
});

test('the page loads only its own files, and its web worker may compile wasm', async () => {
  const page = await (await worker.fetch('/')).text();
  const files = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(
    ([, path]) => path as string,
  );
  expect(files.length).toBeGreaterThan(1);
  for (const path of files) {
    const headers = await ask(path);
    expect([
      path,
      headers.get('cross-origin-resource-policy'),
      headers.get('x-content-type-options'),
    ]).toEqual([path, 'same-origin', 'nosniff']);
    expect(headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'",
    );
    expect(headers.get('access-control-allow-origin')).toBeNull();
  }
});
