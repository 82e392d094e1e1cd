/** `npm start`: the worker in the local edge runtime, offline, with a bucket that outlives it. */
import { mkdirSync, rmSync, watch, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { POINTER_KEY } from '../shared/model/artifact.ts';
import {
  createLocalStore,
  DEV_SERVER_FILE,
  findDevServer,
  LOCK_FILE,
  lockLocalR2,
} from '../storage/local-r2.ts';
import { StorageError } from '../storage/object-store.ts';

const ROOT = join(import.meta.dirname, '..');
const SHIPPED_MODEL = join(ROOT, 'models', 'digits');
/** Tells `npm run publish` where the running server is. */
const NOTE_FILE = join(ROOT, DEV_SERVER_FILE);
/** The addresses that HOST may name. The values are the hosts of the URL that publishing asks. */
const HOSTS: Readonly<Record<string, string>> = {
  localhost: 'localhost',
  '127.0.0.1': '127.0.0.1',
  '::1': '[::1]',
  '0.0.0.0': '127.0.0.1',
  '::': '[::1]',
};
const DEFAULT_PORT = '8787';
/** A publisher needs seconds. */
const LOCK_WAIT_MS = 10_000;
const [READY_TIMEOUT_MS, PAGE_PAUSE_MS] = [60_000, 150];

await main();

async function main(): Promise<void> {
  const port = parsePort(process.env['PORT']);
  const host = parseHost(process.env['HOST']);
  // One that does not answer is gone, or the port is taken: see below.
  const running = await findDevServer(ROOT).catch(() => null);
  if (running !== null) {
    fail(
      `a server runs already at ${running.url} (process ${running.pid}), ` +
        'and two cannot share the local bucket. Stop that one first.',
    );
  }
  // On both loopback addresses: a server on one of them would answer in this one's place.
  if (!((await canListen(port, '127.0.0.1')) && (await canListen(port, '::1')))) {
    fail(
      `port ${port} is taken. Stop what listens there (workerd, if an earlier npm start was ` +
        `killed), or choose another: PORT=${port + 1} npm start`,
    );
  }
  await lockLocalR2(ROOT, LOCK_WAIT_MS).catch((cause: unknown) =>
    fail(cause instanceof StorageError ? cause.message : String(cause)),
  );
  // No telemetry, no look-up of the machine's location, no check for a newer version.
  process.env['WRANGLER_SEND_METRICS'] = 'false';
  process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false';
  process.env['WRANGLER_HIDE_BANNER'] = 'true';
  // Beside `dev.logLevel`, which does not govern all of wrangler's messages.
  process.env['WRANGLER_LOG'] ||= 'error';
  process.chdir(ROOT);
  // Only now: what is wrong above is told before these libraries load.
  const { buildPage } = await import('./build/page.ts');
  const { unstable_startWorker: startWorker } = await import('wrangler');
  await buildPage();

  const worker = await startWorker({
    config: join(ROOT, 'wrangler.toml'),
    dev: {
      persist: join(ROOT, '.wrangler', 'state'),
      server: { hostname: host, port },
      inspector: false,
      logLevel: 'error',
      liveReload: false,
      watch: true,
      structuredLogsHandler: ({ level, message }: { level: string; message: string }) => {
        // A page asks for many pictures: their lines would bury the others.
        if (message.includes('"event":"request"')) {
          return;
        }
        const [, served] = /"event":"model_switched".*"to":"([^"]+)"/.exec(message) ?? [];
        process.stderr.write(
          served === undefined ? `${level}: ${message}\n` : `serves ${served}\n`,
        );
      },
    },
  });

  let stopping = false;
  const stop = async (status: number): Promise<void> => {
    if (!stopping) {
      stopping = true;
      rmSync(NOTE_FILE, { force: true });
      await worker.dispose();
      process.exit(status);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => void stop(0));
  }
  // Neither note nor lock must outlive the server, however wrangler ends the process.
  process.on('exit', () => {
    rmSync(NOTE_FILE, { force: true });
    rmSync(join(ROOT, LOCK_FILE), { force: true });
  });

  const url = `http://${HOSTS[host]}:${port}`;
  try {
    await worker.ready;
    await waitForAnswer(`${url}/errors`); // This page needs no model: there may be none yet.
    mkdirSync(dirname(NOTE_FILE), { recursive: true });
    writeFileSync(NOTE_FILE, `${JSON.stringify({ url, pid: process.pid }, null, 2)}\n`);
    await publishShippedModel(url);
    await waitForAnswer(`${url}/healthz`);
  } catch (error) {
    complain('the worker did not start', error);
    await stop(1);
    return;
  }
  watchPage(buildPage);
  process.stdout.write(formatBanner(url));
  if (['0.0.0.0', '::'].includes(host)) {
    process.stdout.write(
      '  warning: every machine that reaches this one may ask it, and may write to its local\n' +
        '  bucket. This is for trying things out; npm run serve is made to be public.\n\n',
    );
  }
}

/** Serves edits of the page as soon as they are saved; wrangler does so for the worker. */
function watchPage(buildPage: () => Promise<void>): void {
  let timer: NodeJS.Timeout | undefined;
  let built = Promise.resolve();
  const watcher = watch(join(ROOT, 'page'), { recursive: true }, () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      // One after the other: the newest build must be the last one to write.
      built = built
        .then(buildPage)
        .catch((error: unknown) => complain('the page was not built', error));
    }, PAGE_PAUSE_MS);
  });
  watcher.on('error', (error) => complain('edits of the page are no longer noticed', error));
}

/**
 * Publishes the shipped model into a local bucket that has no pointer yet. If that fails, the
 * bundled model serves and /healthz reports it.
 */
async function publishShippedModel(url: string): Promise<void> {
  try {
    const store = createLocalStore(url, `local R2 of ${url}`);
    if ((await store.get(POINTER_KEY)) === null) {
      const { publishArtifact } = await import('../trainer/publish/publish.ts');
      const now = () => new Date();
      await publishArtifact({ store, folder: SHIPPED_MODEL, makeDefault: true, now });
    }
    await store.close();
  } catch (error) {
    complain(`${SHIPPED_MODEL} is not published to the local bucket`, error);
  }
}

function complain(what: string, error: unknown): void {
  const why = error instanceof Error ? error.message : String(error);
  process.stderr.write(`digitmint: ${what}: ${why}\n`);
}

function formatBanner(url: string): string {
  return `
  digitmint serves at ${url}

    ${url}/                       the playground, with the generator in the browser
    ${url}/digit?n=16             16 digits on one sheet
    ${url}/digit.json?n=2         digits as numbers, in JSON
    ${url}/digit.png?seed=Ada     the same digit every time
    ${url}/healthz                which model serves

  npm run publish -- --model DIR --default  serves another model, without a restart.
  Ctrl-C stops.

`;
}

function parseHost(text = ''): string {
  const host = text.trim() || 'localhost';
  if (!Object.hasOwn(HOSTS, host)) {
    const allowed = Object.keys(HOSTS).join(', ');
    fail(`HOST is ${JSON.stringify(host)}, expected one of ${allowed}`);
  }
  return host;
}

function parsePort(given = ''): number {
  const text = given.trim() || DEFAULT_PORT;
  const port = Number(text);
  if (!/^[0-9]+$/.test(text) || port < 1 || port > 65_535) {
    fail(`PORT is ${JSON.stringify(text)}, expected a whole number from 1 to 65535`);
  }
  return port;
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', ({ code }: NodeJS.ErrnoException) => {
      // A machine without IPv6 has no ::1.
      resolve(code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT');
    });
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

/** @throws Error  When there is no answer in time, or no success: a setting may be wrong. */
async function waitForAnswer(url: string): Promise<void> {
  const end = Date.now() + READY_TIMEOUT_MS;
  let answer: Response | undefined;
  while (answer === undefined) {
    answer = await fetch(url, { signal: AbortSignal.timeout(10_000) }).catch((error: unknown) => {
      if (Date.now() > end) {
        throw error;
      }
      return sleep(100, undefined);
    });
  }
  await answer.arrayBuffer();
  if (!answer.ok) {
    throw new Error(`${url} answers ${answer.status}`);
  }
}

function fail(message: string): never {
  process.stderr.write(`digitmint: ${message}\n`);
  process.exit(1);
}
