/**
 * Tests the server on a real bucket behind a faulty proxy: the last good model serves, health names
 * the reason, and the next refresh heals.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { MANIFEST_FILE, POINTER_KEY, WEIGHTS_FILE } from '../../shared/model/artifact.ts';
import { healthSchema } from '../../shared/contract/answers.ts';
import { createS3Store } from '../../storage/s3-store.ts';
import {
  buildS3Error,
  startFaultyProxy,
  type Fault,
  type FaultyProxy,
  type Spoiling,
} from '../support/storage/faulty-proxy.ts';
import { buildFixture, type Fixture } from '../support/models/fixture-artifact.ts';
import { startServer, type TestServer } from '../support/hosts/node-server.ts';
import { publishFixture } from '../support/models/published.ts';
import { hasVersitygw, startVersitygw, type S3Server } from '../support/storage/s3-server.ts';
import { waitUntil } from '../support/hosts/workerd.ts';

const READS = {
  pointer: POINTER_KEY,
  manifest: MANIFEST_FILE,
  'file of weights': WEIGHTS_FILE,
} as const;
type Read = keyof typeof READS;
const ALL = Object.keys(READS) as Read[];

const refuse = (status: number, code: string, headers = {}): Fault => ({
  do: 'answer',
  status,
  headers,
  body: buildS3Error(code),
});
const spoil = (how: Spoiling): Fault => ({ do: 'spoil', how });
const storage = () => 'storage';

/**
 * Each case has the fault, the reason that health reports, and the affected reads. A fault that
 * takes the whole timeout is tried with one read only.
 */
const FAULTS: readonly (readonly [
  what: string,
  fault: Fault,
  reason: (read: Read) => string,
  reads?: readonly Read[],
])[] = [
  ['loses its connection', { do: 'drop' }, storage],
  ['loses its connection when it was answered', { do: 'cut' }, storage],
  ['is never answered', { do: 'stall' }, storage, ['pointer']],
  ['is a 500', refuse(500, 'InternalError'), storage],
  ['is a 503 SlowDown', refuse(503, 'SlowDown', { 'retry-after': '1' }), storage],
  ['is a 429', refuse(429, 'TooManyRequests', { 'retry-after': '1' }), storage],
  // S3 says the same of a missing object to whoever may not list.
  [
    'is refused',
    refuse(403, 'AccessDenied'),
    (read) => (read === 'pointer' ? 'storage' : 'missing'),
  ],
  ['is refused for its signature', refuse(403, 'SignatureDoesNotMatch'), storage],
  ['finds no such bucket', refuse(404, 'NoSuchBucket'), storage],
  ['finds no such key', refuse(404, 'NoSuchKey'), () => 'missing'],
  [
    'is sent elsewhere',
    refuse(301, 'PermanentRedirect', { location: 'http://127.0.0.1:1/' }),
    storage,
  ],
  [
    'is told that nothing changed, unasked',
    { do: 'answer', status: 304 },
    storage,
    ['manifest', 'file of weights'],
  ],
  ['gets a page', { do: 'answer', status: 200, body: '<!doctype html>' }, storage],
  [
    'gets a page with an ETag',
    { do: 'answer', status: 200, headers: { etag: '"e"' }, body: '<!doctype html>' },
    (read) => (read === 'file of weights' ? 'size_mismatch' : 'not_json'),
  ],
  ['is cut in the middle', spoil('cut in the middle'), storage],
  [
    'is altered',
    spoil('altered'),
    (read) => (read === 'file of weights' ? 'hash_mismatch' : 'not_json'),
  ],
  ['drips', spoil('dripping'), storage, ['file of weights']],
  ['is shorter than told', spoil('shorter than told'), storage, ['manifest']],
  [
    'is longer than told',
    spoil('longer than told'),
    (read) => (read === 'file of weights' ? 'size_mismatch' : 'not_json'),
  ],
];

describe.skipIf(!hasVersitygw())('a read of the bucket', () => {
  let s3: S3Server;
  let proxy: FaultyProxy;
  let server: TestServer;
  let active: { readonly key: string; readonly fault: Fault } | undefined;
  const env = (endpoint: string) => ({
    MODELS: `s3://${s3.bucket}`,
    MODEL_REFRESH_SECONDS: '0.1',
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
  });
  let count = 0;
  let last: { fixture: Fixture; bytes: string };

  beforeAll(async () => {
    s3 = await startVersitygw();
    proxy = await startFaultyProxy(s3.endpoint, (_, { url }) =>
      active !== undefined && url?.split('?')[0]?.endsWith(active.key) === true
        ? active.fault
        : { do: 'pass' },
    );
    last = await publishNext();
    server = await startServer({ env: env(proxy.endpoint) });
    last = { ...last, bytes: await healedTo(server, last.fixture) };
  });
  afterAll(async () => {
    await server.stop();
    await proxy.close();
    await s3.stop();
  });

  const askHealth = async (asked: TestServer) =>
    v.parse(healthSchema, await (await asked.fetch('/healthz')).json());

  async function publishNext() {
    const fixture = buildFixture({ weightsSeed: `version ${++count}` });
    await publishFixture(createS3Store({ ...s3, prefix: '' }), fixture);
    return { fixture, bytes: '' };
  }

  async function draw(asked: TestServer): Promise<string> {
    const answer = await asked.fetch('/digit.png?seed=a&n=3');
    expect(answer.status).toBe(200);
    return Buffer.from(await answer.arrayBuffer()).toString('base64');
  }

  /** @returns  The bytes that the model draws. */
  async function healedTo(asked: TestServer, { manifest }: Fixture): Promise<string> {
    await waitUntil(
      () => askHealth(asked),
      ({ status, model }) => status === 'ok' && model?.version === manifest.version,
    );
    return draw(asked);
  }

  const CASES = FAULTS.flatMap(([what, fault, reason, reads = ALL]) =>
    reads.map((read) => ({ read, what, fault, reason: reason(read) })),
  );

  test.each(CASES)(
    'of the $read that $what leaves the last good model serving',
    async ({ read, fault, reason }) => {
      active = { key: READS[read], fault };
      const { fixture } = await publishNext();
      await waitUntil(
        async () => {
          expect(await draw(server)).toBe(last.bytes);
          return (await askHealth(server)).lastError?.reason;
        },
        (told) => told === reason,
      );
      active = undefined;
      const bytes = await healedTo(server, fixture);
      expect(bytes).not.toBe(last.bytes);
      last = { fixture, bytes };
    },
  );

  test.each(['drop', 'stall'] as const)(
    'that fails at the start (%s) leaves the bundled model serving',
    async (kind) => {
      active = { key: POINTER_KEY, fault: { do: kind } };
      const fresh = await startServer({ env: env(proxy.endpoint) });
      expect(await askHealth(fresh)).toMatchObject({
        status: 'degraded',
        model: { source: 'bundled' },
        lastError: { reason: 'storage' },
      });
      active = undefined;
      expect(await healedTo(fresh, last.fixture)).toBe(last.bytes);
      await fresh.stop();
    },
  );

  test('never reveals a credential, an address or a key of the bucket to a client or the log', async () => {
    const log = server.readLogs().join('\n');
    expect(log).toContain('model_refresh_failed');
    for (const secret of [
      s3.credentials.secretAccessKey,
      s3.credentials.accessKeyId,
      'Signature=',
      'Credential=',
    ]) {
      expect(log).not.toContain(secret);
    }
  });
});
