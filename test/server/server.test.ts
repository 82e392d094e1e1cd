/**
 * Tests the built server as a process: its start and its end, the source of its models, and clients
 * that disconnect.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { SERVER_FILE } from '../../dev/build/server.ts';
import { createFolderStore } from '../../storage/folder-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { createS3Store } from '../../storage/s3-store.ts';
import { buildFixture } from '../support/models/fixture-artifact.ts';
import { listNodes } from '../support/hosts/installed-client.ts';
import { leaveInTheMiddle } from '../support/hosts/raw-request.ts';
import { startServer, type ServerOptions, type TestServer } from '../support/hosts/node-server.ts';
import { publishFixture } from '../support/models/published.ts';
import { hasVersitygw, startVersitygw, type S3Server } from '../support/storage/s3-server.ts';
import { waitUntil } from '../support/hosts/workerd.ts';

interface Health {
  status: string;
  model: { name: string; version: string; source: string };
  lastError: { reason: string } | null;
}

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'digitmint-server-test-'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const running: TestServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop('SIGKILL')));
});

async function start(options?: ServerOptions): Promise<TestServer> {
  const server = await startServer(options);
  running.push(server);
  return server;
}

const askHealth = async (server: TestServer) =>
  (await server.fetch('/healthz')).json() as Promise<Health>;

/** Runs the server until it ends. */
function runServer(args: string[], env: Record<string, string> = {}) {
  const script = join(inject('serverFolder'), SERVER_FILE);
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    env: { PATH: process.env['PATH'], PORT: '0', ...env },
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('a start that fails', () => {
  test('because of its settings prints what was expected in one line', () => {
    const file = join(scratch, 'file');
    writeFileSync(file, '');
    for (const [args, message] of [
      [['--port', 'x'], /^digitmint: --port is "x", expected a whole number/],
      [
        ['--public-url', 'https://example.org/models'],
        /^digitmint: the public URL is .*\/models is a path of this service; choose another/,
      ],
      [['--public-url', 'https://example.org/assets/x'], /\/assets is a path of this service/],
      [
        ['--models', join(scratch, 'nowhere')],
        /^digitmint: models: expected a folder .*nowhere, found none: npm run publish .* makes one/,
      ],
      [['--models', file], /^digitmint: models: expected a folder at .*file, got a file/],
      [
        ['--models', 'models/digits'],
        /got a model, .*digits; .* --model .*digits --to .\/published/,
      ],
      [
        ['--host', '203.0.113.1'],
        /^digitmint: --host or HOST is "203.0.113.1", expected an address/,
      ],
      // A link-local address needs its interface, as in fe80::1%eth0.
      [['--host', 'fe80::1'], /^digitmint: --host or HOST is "fe80::1", expected an address/],
    ] as const) {
      const { status, stdout, stderr } = runServer([...args]);
      expect(stderr).toMatch(message);
      expect([status, stdout, stderr.trimEnd().split('\n').length]).toEqual([1, '', 1]);
    }
  });

  test('because of an old Node says which is needed', () => {
    const old = "Object.defineProperty(process, 'versions', { value: { node: '18.20.8' } })";
    const { status, stderr } = runServer([], {
      NODE_OPTIONS: `--import="data:text/javascript,${old}"`,
    });
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^digitmint: needs Node 20\.12/)]);
  });

  test('because of a taken port names the port', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    expect(runServer([], { PORT: String(port) })).toEqual({
      status: 1,
      stdout: '',
      stderr: `digitmint: port ${port} of 127.0.0.1 is taken; stop what listens there, or choose another with --port or PORT\n`,
    });
    other.close();
  });

  test('does not happen with --help', () => {
    expect(runServer(['--help'])).toMatchObject({
      status: 0,
      stderr: '',
      stdout: expect.stringContaining('MODELS') as unknown,
    });
  });
});

test('the built files are enough to start on a bare Node from an empty folder', async () => {
  const [folder, cwd] = [join(scratch, 'app'), join(scratch, 'empty')];
  mkdirSync(folder);
  mkdirSync(cwd);
  const names = readdirSync(inject('serverFolder'));
  for (const name of names) {
    cpSync(join(inject('serverFolder'), name), join(folder, name), { recursive: true });
  }
  const shortNames = names.map((name) => name.replace(/-[A-Z0-9]{8}/, ''));
  expect(
    shortNames.filter((name) => !/^(?:chunk|bowser|event-streams)\./.test(name)).toSorted(),
  ).toEqual([
    '.digitmint-files.json',
    'assets',
    'digit-body.js', // Only the requests that need it load it.
    'encoder.bin',
    'engine-relaxed.wasm',
    'engine.wasm',
    'guides.bin',
    'openapi.bin',
    'package.json',
    'picture-file.js',
    'png.wasm',
    's3-store.js',
    'server.js',
    'server.js.LEGAL.txt',
    'weights.bin', // of digits
    'weights.bin', // of digits-small
  ]);
  // The AWS SDK loads only when models come from a bucket.
  expect(statSync(join(folder, SERVER_FILE)).size).toBeLessThan(500_000);
  const script = join(folder, SERVER_FILE);
  const node = listNodes().at(-1); // The system's may be older.
  const server = await start({ script, cwd, node, env: { HOME: cwd } });
  expect(await askHealth(server)).toMatchObject({
    status: 'ok',
    model: { name: 'digits', source: 'bundled' },
    lastError: null,
  });
  const [png, page] = [await server.fetch('/digit.png?n=16'), await server.fetch('/docs')];
  expect([png.status, png.headers.get('content-type'), page.status]).toEqual([
    200,
    'image/png',
    200,
  ]);
  for (const path of ['/', '/hand', '/learn', '/docs/reference', '/docs/search?q=png', '/models']) {
    expect([path, (await server.fetch(path)).status]).toEqual([path, 200]);
  }
  const style = /href="(\/assets\/[^"]+\.css)"/.exec(await page.text())?.[1] ?? 'none';
  const asset = await server.fetch(style, { headers: { 'accept-encoding': 'br' } });
  expect([
    asset.status,
    asset.headers.get('content-type'),
    asset.headers.get('content-encoding'),
  ]).toEqual([200, 'text/css; charset=utf-8', 'br']);
  expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  expect(await asset.text()).toContain('color-scheme');
  for (const path of [
    '/assets/none.css',
    '/assets/..%2fserver.js',
    '/assets/%2e%2e/server.js',
    '/assets/',
  ]) {
    expect([path, (await server.fetch(path)).status]).toEqual([path, 404]);
  }
  expect((await server.fetch('/models/digits/0000000000000000/model.json')).status).toBe(404);
  rmSync(folder, { recursive: true }); // As when a new build replaces it.
  const body = await (await server.fetch('/digit.png?seed=Ada')).arrayBuffer();
  expect((await server.fetch('/hand', { method: 'POST', body })).status).toBe(200);
  expect(await server.stop()).toBe(0);
  expect(readdirSync(cwd)).toEqual([]); // The server writes no file.
});

test.each([
  ['SIGINT', '1'],
  ['SIGHUP', '2'],
] as const)(
  'the log is lines of JSON: the start, requests with the id of their answer, the stop by %s',
  async (signal, workers) => {
    const server = await start({ args: ['--workers', workers] });
    const answer = await server.fetch('/digit.json?n=0');
    await answer.text();
    server.child.kill(signal);
    expect(await server.stop(signal)).toBe(0); // A copy, as npm sends one.
    const events = server.readLogs().map((line) => JSON.parse(line) as Record<string, unknown>);
    const request = {
      event: 'request',
      requestId: answer.headers.get('request-id'),
      method: 'GET',
      route: '/digit.json',
      status: 400,
      code: 'invalid_parameter',
    };
    const stopping = { event: 'stopping', signal };
    // A worker may write its line after that of the first process.
    const isLate = workers !== '1' && events[1]?.['event'] === 'stopping';
    expect(events).toMatchObject([
      { level: 'info', event: 'started' },
      ...(isLate ? [stopping, request] : [request, stopping]),
      { event: 'stopped' },
    ]);
  },
);

test('a log that nobody reads any more ends no answer', async () => {
  const server = await start();
  server.child.stdout?.destroy();
  for (let i = 0; i < 3; i++) {
    expect((await server.fetch('/healthz')).status).toBe(200);
  }
  expect(await server.stop()).toBe(0);
});

test.each([['in one process'], ['of two workers', '--workers', '2']])(
  'a stop during the start %s is not lost',
  async (_, ...args) => {
    const silent = createServer();
    const asked = once(silent.listen(0, '127.0.0.1'), 'connection');
    await once(silent, 'listening');
    const child = spawn(process.execPath, [join(inject('serverFolder'), SERVER_FILE), ...args], {
      env: {
        PATH: process.env['PATH'],
        PORT: '0',
        MODELS: 's3://models',
        AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
        AWS_ACCESS_KEY_ID: 'a',
        AWS_SECRET_ACCESS_KEY: 'b',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    await asked; // The first model is being read.
    child.kill();
    const log = await readText(child.stdout);
    expect([await ended, log.match(/"event":"[^"]+"/g)]).toEqual([
      [0, null],
      ['"event":"stopping"', '"event":"stopped"'],
    ]);
    silent.close();
  },
);

test('a stop during a long answer lets the answer finish', async () => {
  const server = await start({ env: { GRACE_SECONDS: '60' } }); // Allows for a slow machine.
  const answer = await server.fetch('/dataset.npy?n=4000');
  const stopped = server.stop();
  await expect.poll(() => server.fetch('/healthz').catch(() => 'refused')).toBe('refused');
  expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(4000 * 784);
  expect(await stopped).toBe(0);
});

test('a process with a hanging thread is killed after the time limit', () => {
  const watchdog = new URL('../../server/watchdog.ts', import.meta.url).href;
  const program = `
    const { killProcessAfter } = await import(${JSON.stringify(watchdog)});
    killProcessAfter(200);
    for (;;) {}`;
  const { signal } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    timeout: 30_000,
    killSignal: 'SIGTERM',
  });
  expect(signal).toBe('SIGKILL');
});

test('URLs in answers start with PUBLIC_URL', async () => {
  const server = await start({ env: { PUBLIC_URL: 'https://example.org' } });
  const answer = await server.fetch('/digit.json?seed=a');
  expect(answer.headers.get('link')).toMatch(/^<https:\/\/example\.org\/digit\.json\?/);
  expect(JSON.stringify(await answer.json())).toContain('"url":"https://example.org/digit.png?');
  expect(await (await server.fetch('/openapi.json')).json()).toMatchObject({
    servers: [{ url: 'https://example.org' }],
  });
  expect((await server.fetch('/digit.png', { method: 'POST', body: 'x' })).status).toBe(405);
});

test('browsers are bound to HTTPS only where HSTS_SECONDS says so', async () => {
  const PUBLIC_URL = 'https://example.org';
  const [plain, bound] = [
    await start({ env: { PUBLIC_URL } }),
    await start({ env: { PUBLIC_URL, HSTS_SECONDS: '3600' } }),
  ];
  const ask = async (server: TestServer) =>
    (await server.fetch('/digit.png')).headers.get('strict-transport-security');
  expect([await ask(plain), await ask(bound)]).toEqual([null, 'max-age=3600']);
});

test.each([
  ['0.0.0.0', {}, 1],
  ['127.0.0.1', {}, 0],
  ['0.0.0.0', { PUBLIC_URL: 'https://example.org' }, 0],
])('listening at %s with %j warns of unverified hosts: %i', async (HOST, env, warnings) => {
  const server = await start({ env: { HOST, ...env } });
  await server.fetch('/healthz');
  expect(await server.stop()).toBe(0);
  const lines = server.readLogs().filter((line) => line.includes('public_url_missing'));
  expect(lines).toHaveLength(warnings);
  expect(lines.every((line) => line.includes('set PUBLIC_URL'))).toBe(true);
});

test('callers who reset their connections share one count', async () => {
  const server = await start({ args: ['--heavy-rate-limit', '1'] });
  const countCodes = () => {
    const lines = server.readLogs().filter((line) => line.includes('"/digit.png"'));
    return [lines.length, lines.filter((line) => line.includes('"rate_limited"')).length];
  };
  for (let i = 0; i < 8; i++) {
    const socket = connect(Number(server.url.port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write('GET /digit.png?n=256 HTTP/1.1\r\nHost: x\r\n\r\n', () =>
      socket.resetAndDestroy(),
    );
  }
  await expect.poll(countCodes).toEqual([8, expect.toBeOneOf([6, 7]) as number]);
});

test('the server stops drawing for clients that disconnect', async () => {
  const server = await start({});
  const count = (text: string) => server.readLogs().filter((line) => line.includes(text)).length;
  for (const path of ['/dataset.csv?n=10000', '/dataset.ndjson?n=10000', '/dataset.npy?n=10000']) {
    const before = count('"left":true');
    // On a busy machine the server may have written a short answer before the client disconnects.
    do {
      const answered = count('"event":"request"');
      await leaveInTheMiddle(new URL(path, server.url));
      await expect.poll(() => count('"event":"request"')).toBe(answered + 1);
    } while (count('"left":true') === before);
  }
  expect(server.readLogs().filter((line) => line.includes('"error"'))).toEqual([]);
  expect(await server.stop()).toBe(0);
});

const [first, second] = [
  buildFixture({ weightsSeed: 'first' }),
  buildFixture({ weightsSeed: 'second' }),
];

/** Checks that one model serves, then the next published one, and both by their versions. */
async function followPublications(store: ObjectStore, env: Record<string, string>): Promise<void> {
  await publishFixture(store, first);
  const server = await start({ env: { MODEL_REFRESH_SECONDS: '0.1', ...env } });
  expect(await askHealth(server)).toMatchObject({
    status: 'ok',
    model: { version: first.manifest.version, source: 'r2' },
  });
  await publishFixture(store, second);
  await waitUntil(
    () => askHealth(server),
    ({ model }) => model.version === second.manifest.version,
  );
  for (const { manifest, files } of [first, second]) {
    const file = await server.fetch(`/models/fixture/${manifest.version}/weights.bin`);
    expect(
      Buffer.from(await file.arrayBuffer()).equals(
        Buffer.from(files.get('weights.bin') as Uint8Array),
      ),
    ).toBe(true);
  }
  for (const path of [
    '/models/fixture/0123456789abcdef',
    '/digit.json?model=fixture@0123456789abcdef',
    '/models/nothing',
  ]) {
    expect([path, (await server.fetch(path)).status]).toEqual([path, 404]);
  }
}

test('models come from a folder and change when others are published there', async () => {
  const folder = join(scratch, 'published');
  await followPublications(createFolderStore(folder), { MODELS: folder });
});

describe.skipIf(!hasVersitygw())('a server on a bucket', () => {
  let s3: S3Server;
  beforeAll(async () => {
    s3 = await startVersitygw();
  });
  afterAll(() => s3.stop());

  const describeBucket = (secret = s3.credentials.secretAccessKey) => ({
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: secret,
  });

  test.each(['', 'some/prefix'])(
    'serves models as they are published there, under the prefix %j',
    async (prefix) => {
      const models = `s3://${s3.bucket}${prefix === '' ? '' : `/${prefix}`}`;
      await followPublications(createS3Store({ ...s3, prefix }), {
        ...describeBucket(),
        MODELS: models,
      });
    },
  );

  test('serves digits when the bucket refuses or is unreachable, and reveals no credential', async () => {
    for (const env of [
      { ...describeBucket('a-wrong-secret'), MODELS: `s3://${s3.bucket}` },
      { ...describeBucket(), MODELS: 's3://no-such-bucket' },
      {
        ...describeBucket(),
        MODELS: `s3://${s3.bucket}`,
        AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1',
      },
    ]) {
      const server = await start({ env });
      expect(await askHealth(server)).toMatchObject({
        status: 'degraded',
        model: { source: 'bundled' },
        lastError: { reason: 'storage' },
      });
      const log = server.readLogs().join('\n');
      expect(log).toContain('model_refresh_failed');
      expect(log).not.toMatch(/a-wrong-secret|versitygw-test/);
    }
  });
});
