/**
 * Tests the request log in the real runtimes: it can be counted, and holds no text of the client.
 */
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { POINTER_KEY } from '../../../shared/model/artifact.ts';
import { buildFixture, buildPointer } from '../../support/models/fixture-artifact.ts';
import {
  putArtifact,
  startWorker,
  waitUntil,
  type TestWorker,
} from '../../support/hosts/runtime.ts';

const [first, second] = [
  buildFixture({ weightsSeed: 'first' }),
  buildFixture({ weightsSeed: 'second' }),
];

interface Line {
  readonly event: string;
  readonly requestId?: string;
  readonly [field: string]: unknown;
}

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker();
});
afterAll(() => worker.close());

const readLines = (): Line[] =>
  worker.readLogs().flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Line] : []));
const find = (isWished: (line: Line) => boolean) =>
  waitUntil(
    async () => readLines().find(isWished),
    (line) => line !== undefined,
  ) as Promise<Line>;

/** Texts of the requests below that must never be in a line. */
const SECRETS = {
  seed: 'seed-of-somebody',
  number: '15551234567',
  label: 'label-of-somebody',
  unknown: 'parameter-of-somebody',
  path: 'path-of-somebody',
  address: '203.0.113.77',
  agent: 'agent-of-somebody',
  referer: 'referer-of-somebody',
  cookie: 'cookie-of-somebody',
  token: 'token-of-somebody',
  body: 'body-of-somebody',
};

test('each request has one line with its id, route, status and model', async () => {
  const answer = await worker.fetch(`/digit/7.png?seed=${SECRETS.seed}`);
  const requestId = answer.headers.get('request-id');
  const line = await find((each) => each.requestId === requestId);
  expect(line).toEqual({
    level: 'info',
    event: 'request',
    method: 'GET',
    status: 200,
    requestId,
    route: '/digit/:label',
    model: answer.headers.get('digitmint-model'),
    source: 'bundled',
    ms: expect.any(Number) as unknown,
  });
  const error = await worker.fetch(`/number/${SECRETS.number}.json?scale=99`);
  expect(await find((each) => each.requestId === error.headers.get('request-id'))).toMatchObject({
    route: '/number/:digits',
    status: 400,
    code: 'invalid_parameter',
  });
  const ids = readLines().flatMap((each) => (each.event === 'request' ? [each.requestId] : []));
  expect(new Set(ids).size).toBe(ids.length);
});

test('no line reveals who sent a request or its parameters', async () => {
  const { seed, number, label, unknown, path, address, agent, referer, cookie, token, body } =
    SECRETS;
  const headers = {
    'cf-connecting-ip': address,
    'x-forwarded-for': address,
    'user-agent': agent,
    referer: `https://example.org/${referer}`,
    cookie: `session=${cookie}`,
    authorization: `Bearer ${token}`,
    accept: 'image/png',
  };
  const paths = [
    `/digit.png?seed=${seed}&${unknown}=1`,
    `/digit?strict=1&${unknown}=1`,
    `/digit/${label}.json`,
    `/digit.json?label=${label}&model=${path}`,
    `/number/${number}.png?seed=${seed}`,
    `/morph.gif?digits=${number}&n=2`,
    `/dataset.csv?seed=${seed}&n=3`,
    `/models/${path}`,
    `/models/${path}/0123456789abcdef/model.json`,
    `/errors/${path}`,
    `/oembed?url=https://example.org/${path}`,
    `/${path}`,
    `/${path}/${'x'.repeat(5000)}`,
    `/digit.json?model=digits@0123456789abcdef&seed=${seed}`,
  ];
  const ids: (string | null)[] = [];
  for (const each of paths) {
    const answer = await worker.fetch(each, { headers });
    await answer.arrayBuffer();
    ids.push(answer.headers.get('request-id'));
  }
  const posted = await worker.fetch(`/digit?seed=${seed}`, { method: 'POST', headers, body });
  ids.push(posted.headers.get('request-id'));
  for (const id of ids) {
    await find((line) => line.event === 'request' && line.requestId === id);
  }
  const log = worker.readLogs().join('\n');
  for (const [what, secret] of Object.entries(SECRETS)) {
    expect([what, log.includes(secret)]).toEqual([what, false]);
  }
  expect(JSON.stringify(readLines().filter(({ event }) => event === 'request'))).not.toMatch(
    /127\.0\.0\.1|::1/,
  );
});

test('model switches, failures and the fallback can be counted', async () => {
  const [from, to] = [first, second].map(({ manifest }) => `fixture@${manifest.version}`);
  expect(await find(({ event }) => event === 'model_refresh_failed')).toMatchObject({
    level: 'warn',
    reason: 'missing',
  });
  for (const fixture of [first, second]) {
    await putArtifact(worker.bucket, fixture);
    await worker.bucket.put(POINTER_KEY, buildPointer(fixture));
    const name = `fixture@${fixture.manifest.version}`;
    await waitUntil(
      async () => (await worker.fetch('/digit.png')).headers.get('digitmint-model'),
      (model) => model === name,
    );
  }
  expect(await find(({ event, to: next }) => event === 'model_switched' && next === to)).toEqual({
    level: 'info',
    event: 'model_switched',
    isDefault: true,
    from,
    to,
  });
  await worker.bucket.put(POINTER_KEY, 'oops');
  await waitUntil(
    async () => ((await (await worker.fetch('/healthz')).json()) as { status: string }).status,
    (status) => status === 'degraded',
  );
  expect(
    await find(({ event, reason }) => event === 'model_refresh_failed' && reason === 'not_json'),
  ).toMatchObject({
    level: 'error',
  });
  const sources = readLines().flatMap(({ event, source }) =>
    event === 'request' && source !== undefined ? [source] : [],
  );
  expect(new Set(sources)).toEqual(new Set(['bundled', 'r2']));
});

test('an upload that breaks off is the caller’s error, not the service’s', async () => {
  const before = readLines().length;
  const socket = connect(Number(worker.url.port), worker.url.hostname);
  socket.on('error', () => undefined);
  socket.end('POST /hand HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n[1,');
  await waitUntil(
    async () => readLines().slice(before),
    (lines) => lines.length > 0,
  );
  expect((await worker.fetch('/healthz')).status).toBe(200);
  const events = readLines().map(({ event }) => event);
  expect(events.slice(before)).not.toContain('request_failed');
});
