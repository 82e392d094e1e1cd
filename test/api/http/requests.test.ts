/**
 * Tests abnormal requests over HTTP in the real runtime: other methods, bodies, endless URLs,
 * unknown media types. They are sent raw, because fetch would normalise or refuse some of them.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as v from 'valibot';
import { problemSchema } from '../../../shared/contract/answers.ts';
import { LIMITS } from '../../../shared/contract/limits.ts';
import { OPERATIONS } from '../../../worker/app.ts';
import { HOSTILE_TEXTS } from '../../support/hostile-texts.ts';
import { sendBeforeReading, sendRaw, type RawAnswer } from '../../support/hosts/raw-request.ts';
import { RUNTIME, startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker();
});
afterAll(() => worker.close());

const send = (
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: Buffer,
): Promise<RawAnswer> => sendRaw(worker.url, path, { method, headers, ...(body && { body }) });

const readCode = ({ body }: RawAnswer) => v.parse(problemSchema, JSON.parse(body)).code;

/** A path of each route, and the methods that it takes. */
const PATHS = new Map<string, string[]>();
for (const { routes, method } of OPERATIONS.filter((each) => each.kind !== 'owner')) {
  for (const path of routes.map(fillIn)) {
    const methods = [...(method === undefined ? ['GET', 'HEAD'] : [method]), 'OPTIONS'];
    PATHS.set(path, [...(PATHS.get(path) ?? []), ...methods]);
  }
}

/** The owner's paths, by method. */
const OWNER_PATHS = OPERATIONS.filter(({ kind }) => kind === 'owner').flatMap(
  ({ routes, method = 'GET' }) => routes.map((route) => ({ method, path: fillIn(route) })),
);

function fillIn(route: string): string {
  return route.replaceAll(/:\w+/g, '7');
}

test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND'])(
  'every route refuses %s and lists its methods',
  async (method) => {
    for (const [path, methods] of PATHS) {
      if (methods.includes(method)) {
        continue;
      }
      const answer = await send(method, path);
      expect([path, answer.status]).toEqual([path, 405]);
      expect(answer.allow?.split(', ').toSorted()).toEqual([...new Set(methods)].toSorted());
      if (!/\.(?:png|gif|svg|txt)$/.test(path)) {
        expect([path, answer.type, readCode(answer)]).toEqual([
          path,
          'application/problem+json',
          'method_not_allowed',
        ]);
      }
    }
    expect((await send(method, '/nowhere')).status).toBe(404);
  },
);

test.each(['PUT', 'PATCH', 'TRACE', 'OPTIONS', 'PROPFIND'])(
  'the routes of jobs refuse %s and list their methods',
  async (method) => {
    for (const { path } of OWNER_PATHS) {
      const taken = new Set(
        OWNER_PATHS.filter((each) => each.path === path).flatMap((each) =>
          each.method === 'GET' ? ['GET', 'HEAD'] : each.method,
        ),
      );
      const answer = await send(method, path);
      expect([path, answer.status, readCode(answer), answer.allow]).toEqual([
        path,
        405,
        'method_not_allowed',
        [...taken].join(', '),
      ]);
    }
  },
);

test('jobs are off for everyone without a secret or a queue', async () => {
  for (const headers of [
    {},
    { authorization: 'Bearer' },
    { authorization: `Bearer ${'x'.repeat(64)}` },
  ]) {
    for (const { method, path } of OWNER_PATHS) {
      const answer = await send(method, `${path}?n=1&seed=a`, headers);
      expect([path, answer.status, readCode(answer)]).toEqual([path, 501, 'jobs_off']);
    }
  }
  const { body } = await send('POST', '/jobs');
  expect(v.parse(problemSchema, JSON.parse(body)).detail).toContain(
    RUNTIME === 'node' ? 'host without a queue' : 'no JOBS_SECRET is set',
  );
});

test('no method, path or body changes the published or the served models', async () => {
  const look = async () => {
    const { objects } = await worker.bucket.list();
    const { model } = JSON.parse((await send('GET', '/healthz')).body) as { model: object };
    return { keys: objects.map(({ key }) => key).toSorted(), model };
  };
  await worker.bucket.put('models/kept/note.txt', 'kept');
  const before = await look();
  const body = Buffer.from('{"schema":1,"default":"evil","models":{}}');
  for (const method of [
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'PURGE',
    'COPY',
    'MOVE',
    'MKCOL',
    'LOCK',
  ]) {
    for (const path of [
      '/',
      '/models',
      '/models/kept',
      '/models/kept/note.txt',
      '/current.json',
      '/admin',
      '/publish',
      '/healthz?reload=1',
    ]) {
      const headers = {
        'content-type': 'application/json',
        'x-http-method-override': 'DELETE',
        'x-method-override': 'PUT',
      };
      expect([method, path, (await send(method, path, headers, body)).status]).toEqual([
        method,
        path,
        expect.toSatisfy(
          (status: number) => status === 404 || status === 405 || status === 501,
        ) as unknown,
      ]);
    }
  }
  // A header or a parameter cannot override the method either.
  expect(
    (await send('GET', '/models?_method=DELETE', { 'x-http-method-override': 'DELETE' })).status,
  ).toBe(200);
  expect(await look()).toEqual(before);
});

test.each(Object.entries(HOSTILE_TEXTS))(
  '%s is answered without header injection',
  async (_, text) => {
    for (const path of [
      `/digit.svg?seed=${text}`,
      `/digit.json?n=1&${text}=1`,
      `/digit/${text}.png`,
      `/errors/${text}`,
      `/${text}`,
    ]) {
      const { status, headers } = await send('GET', path);
      expect([path, status, status < 500]).toEqual([path, status, true]);
      expect(headers['x-hostile']).toBeUndefined();
    }
  },
);

test('only published models are read, however a path is written', async () => {
  const version = '0123456789abcdef';
  await worker.bucket.put('secret.txt', 'top secret');
  await worker.bucket.put('models/secret.txt', 'top secret');
  await worker.bucket.put(`models/kept/${version}/secret.txt`, 'top secret');
  const upwards = [
    '..',
    '%2e%2e',
    '.%2e',
    '%252e%252e',
    '..%2f..',
    '%2e%2e%2f%2e%2e',
    '..%5c..',
    '..%00',
    '%c0%ae%c0%ae',
    '....',
    '..;',
  ];
  for (const up of upwards) {
    for (const path of [
      `/models/${up}/secret.txt`,
      `/models/${up}%2fsecret.txt`,
      `/models/kept/${up}/secret.txt`,
      `/models/kept/${version}/${up}/secret.txt`,
      `/models/kept/${version}/${up}%2f${up}%2fsecret.txt`,
      `/models/kept/${version}/secret.txt`,
      `/models/${up}/${version}/model.json`,
      `/digit.json?model=${up}@${version}`,
      `/digit.json?model=kept@${up}%2fsecret.txt`,
      `/assets/${up}/server.js`,
      `/assets/${up}%2fserver.js`,
    ]) {
      const { status, body } = await send('GET', path);
      expect([path, [400, 404].includes(status), body.includes('top secret')]).toEqual([
        path,
        true,
        false,
      ]);
    }
  }
});

test('OPTIONS is answered by the API and by pages, as load balancers ask for their health', async () => {
  for (const [path, methods] of PATHS) {
    const { status, allow } = await send('OPTIONS', path);
    expect([path, status, allow?.split(', ').toSorted()]).toEqual([
      path,
      204,
      [...new Set(methods)].toSorted(),
    ]);
  }
});

test('no route reads a body, however large', async () => {
  const without = await send('GET', '/digit.json?seed=a');
  const large = Buffer.alloc(8 * 1024 * 1024);
  // workerd closes the connection of a large body of a GET, so it gets the first bytes.
  const start = RUNTIME === 'node' ? large : large.subarray(0, 7);
  for (const [body, length] of [
    [Buffer.from('{"n":5}'), 7] as const,
    [start, large.length] as const,
  ]) {
    const ask = (method: string) =>
      sendRaw(worker.url, '/digit.json?seed=a', {
        method,
        headers: { 'content-type': 'application/json' },
        body,
        length,
      });
    const { status, body: answered } = await ask('GET');
    expect([status, answered]).toEqual([without.status, without.body]);
    expect((await ask('POST')).status).toBe(405);
  }
  expect((await send('GET', '/healthz')).status).toBe(200);
});

test('a slash too much leads to the path without it, on the same host', async () => {
  for (const [path, location] of [
    ['/digit.png/?seed=a&n=2', '/digit.png?seed=a&n=2'],
    ['/docs//', '/docs/'],
    ['/%0D%0Aa:b/', '/%0D%0Aa:b'],
    ['//elsewhere.example/', '//elsewhere.example'],
  ] as const) {
    const { status, headers } = await send('GET', path);
    expect([status, headers.location]).toEqual([308, worker.url.origin + location]);
    expect(headers['access-control-allow-origin']).toBe('*');
  }
  expect((await send('POST', '/hand/')).status).toBe(404);
});

test.each([
  ['/DIGIT.PNG', '/digit?n=16'],
  ['/dataset', '/dataset.'],
  ['/number', '/number/2026'],
  ['/openapi.yaml', '/openapi.json'],
  ['/health', '/healthz'],
  ['/model/digits', '/models'],
  ['/nowhere', '/digit?n=16'],
])('a 404 at %s names a path near it', async (path, near) => {
  const answer = await send('GET', path, { accept: 'application/problem+json' });
  expect(v.parse(problemSchema, JSON.parse(answer.body)).detail).toContain(`Try ${near}`);
});

test('a client that sends all of a large body before it reads gets the answer', async () => {
  const body = Buffer.alloc(12 * 1024 * 1024);
  for (const [line, status] of [
    ['POST /hand HTTP/1.1', 413],
    ['PUT /digit.json HTTP/1.1', 405],
    ['POST /nowhere HTTP/1.1', 404],
  ] as const) {
    expect(await sendBeforeReading(worker.url, line, body)).toContain(`HTTP/1.1 ${status} `);
  }
});

test('a URL over the limit is a 414, whichever part is long; a URL at the limit is read', async () => {
  const build = (length: number) => [
    `/${'a'.repeat(length - 1)}`,
    `/digit.json?seed=${'a'.repeat(length - 17)}`,
    `/number/${'1'.repeat(length - 8)}`,
    `/oembed?url=${'a'.repeat(length - 12)}`,
  ];
  expect(
    await Promise.all(
      build(LIMITS.maxUrlLength).map(async (path) => (await send('GET', path)).status),
    ),
  ).toEqual([404, 400, 400, 404]);
  // Node's server accepts heads of at most 32 KiB.
  for (const length of [LIMITS.maxUrlLength + 1, 16_000, RUNTIME === 'node' ? 30_000 : 60_000]) {
    for (const path of build(length)) {
      const answer = await send('GET', path);
      expect([answer.status, answer.type, readCode(answer)]).toEqual([
        414,
        'application/problem+json',
        'url_too_long',
      ]);
    }
  }
  // The runtime itself refuses a megabyte, with its own message.
  expect([414, 431]).toContain(
    (await send('GET', `/digit.json?seed=${'a'.repeat(1_000_000)}`)).status,
  );
  expect((await send('GET', '/digit.json')).status).toBe(200);
});

test.each([
  'text/html',
  'application/xml, text/*;q=0',
  'foo/bar',
  'image/*;q=0',
  'application/octet-stream',
])(
  'an unknown media type is a 406 when Accept decides, and ignored when the path decides: %s',
  async (accept) => {
    for (const path of ['/digit', '/digit/7', '/number/42', '/morph']) {
      const answer = await send('GET', path, { accept });
      expect([path, answer.status, readCode(answer)]).toEqual([path, 406, 'not_acceptable']);
    }
    for (const path of [
      '/digit.png',
      '/digit?format=json',
      '/morph.gif?n=2&frames=1',
      '/dataset.npy?n=1',
      '/limits',
      '/docs',
    ]) {
      expect([path, (await send('GET', path, { accept })).status]).toEqual([path, 200]);
    }
  },
);
