/**
 * S3 servers for tests on the loopback interface: versitygw, an independent server in Go; moto, an
 * emulator in Python; and the local S3 endpoint of `wrangler dev`. Processes are stopped by their
 * ids.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { LOCAL_BUCKET } from '../../../storage/local-r2.ts';
import type { S3Credentials } from '../../../storage/s3-location.ts';
import { isInstalled } from '../clients/installed.ts';

/** A running server with one empty bucket. */
export interface S3Server {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly credentials: S3Credentials;
  /** The process's id, for tests that check whether the process has ended. */
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

/** versitygw, which keeps each object as a file. */
export interface Versitygw extends S3Server {
  /** The bucket's folder. ETags are extended attributes of its files. */
  readonly folder: string;
}

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));
const VERSITYGW = join(PROJECT, '.digitmint/bin/versitygw');
const MOTO = join(PROJECT, '.digitmint/data-tools/moto');

export const hasVersitygw = () => isInstalled(VERSITYGW, 'dev/install-versitygw.sh');

export const hasMoto = () =>
  isInstalled(join(MOTO, 'installed.txt'), 'dev/data-tools/install.sh moto');

/**
 * Serves moto one request at a time. Its own command gives each request a thread, and checks a
 * condition before it writes without a lock, so two writers can both win.
 */
const SERVE_MOTO = `
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple('127.0.0.1', int(sys.argv[1]), DomainDispatcherApplication(create_backend_app))
`;

/** Starts moto. It does not check signatures. */
export async function startMoto(): Promise<S3Server> {
  const bucket = 'digitmint-test';
  const port = await findFreePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const child = spawn(join(MOTO, 'bin/python'), ['-c', SERVE_MOTO, String(port)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const credentials = { accessKeyId: 'moto-test-key', secretAccessKey: 'moto-test-secret' };
  const parts = { endpoint, region: 'us-east-1', bucket, credentials };
  const server = await waitForServer(child, parts, endpoint, () => Promise.resolve());
  await fetch(`${endpoint}/${bucket}`, { method: 'PUT' });
  return server;
}

/** The credentials of versitygw's users, from their names. */
function buildUser(name: string): S3Credentials {
  return { accessKeyId: name, secretAccessKey: `${name}-secret` };
}

/** Adds users without any right to a versitygw that was started with `hasUsers`. */
export async function addUsers<Name extends string>(
  { endpoint, credentials }: S3Server,
  names: readonly Name[],
): Promise<Readonly<Record<Name, S3Credentials>>> {
  const root = ['-a', credentials.accessKeyId, '-s', credentials.secretAccessKey, '-er', endpoint];
  for (const name of names) {
    const { accessKeyId, secretAccessKey } = buildUser(name);
    const user = ['-a', accessKeyId, '-s', secretAccessKey, '-r', 'user'];
    await promisify(execFile)(VERSITYGW, ['admin', ...root, 'create-user', ...user]);
  }
  return Object.fromEntries(names.map((name) => [name, buildUser(name)])) as Record<
    Name,
    S3Credentials
  >;
}

/** Starts versitygw on a temporary folder. @param hasUsers  Whether users can be added. */
export async function startVersitygw({ hasUsers = false } = {}): Promise<Versitygw> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-s3-'));
  const users = await mkdtemp(join(tmpdir(), 'digitmint-s3-users-'));
  const iam = hasUsers ? ['--iam-dir', users] : [];
  const credentials = {
    accessKeyId: 'versitygw-test-key',
    secretAccessKey: 'versitygw-test-secret+/=',
  };
  const bucket = 'digitmint-test';
  await mkdir(join(folder, bucket));
  const port = await findFreePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const child = spawn(
    VERSITYGW,
    // Keeps ETags in extended attributes, the default. --sidecar does not replace an ETag and its
    // bytes atomically. A reader between the two writes would then swap against the ETag of bytes
    // that it never saw.
    ['--port', `127.0.0.1:${port}`, '--quiet', ...iam, 'posix', folder],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...process.env,
        ROOT_ACCESS_KEY: credentials.accessKeyId,
        ROOT_SECRET_KEY: credentials.secretAccessKey,
      },
    },
  );
  const server = await waitForServer(
    child,
    { endpoint, region: 'us-east-1', bucket, credentials },
    endpoint,
    async () => {
      await Promise.all([folder, users].map((each) => rm(each, { recursive: true, force: true })));
    },
  );
  return { ...server, folder: join(folder, bucket) };
}

/** A worker that returns what its bucket's binding reads. */
const READING_WORKER = `export default {
  async fetch(request, env) {
    const object = await env.MODELS.get(new URL(request.url).pathname.slice(1));
    return object === null ? new Response('nothing', { status: 404 }) : new Response(object.body, { headers: { etag: object.httpEtag } });
  },
};
`;

const WRANGLER_TOML = `name = "digitmint-test"
main = "worker.js"
compatibility_date = "2026-10-20"

[[r2_buckets]]
binding = "MODELS"
bucket_name = "${LOCAL_BUCKET.bucket}"

[r2_buckets.local_dev.experimental_s3_credentials]
accessKeyId = "${LOCAL_BUCKET.credentials.accessKeyId}"
secretAccessKey = "${LOCAL_BUCKET.credentials.secretAccessKey}"
`;

export interface WranglerServer extends S3Server {
  /** The worker's address: `/KEY` returns an object as the binding reads it. */
  readonly url: string;
}

/**
 * Starts `wrangler dev` with a small worker on the local bucket.
 * @param root  Project folder whose `.wrangler/state` holds the bucket; a temporary one by default.
 */
export async function startWrangler(root?: string): Promise<WranglerServer> {
  const folder = root ?? (await mkdtemp(join(tmpdir(), 'digitmint-wrangler-')));
  await writeFile(join(folder, 'worker.js'), READING_WORKER);
  await writeFile(join(folder, 'wrangler.toml'), WRANGLER_TOML);
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}/`;
  const child = spawn(
    process.execPath,
    [
      join(PROJECT, 'node_modules/wrangler/bin/wrangler.js'),
      'dev',
      '--ip',
      '127.0.0.1',
      '--port',
      String(port),
      '--inspector-port',
      '0',
      '--log-level',
      'error',
    ],
    {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      // Prevents all network access of wrangler: metrics, the sample of `request.cf`, the banner.
      env: {
        ...process.env,
        CI: '1',
        WRANGLER_SEND_METRICS: 'false',
        CLOUDFLARE_CF_FETCH_ENABLED: 'false',
        WRANGLER_HIDE_BANNER: 'true',
      },
    },
  );
  const parts = { endpoint: `${url}cdn-cgi/local/r2/s3`, region: 'auto', ...LOCAL_BUCKET };
  const server = await waitForServer(child, parts, url, () =>
    root === undefined ? rm(folder, { recursive: true, force: true }) : Promise.resolve(),
  );
  return { ...server, url };
}

async function waitForServer(
  child: ChildProcess,
  parts: Omit<S3Server, 'pid' | 'stop'>,
  url: string,
  cleanUp: () => Promise<void>,
): Promise<S3Server> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    await cleanUp();
  };
  while (child.exitCode === null) {
    const isUp = await fetch(url).then(
      (response) => response.body?.cancel().then(() => true) ?? true,
      () => false,
    );
    if (isUp && child.pid !== undefined) {
      return { ...parts, pid: child.pid, stop };
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await stop();
  throw new Error(`${child.spawnargs.join(' ')} did not answer at ${url}: ${said}`);
}

/** Below the ports that systems give out by themselves. */
const FIRST_PORT = 20_000;
const PORTS_OF_A_PROCESS = 1000;
let nextPort = Math.floor(Math.random() * PORTS_OF_A_PROCESS);

/**
 * Finds a port that is free now. Each test process has ports of its own, so that no other one takes
 * the port before the server that is to listen there, and answers in its place.
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const pool = Number(process.env['VITEST_POOL_ID'] ?? 0) % 12;
    const port = FIRST_PORT + pool * PORTS_OF_A_PROCESS + (nextPort++ % PORTS_OF_A_PROCESS);
    if (await canListen(port)) {
      return port;
    }
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
