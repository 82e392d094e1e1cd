/** The entry of the server on Node: settings, log lines, and a stop without lost answers. */
import cluster from 'node:cluster';
import guides from '../.digitmint/guides.bin';
import openapi from '../.digitmint/openapi.bin';
import { ExpectedError } from '../shared/expected-error.ts';
import { formatLogLine, type LogEvent } from '../worker/http/log.ts';
import type { RateLimit, RateLimiter, RateLimits } from '../worker/http/admission.ts';
import type { App, RateKind } from '../worker/context.ts';
import { ASSET_PATH } from '../worker/http/asset-headers.ts';
import { createService } from '../worker/service.ts';
import { joinCluster, runCluster } from './cluster.ts';
import { startHttpServer } from './http-server.ts';
import { openModels } from './object-reader.ts';
import { createRateLimiter } from './rate-limiter.ts';
import { addSite, keepPrivate, type Fetch } from './site.ts';
import { describeUsage, parseSettings, type Settings } from './settings.ts';
import { killProcessAfter, onStopSignals } from './watchdog.ts';

/** Time after the grace period to cut off answers and write the log. */
const EXIT_MARGIN_MS = 5000;
/** Older ones have no `import.meta.dirname` or no `Dirent.parentPath`. */
const NEEDED_NODE = '20.12';

await main();

async function main(): Promise<void> {
  // A full disk, or a reader of the log that has ended, would end the server. Lines are lost until
  // the disk has room again.
  process.stdout.on('error', () => undefined);
  try {
    if (process.versions.node.localeCompare(NEEDED_NODE, 'en', { numeric: true }) < 0) {
      throw new ExpectedError(`needs Node ${NEEDED_NODE} or newer; this is ${process.version}`);
    }
    const settings = parseSettings(process.argv.slice(2), process.env);
    if (settings === 'help') {
      process.stdout.write(describeUsage());
      return;
    }
    if (settings.workers > 1 && cluster.isPrimary) {
      runCluster({
        script: import.meta.filename,
        workers: settings.workers,
        limiters: {
          all: createRateLimiter(settings.rateLimit),
          heavy: createRateLimiter(settings.heavyRateLimit),
        },
        stopMs: settings.graceMs + 2 * EXIT_MARGIN_MS,
        log: writeLine,
      });
    } else {
      await run(settings);
    }
  } catch (cause) {
    const isExpected = cause instanceof ExpectedError;
    process.stderr.write(`digitmint: ${isExpected ? cause.message : (cause as Error).stack}\n`);
    process.exit(1);
  }
}

/** Serves in this process, which may be one of several. */
async function run(settings: Settings): Promise<void> {
  const others = cluster.isWorker ? joinCluster() : undefined;
  const app = createService({
    models: await openModels(settings.models),
    modelRefreshMs: settings.modelRefreshMs,
    publicKeys: settings.publicKeys,
    hstsSeconds: settings.hstsSeconds,
    securityContact: settings.securityContact,
    rateLimits: createRateLimits(settings, others?.createLimiter),
    maxCpuMs: settings.maxCpuMs,
    guides,
    openapi,
    log: writeLine,
  });
  requireFreePath(app, settings.publicUrl);
  const answer: Fetch = (request, facts) => app.fetch(request, facts);
  const server = await startHttpServer({
    ...settings,
    fetch: addSite(
      settings.publicUrl === undefined ? keepPrivate(answer) : answer,
      import.meta.dirname,
    ),
    log: writeLine,
  });

  let isStopping = false;
  const stop = (say: typeof writeLine, signal?: NodeJS.Signals) => {
    isStopping = true;
    killProcessAfter(settings.graceMs + EXIT_MARGIN_MS);
    say({ level: 'info', event: 'stopping', signal });
    void server.stop(settings.graceMs).then(() => {
      say({ level: 'info', event: 'stopped' });
      process.exit(0); // A read of the storage may still run.
    });
  };
  // Before the waits below, because requests are answered already.
  if (others !== undefined) {
    others.onStop(() => isStopping || stop(() => undefined));
  } else {
    onStopSignals(
      (signal) => stop(writeLine, signal),
      () => process.exit(1),
    );
  }

  // Loads the model, so that the first request does not wait for it.
  await app.request('/healthz', {}, { note: () => undefined });
  // Loads what `POST /hand` imports: a new build may replace the files of a running server.
  await import('../shared/hand/digit-body.ts');
  if (isStopping) {
    return;
  }
  const started = { url: settings.publicUrl ?? server.url, listens: server.url };
  if (others === undefined) {
    writeLine({ level: 'info', event: 'started', ...started });
  } else {
    others.tellStarted(started);
  }
  if (settings.publicUrl === undefined && !server.isLoopback && (cluster.worker?.id ?? 1) === 1) {
    writeLine({
      level: 'warn',
      event: 'public_url_missing',
      message:
        'other machines can reach this server, and its answers hold the URL of the Host header, ' +
        'which every caller chooses: set PUBLIC_URL to the address that clients use. ' +
        'Until then every answer is private to its caller and no proxy may keep it',
    });
  }
}

/**
 * Refuses a public URL whose path begins like a route: a proxy may remove the path or pass it on,
 * and the two must not look the same.
 * @throws ExpectedError
 */
function requireFreePath(app: App, publicUrl: string | undefined): void {
  const [, first = ''] = new URL(publicUrl ?? 'http://localhost').pathname.split('/');
  const isRoute = app.routes.some(({ path }) => path.split(/[/.]/)[1] === first);
  if (first !== '' && (isRoute || ASSET_PATH === `/${first}/`)) {
    throw new ExpectedError(
      `the public URL is ${JSON.stringify(publicUrl)}, but /${first} is a path of this service; ` +
        'choose another, such as /digits',
    );
  }
}

/** Stands for the address of a connection that the caller has reset: the system forgets it. */
const GONE = 'gone';

/**
 * Counts by the connection's address. Behind a proxy all share one, and the proxy must limit.
 * @param join  Makes a limiter of several processes.
 */
function createRateLimits(
  { rateLimit, heavyRateLimit }: Settings,
  join?: (kind: RateKind) => RateLimiter,
): RateLimits | undefined {
  const create = (kind: RateKind, requests: number): RateLimit | undefined =>
    requests === 0 ? undefined : { requests, limiter: join?.(kind) ?? createRateLimiter(requests) };
  const [all, heavy] = [create('all', rateLimit), create('heavy', heavyRateLimit)];
  return all === undefined && heavy === undefined
    ? undefined
    : { all, heavy, findAddress: (c) => c.env.address ?? GONE };
}

/** Writes errors to stdout too, so that all lines keep their order. */
function writeLine(event: LogEvent): void {
  process.stdout.write(`${formatLogLine(event)}\n`);
}
