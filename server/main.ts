/**
 * The entry of the server on Node: settings in, log lines out, and an end that loses no answer.
 */
import { formatLogLine, type LogEvent } from '../worker/http/log.ts';
import type { ObjectReader } from '../worker/models/model-store.ts';
import { RATE_WINDOW_SECONDS, type RateLimit, type RateLimits } from '../worker/http/admission.ts';
import { createService } from '../worker/service.ts';
import { openFolder } from './folder-reader.ts';
import { startHttpServer } from './http-server.ts';
import { createRateLimiter } from './rate-limiter.ts';
import { createS3Reader } from './s3-reader.ts';
import { SettingError } from './setting-error.ts';
import { addSite } from './site.ts';
import { describeUsage, parseSettings, type ModelsPlace, type Settings } from './settings.ts';

await main();

async function main(): Promise<void> {
  try {
    const settings = parseSettings(process.argv.slice(2), process.env);
    if (settings === 'help') {
      process.stdout.write(describeUsage());
      return;
    }
    await run(settings);
  } catch (cause) {
    const isExpected = cause instanceof SettingError;
    process.stderr.write(`digitmint: ${isExpected ? cause.message : (cause as Error).stack}\n`);
    process.exit(1);
  }
}

async function run(settings: Settings): Promise<void> {
  const app = createService({
    models: await openModels(settings.models),
    modelRefreshMs: settings.modelRefreshMs,
    publicKeys: settings.publicKeys,
    rateLimits: createRateLimits(settings),
    log: writeLine,
  });
  const server = await startHttpServer({
    ...settings,
    fetch: addSite((request, facts) => app.fetch(request, facts), import.meta.dirname),
    log: writeLine,
  });
  // The first request shall not wait for the model.
  await app.request('/healthz', {}, { note: () => undefined });
  writeLine({
    level: 'info',
    event: 'started',
    url: settings.publicOrigin ?? server.url,
    listens: server.url,
  });

  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) {
        process.exit(1); // Asked twice: at once.
      }
      isStopping = true;
      writeLine({ level: 'info', event: 'stopping', signal });
      void server.stop(settings.graceMs).then(() => {
        writeLine({ level: 'info', event: 'stopped' });
        process.exit(0); // A read of the storage may still be on its way.
      });
    });
  }
}

/** Of the connection's address: behind a proxy that is the proxy's, and limits are its business. */
function createRateLimits({ rateLimit, heavyRateLimit }: Settings): RateLimits | undefined {
  const create = (requests: number): RateLimit | undefined =>
    requests === 0
      ? undefined
      : {
          requests,
          limiter: createRateLimiter(requests, RATE_WINDOW_SECONDS * 1000, () => performance.now()),
        };
  const [all, heavy] = [create(rateLimit), create(heavyRateLimit)];
  return all === undefined && heavy === undefined
    ? undefined
    : { all, heavy, findAddress: (c) => c.env.address };
}

async function openModels(place: ModelsPlace): Promise<ObjectReader | undefined> {
  switch (place.kind) {
    case 'bundled':
      return undefined;
    case 'folder':
      return openFolder(place.path);
    case 's3':
      return createS3Reader(place.location);
  }
}

/** All to stdout, in one order. */
function writeLine(event: LogEvent): void {
  process.stdout.write(`${formatLogLine(event)}\n`);
}
