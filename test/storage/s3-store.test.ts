import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { format, inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ExpectedError } from '../../shared/expected-error.ts';
import { formatLogLine } from '../../worker/http/log.ts';
import { StorageError, type StorageFailure } from '../../storage/object-store.ts';
import { describeError, toStorageFailure } from '../../storage/s3-error.ts';
import { createS3Store, type S3StoreOptions } from '../../storage/s3-store.ts';
import {
  buildS3Error,
  startFaultyProxy,
  type Fault,
  type FaultyProxy,
} from '../support/storage/faulty-proxy.ts';
import { catchStorageFailure, listKeys } from '../support/storage/object-store-contract.ts';
import {
  findFreePort,
  hasVersitygw,
  startVersitygw,
  startWrangler,
  type S3Server,
} from '../support/storage/s3-server.ts';

const utf8 = new TextEncoder();
const absent = null;
const buildFreshKey = (): string => `faults/${randomUUID()}.json`;

/** A fake clock, so that no test waits between attempts. */
function createWaiting(): {
  waits: number[];
  sleep: (ms: number) => Promise<void>;
  random: () => number;
} {
  const waits: number[] = [];
  return { waits, random: () => 1, sleep: (ms) => Promise.resolve(void waits.push(ms)) };
}

const servers: [name: string, isThere: boolean, start: () => Promise<S3Server>][] = [
  ["wrangler's local S3 endpoint", true, startWrangler],
  ['versitygw (installed by dev/install-versitygw.sh)', hasVersitygw(), startVersitygw],
];

describe.each(servers)('an S3 store on %s', (_name, isThere, start) => {
  describe.skipIf(!isThere)('that is up', () => {
    let server: S3Server;
    let proxy: FaultyProxy | undefined;
    beforeAll(async () => {
      server = await start();
    });
    afterEach(async () => {
      await proxy?.close();
      proxy = undefined;
    });
    afterAll(async () => {
      await server?.stop();
    });

    /** Opens a store whose first requests meet the given faults, in order. */
    async function openThroughFaults(
      faults: readonly Fault[],
      options: Partial<S3StoreOptions> = {},
    ): Promise<ReturnType<typeof createS3Store>> {
      proxy = await startFaultyProxy(server.endpoint, (index) => faults[index] ?? { do: 'pass' });
      return createS3Store({
        ...server,
        endpoint: proxy.endpoint,
        waiting: createWaiting(),
        ...options,
      });
    }

    describe('through a proxy that refuses conditional puts, as some stores do', () => {
      const [both, ifMatch] = [['if-none-match', 'if-match'], ['if-match']] as const;

      async function openRefusing(refused: readonly string[], allowUnsafeConditions: boolean) {
        proxy = await startFaultyProxy(server.endpoint, (_index, { method, headers }) =>
          method === 'PUT' && refused.some((name) => headers[name] !== undefined)
            ? { do: 'answer', status: 501, body: buildS3Error('NotImplemented') }
            : { do: 'pass' },
        );
        const { endpoint } = proxy;
        const options = { endpoint, waiting: createWaiting(), allowUnsafeConditions };
        return createS3Store({ ...server, ...options });
      }

      it('fails, and says so, unless unsafe conditions are allowed', async () => {
        const store = await openRefusing(both, false);
        const put = store.put(buildFreshKey(), utf8.encode('x'), absent);
        expect((await catchStorageFailure(put)).reason).toBe('unsupported');
        expect(store.hasUnsafeConditions?.()).toBe(false);
      });

      it.each([['both', both] as const, ['If-Match', ifMatch] as const])(
        'checks the conditions by reading where they are allowed: %s refused',
        async (_what, refused) => {
          const store = await openRefusing(refused, true);
          const key = buildFreshKey();
          expect(await store.put(key, utf8.encode('one'), absent)).toBe(true);
          expect(store.hasUnsafeConditions?.()).toBe(refused.length === 2);
          expect(await store.put(key, utf8.encode('two'), absent)).toBe(false);
          const etag = (await store.get(key))?.etag ?? '';
          const swap = (text: string) => store.put(key, utf8.encode(text), etag);
          expect(await swap('three')).toBe(true);
          expect(await swap('four')).toBe(false);
          expect((await store.get(key))?.bytes).toEqual(utf8.encode('three'));
          expect(store.hasUnsafeConditions?.()).toBe(true);
          expect(await store.put(buildFreshKey(), utf8.encode('x'), etag)).toBe(false);
        },
      );
    });

    it('reports that a wrong secret was refused', async () => {
      const store = createS3Store({
        ...server,
        credentials: { ...server.credentials, secretAccessKey: 'a-wrong-secret' },
      });
      const failure = await catchStorageFailure(
        store.put(buildFreshKey(), utf8.encode('x'), absent),
      );
      expect(failure).toEqual({
        reason: 'credentials_refused',
        detail: 'HTTP 403 SignatureDoesNotMatch',
      });
    });

    it('reports that an unknown access key was refused', async () => {
      const store = createS3Store({
        ...server,
        credentials: { ...server.credentials, accessKeyId: 'nobody' },
      });
      expect((await catchStorageFailure(store.get(buildFreshKey()))).reason).toBe(
        'credentials_refused',
      );
    });

    it('reports that the region is wrong, or ignores it as R2 does', async () => {
      const store = createS3Store({ ...server, region: 'mars-north-1' });
      const outcome = await store.list('').then(
        () => 'does not mind',
        (error: StorageError) => error.failure.reason,
      );
      expect(['wrong_region', 'credentials_refused', 'does not mind']).toContain(outcome);
    });

    it('reports that the bucket does not exist', async () => {
      const store = createS3Store({ ...server, bucket: 'another-bucket' });
      const reasons = new Set<string>();
      for (const call of [
        () => store.get(buildFreshKey()),
        () => store.put(buildFreshKey(), utf8.encode('x'), absent),
        () => store.list(''),
      ]) {
        reasons.add((await catchStorageFailure(call())).reason);
      }
      expect([...reasons]).toEqual(['no_bucket']);
    });

    it('recognises its own object when the answer to a create was lost', async () => {
      // The time of each attempt, that of the read-back too, is that of its payload.
      const store = await openThroughFaults([{ do: 'cut' }], { timeoutMs: 1 });
      const key = buildFreshKey();
      const put = await store.put(key, new Uint8Array(2 ** 21), absent);
      expect(proxy?.seen.map((line) => line.split(' ')[0])).toEqual(['PUT', 'PUT', 'GET']);
      expect(put).toBe(true);
    });

    it('recognises its own object when the answer to a replacement was lost', async () => {
      const key = buildFreshKey();
      const store = await openThroughFaults([{ do: 'pass' }, { do: 'pass' }, { do: 'cut' }]);
      await store.put(key, utf8.encode('old'), absent);
      const old = await store.get(key);
      expect(await store.put(key, utf8.encode('new'), old?.etag ?? '')).toBe(true);
      expect((await store.get(key))?.bytes).toEqual(utf8.encode('new'));
    });

    it('does not mistake another writer’s object for its own after a lost answer', async () => {
      const key = buildFreshKey();
      await createS3Store(server).put(key, utf8.encode('theirs'), absent);
      const store = await openThroughFaults([{ do: 'drop' }]);
      expect(await store.put(key, utf8.encode('mine'), absent)).toBe(false);
    });

    it.each([
      ['a lost connection', { do: 'drop' }],
      ['503 SlowDown', { do: 'answer', status: 503, body: buildS3Error('SlowDown') }],
      [
        '429, as R2 answers a second write to a key within a second',
        { do: 'answer', status: 429, body: buildS3Error('TooManyRequests') },
      ],
      [
        '409 ConditionalRequestConflict',
        { do: 'answer', status: 409, body: buildS3Error('ConditionalRequestConflict') },
      ],
      ['500 InternalError', { do: 'answer', status: 500, body: buildS3Error('InternalError') }],
    ] satisfies [string, Fault][])('retries after %s', async (_what, fault) => {
      const waiting = createWaiting();
      const store = await openThroughFaults([fault, fault, fault], { waiting });
      const key = buildFreshKey();
      expect(await store.put(key, utf8.encode('in the end'), absent)).toBe(true);
      expect(waiting.waits).toEqual([400, 800, 1600]);
      expect((await store.get(key))?.bytes).toEqual(utf8.encode('in the end'));
    });
  });
});

describe('an S3 store on a faulty server', () => {
  const credentials = {
    accessKeyId: 'AKIA-THE-ACCESS-KEY',
    secretAccessKey: 'the/secret+access=key',
    sessionToken: 'the-session-token',
  };
  let proxy: FaultyProxy | undefined;
  afterEach(async () => {
    await proxy?.close();
    proxy = undefined;
  });

  async function openAlways(
    fault: Fault,
    options: Partial<S3StoreOptions> = {},
  ): Promise<ReturnType<typeof createS3Store>> {
    proxy = await startFaultyProxy('http://127.0.0.1:9', () => fault);
    return createS3Store({
      endpoint: proxy.endpoint,
      bucket: 'bucket',
      region: 'auto',
      credentials,
      waiting: createWaiting(),
      ...options,
    });
  }

  it.each([
    ['forbidden', 403, 'AccessDenied'],
    ['credentials_refused', 403, 'InvalidAccessKeyId'],
    ['credentials_refused', 400, 'ExpiredToken'],
    ['credentials_refused', 401, 'Unauthorized'],
    ['clock_skewed', 403, 'RequestTimeTooSkewed'],
    ['wrong_region', 400, 'AuthorizationHeaderMalformed'],
    ['wrong_region', 301, 'PermanentRedirect'],
    ['full', 507, 'InsufficientStorage'],
    ['full', 403, 'QuotaExceeded'],
    ['full', 500, 'XMinioStorageFull'],
    ['busy', 503, 'SlowDown'],
    ['busy', 409, 'ConditionalRequestConflict'],
    ['unsupported', 501, 'NotImplemented'],
    ['unexpected', 400, 'InvalidRequest'],
  ])('reports %s for HTTP %i %s', async (reason, status, code) => {
    const store = await openAlways({ do: 'answer', status, body: buildS3Error(code) });
    expect((await catchStorageFailure(store.put('key', utf8.encode('x'), absent))).reason).toBe(
      reason,
    );
  });

  it('sends the MD5 of an object, which buckets with object lock require', async () => {
    let md5: string | undefined;
    const store = await openAlways({
      do: 'answer',
      status: 200,
      headers: { etag: '"e"' },
      body: ({ headers }) => ((md5 = headers['content-md5'] as string), ''),
    });
    await store.put('key', utf8.encode('x'), absent);
    expect(md5).toBe('ndTkYSaMgDT1yFZOFVxnpg==');
  });

  it('tells a wrong clock, though the SDK learns the right one from the answer', async () => {
    const store = await openAlways({
      do: 'answer',
      status: 403,
      headers: { date: 'Thu, 01 Jan 2026 00:00:00 GMT' },
      body: buildS3Error('RequestTimeTooSkewed'),
    });
    expect((await catchStorageFailure(store.get('key'))).reason).toBe('clock_skewed');
    expect(proxy?.seen).toHaveLength(1);
  });

  it('shows no password of a proxy whose address cannot be read', () => {
    const env = { HTTPS_PROXY: 'http://user:pass/word@proxy:8080' };
    const create = () => createS3Store({ bucket: 'bucket', region: 'auto', credentials, env });
    expect(create).toThrow(ExpectedError);
    expect(create).toThrow(/^HTTPS_PROXY: (?!.*word@).* percent-encode/);
  });

  it('follows no redirect, which would send another host a signed request', async () => {
    const store = await openAlways({
      do: 'answer',
      status: 307,
      headers: { location: 'http://127.0.0.1:9/elsewhere', 'x-amz-bucket-region': 'eu-west-1' },
    });
    expect(await catchStorageFailure(store.get('key'))).toEqual({
      reason: 'wrong_region',
      detail: 'eu-west-1',
    });
    expect(proxy?.seen).toEqual(['GET /bucket/key?x-id=GetObject']);
  });

  it('is unreachable when no server listens', async () => {
    const store = createS3Store({
      endpoint: `http://127.0.0.1:${await findFreePort()}`,
      bucket: 'bucket',
      region: 'auto',
      credentials,
      waiting: createWaiting(),
    });
    expect(await catchStorageFailure(store.get('key'))).toEqual({
      reason: 'unreachable',
      detail: 'ECONNREFUSED',
    });
  });

  it('is unreachable over TLS when the server speaks none, and says so', async () => {
    await openAlways({ do: 'stall' });
    const store = createS3Store({
      endpoint: (proxy as FaultyProxy).endpoint.replace('http:', 'https:'),
      bucket: 'bucket',
      region: 'auto',
      credentials,
      attempts: 1,
    });
    expect(await catchStorageFailure(store.get('key'))).toEqual({
      reason: 'unreachable',
      detail: 'EPROTO: is it an http:// address?',
    });
  });

  it('names the host that was not found, which may begin with the bucket', async () => {
    const store = createS3Store({
      endpoint: 'http://host.invalid',
      bucket: 'bucket',
      region: 'auto',
      isVirtualHost: true,
      credentials,
      attempts: 1,
    });
    const failure = await catchStorageFailure(store.get('key'));
    expect(failure).toMatchObject({
      reason: 'unreachable',
      detail: expect.stringMatching(/^E\w+ bucket\.host\.invalid$/) as string,
    });
  });

  it.each(['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'])(
    'tells after %s how to trust a certificate',
    (code) => {
      const failure = describeError(Object.assign(new Error('a message'), { code }));
      expect(toStorageFailure(failure, 1000)).toEqual({
        reason: 'unreachable',
        detail: `${code}: NODE_EXTRA_CA_CERTS takes a file with the certificate to trust`,
      });
    },
  );

  it('is unreachable when no answer comes in time', async () => {
    const waiting = createWaiting();
    const store = await openAlways({ do: 'stall' }, { timeoutMs: 20, waiting });
    expect(await catchStorageFailure(store.get('key'))).toEqual({
      reason: 'unreachable',
      detail: 'no answer within 1 s',
    });
    expect(waiting.waits).toHaveLength(4);
  });

  it.each([
    ['a page that is not S3’s', 404, '<!doctype html><title>Not found</title>'],
    ['an empty 404', 404, ''],
    ['a success without an ETag', 200, 'bytes'],
  ])('does not accept %s as an object', async (_what, status, body) => {
    const store = await openAlways({ do: 'answer', status, body });
    expect((await catchStorageFailure(store.get('key'))).reason).toBe('unexpected');
  });

  it.each([
    ['no XML', 'nonsense'],
    ['another document', '<Other/>'],
    [
      'a listing without a date',
      '<ListBucketResult><Contents><Key>a.json</Key><Size>1</Size></Contents></ListBucketResult>',
    ],
    [
      'a listing without a size',
      '<ListBucketResult><Contents><Key>a.json</Key><LastModified>2026-01-02T03:04:05Z</LastModified></Contents></ListBucketResult>',
    ],
    [
      'a listing that goes on without saying where',
      '<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>',
    ],
    [
      'an entity bomb',
      '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><ListBucketResult><Contents><Key>&b;</Key></Contents></ListBucketResult>',
    ],
  ])('refuses %s as a listing', async (_what, body) => {
    const store = await openAlways({ do: 'answer', status: 200, body });
    expect((await catchStorageFailure(store.list(''))).reason).toBe('unexpected');
  });

  it('does not list invalid keys', async () => {
    const names = ['good.json', '../bad', 'a/../../bad', 'Bad', '&lt;bad&gt;']
      .map(
        (name) =>
          `<Contents><Key>${name}</Key><Size>1</Size><LastModified>2026-01-02T03:04:05.678Z</LastModified></Contents>`,
      )
      .join('');
    const store = await openAlways({
      do: 'answer',
      status: 200,
      body: `<ListBucketResult><IsTruncated>false</IsTruncated>${names}</ListBucketResult>`,
    });
    expect(await listKeys(store)).toEqual(['good.json']);
  });

  it('tells that the endpoint may name the bucket when it takes a listing for an object', async () => {
    const store = await openAlways({
      do: 'answer',
      status: 404,
      body: buildS3Error('NoSuchKey'),
    });
    expect(await catchStorageFailure(store.list('models/'))).toEqual({
      reason: 'unexpected',
      detail: 'NoSuchKey for a listing: does the endpoint name the bucket, too?',
    });
  });

  it('lists valid keys beside one that XML cannot hold', async () => {
    const keys = ['models/good.json', 'models/\u0001', 'models/a%2fb', 'models/%'];
    const list = (encode: (key: string) => string): string =>
      keys
        .map(
          (key) =>
            `<Contents><Key>${encode(key)}</Key><Size>1</Size><LastModified>2026-01-02T03:04:05.678Z</LastModified></Contents>`,
        )
        .join('');
    const store = await openAlways({
      do: 'answer',
      status: 200,
      // S3Proxy stops writing at a control character, unless the keys are percent-encoded.
      body: ({ url = '' }) =>
        url.includes('encoding-type=url')
          ? `<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>${list(encodeURIComponent)}</ListBucketResult>`
          : `<ListBucketResult><IsTruncated>false</IsTruncated>${list(String)}`.split(
              '\u0001',
              1,
            )[0]!,
    });
    expect(await listKeys(store, 'models/')).toEqual(['models/good.json']);
  });

  it('refuses an endless object without reading it to the end', async () => {
    const store = await openAlways({
      do: 'answer',
      status: 200,
      headers: { etag: '"e"' },
      body: 'x'.repeat(1_000_000),
    });
    expect(await catchStorageFailure(store.get('key', 1000))).toEqual({
      reason: 'too_large',
      key: 'key',
      maxBytes: 1000,
    });
  });

  it('reveals no credential, whatever the server repeats of the request', async () => {
    const shown: string[] = [];
    // SignatureDoesNotMatch repeats parts of the request; this answer repeats it in every part.
    const echo: Fault = {
      do: 'answer',
      status: 403,
      headers: { 'x-amz-bucket-region': credentials.sessionToken },
      body: (request) =>
        `<Error><Code>${credentials.sessionToken.replaceAll('-', '.')}</Code><Message>${inspect(request.headers).replaceAll('<', '')}</Message><StringToSign>${request.headers.authorization}</StringToSign></Error>`,
    };
    for (const fault of [
      echo,
      { ...echo, status: 301 },
      { ...echo, status: 500 },
      { ...echo, body: buildS3Error(credentials.accessKeyId.replaceAll('-', '')) },
    ]) {
      const store = await openAlways(fault, {
        credentials: {
          ...credentials,
          accessKeyId: 'AKIATHEACCESSKEY',
          sessionToken: 'the.session.token',
        },
      });
      shown.push(inspect(store, { depth: 10, showHidden: true }), store.description);
      const error: StorageError = await store.put('key', utf8.encode('x'), absent).then(
        () => Promise.reject(new Error('expected it to fail')),
        (cause) => cause,
      );
      shown.push(
        inspect(error, { depth: 10, showHidden: true }),
        JSON.stringify(error),
        error.message,
        String(error.stack),
      );
      await proxy?.close();
    }
    for (const secret of ['AKIATHEACCESSKEY', credentials.secretAccessKey, 'the.session.token']) {
      expect(shown.filter((text) => text.includes(secret))).toEqual([]);
    }
  });

  describe('with the secret canary-of-the-coal-mine', () => {
    const CANARY = 'canary-of-the-coal-mine';
    const secrets = {
      accessKeyId: 'CANARYACCESSKEY',
      secretAccessKey: CANARY,
      sessionToken: CANARY,
    };
    const echo = (request: IncomingMessage) =>
      `<Error><Code>${CANARY}</Code><Message>${request.headers.authorization}</Message></Error>`;
    const answer = (
      status: number,
      body: string | ((request: IncomingMessage) => string),
    ): Fault => ({
      do: 'answer',
      status,
      headers: { etag: '"e"', 'x-amz-bucket-region': CANARY, 'x-amz-id-2': CANARY },
      body,
    });
    const faults: [what: string, fault: Fault, scheme?: 'http' | 'https'][] = [
      ['a refused signature', answer(403, buildS3Error('SignatureDoesNotMatch', CANARY))],
      ['a refusal that repeats the request', answer(403, echo)],
      ['a 400 that repeats the request', answer(400, echo)],
      ['a redirect', answer(301, echo)],
      ['a failing server', answer(500, echo)],
      ['a busy server', answer(503, buildS3Error('SlowDown', CANARY))],
      ['malformed XML', answer(200, `<ListBucketResult><Contents>${CANARY}`)],
      ['malformed XML of an error', answer(403, `<Error><Code>${CANARY}`)],
      ['no answer in time', { do: 'stall' }],
      ['a lost connection', { do: 'drop' }],
      ['a server that does not speak TLS', { do: 'drop' }, 'https'],
    ];

    it.each(faults)('%s does not reveal it', async (_what, fault, scheme = 'http') => {
      const store = await openAlways(fault, { credentials: secrets, timeoutMs: 20 });
      const { port } = new URL((proxy as FaultyProxy).endpoint);
      const opened =
        scheme === 'http'
          ? store
          : createS3Store({
              endpoint: `https://127.0.0.1:${port}`,
              bucket: 'bucket',
              region: 'auto',
              credentials: secrets,
              waiting: createWaiting(),
            });
      const shown = [inspect(opened, { depth: Infinity, showHidden: true }), opened.description];
      const lines: string[] = [];
      for (const call of [
        () => opened.get('key', 1),
        () => opened.getIfChanged('key', '"etag"', 1),
        () => opened.put('key', utf8.encode('x'), absent),
        () => opened.list('prefix'),
        () => opened.delete('key'),
      ]) {
        const error: unknown = await call().then(
          () => undefined,
          (cause: unknown) => cause,
        );
        if (error !== undefined) {
          expect(error).toBeInstanceOf(StorageError);
          const { stack, message } = error as StorageError;
          shown.push(inspect(error, { depth: Infinity, showHidden: true }), String(stack), message);
          shown.push(JSON.stringify(error), format('%o %O', error, error));
          lines.push(formatLogLine({ level: 'error', event: 'test', cause: error }));
        }
      }
      expect(lines.length).toBeGreaterThan(2);
      for (const secret of [CANARY, secrets.accessKeyId, 'Signature=', 'Authorization']) {
        expect([...shown, ...lines].filter((text) => text.includes(secret))).toEqual([]);
      }
    });
  });
});

/** Lists the hosts that a store asks an HTTPS proxy for; the proxy refuses all. */
async function listConnects(
  options: Partial<S3StoreOptions>,
  noProxy = '',
): Promise<{ asked: string[]; failure: StorageFailure }> {
  const asked: string[] = [];
  const server = createServer();
  server.on('connect', ({ url = '' }: IncomingMessage, socket: Duplex) => {
    asked.push(url);
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://name:the-password@127.0.0.1:${(server.address() as AddressInfo).port}`;
  const store = createS3Store({
    bucket: 'bucket',
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    waiting: createWaiting(),
    attempts: 1,
    env: { HTTPS_PROXY: address, NO_PROXY: noProxy },
    ...options,
  });
  const failure = await catchStorageFailure(store.get('key'));
  await new Promise((resolve) => server.close(resolve));
  return { asked, failure };
}

describe('an S3 store behind HTTPS_PROXY', () => {
  it.each([
    ['AWS', { region: 'eu-west-1' }, 'bucket.s3.eu-west-1.amazonaws.com'],
    ['AWS in China', { region: 'cn-north-1' }, 'bucket.s3.cn-north-1.amazonaws.com.cn'],
    ['AWS GovCloud', { region: 'us-gov-west-1' }, 'bucket.s3.us-gov-west-1.amazonaws.com'],
    ['an endpoint by path', { region: 'GRA', endpoint: 'https://host.invalid' }, 'host.invalid'],
    [
      'an endpoint by host name',
      { region: 'RegionOne', endpoint: 'https://host.invalid', isVirtualHost: true },
      'bucket.host.invalid',
    ],
    [
      'an endpoint by path where the bucket is no host name',
      {
        region: 'auto',
        endpoint: 'https://host.invalid',
        bucket: 'Old_Bucket',
        isVirtualHost: true,
      },
      'host.invalid',
    ],
  ])('reaches %s', async (_what, options, host) => {
    expect(await listConnects(options)).toEqual({
      asked: [`${host}:443`],
      failure: { reason: 'unreachable', detail: 'ERR_PROXY_TUNNEL' },
    });
  });

  it('bypasses the proxy for the hosts of NO_PROXY', async () => {
    const endpoint = `https://127.0.0.1:${await findFreePort()}`;
    const { asked, failure } = await listConnects({ region: 'auto', endpoint }, '127.0.0.1');
    expect([asked, failure]).toEqual([[], { reason: 'unreachable', detail: 'ECONNREFUSED' }]);
  });
});

describe('an S3 store with a profile', () => {
  it('signs with the credentials of AWS_PROFILE, and reveals none of them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'digitmint-profile-'));
    await writeFile(
      join(folder, 'credentials'),
      '[work]\naws_access_key_id = PROFILEKEY\naws_secret_access_key = profile-secret\n',
    );
    vi.stubEnv('AWS_PROFILE', 'work');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'));
    let authorization = '';
    const proxy = await startFaultyProxy('http://127.0.0.1:9', (_index, { headers }) => {
      authorization = headers.authorization ?? '';
      return { do: 'answer', status: 403, body: buildS3Error('PROFILEKEY') };
    });
    const store = createS3Store({
      endpoint: proxy.endpoint,
      bucket: 'bucket',
      region: 'auto',
      credentials: undefined,
    });
    const error: unknown = await store.get('key').catch((cause: unknown) => cause);
    expect(authorization).toContain('Credential=PROFILEKEY/');
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain('PROFILEKEY');
    vi.unstubAllEnvs();
    await proxy.close();
    await rm(folder, { recursive: true });
  });

  it.each([
    ['good', '', 'at http://127.0.0.1:9: cannot be reached (ECONNREFUSED)'],
    ['none', '', 'refused the credentials (there are none; does the profile exist?)'],
    [
      'ended',
      'sso_account_id=1\nsso_role_name=a\nsso_region=a\nsso_start_url=http://127.0.0.1/',
      'refused the credentials (the login has ended: run aws sso login)',
    ],
  ])('names what is wrong with the profile %s', async (name, lines, message) => {
    const folder = await mkdtemp(join(tmpdir(), 'digitmint-profile-'));
    const good =
      'aws_access_key_id = a\naws_secret_access_key = b\nendpoint_url=http://127.0.0.1:9';
    await writeFile(join(folder, 'config'), `[profile good]\n${good}\n[profile ended]\n${lines}\n`);
    vi.stubEnv('HOME', folder);
    vi.stubEnv('AWS_PROFILE', name);
    vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'));
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'));
    const store = createS3Store({ bucket: 'bucket', region: 'auto', attempts: 1 });
    await expect(store.get('key')).rejects.toThrow(message);
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });
});
