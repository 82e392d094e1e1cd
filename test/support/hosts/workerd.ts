/**
 * The real worker in the real edge runtime with a real local bucket: one for each test file.
 */
import { fileURLToPath } from 'node:url';
import { createTestHarness, unstable_readConfig as readConfig, type TestHarness } from 'wrangler';
import { askAt, type Asking } from './ask.ts';
import { listObjects, type Fixture } from '../models/fixture-artifact.ts';

/** What tests use of the bucket's binding. */
export interface TestBucket {
  put(key: string, value: Uint8Array | string): Promise<unknown>;
  delete(keys: string | string[]): Promise<void>;
  list(): Promise<{ objects: { key: string }[] }>;
}

/** As in wrangler.toml. */
export interface RateLimitBinding {
  readonly name: string;
  readonly namespace_id: string;
  readonly simple: { readonly limit: number; readonly period: 10 | 60 };
}

export interface TestWorker extends Asking {
  readonly url: URL;
  readonly bucket: TestBucket;
  /** Of jobs; in the edge runtime alone. */
  readonly jobs?: TestBucket;
  /** Messages that the worker wrote since it started. */
  readonly readLogs: () => string[];
  readonly close: () => Promise<void>;
}

// Offline, and silent about itself.
process.env['WRANGLER_SEND_METRICS'] = 'false';
process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false';
process.env['WRANGLER_LOG'] = 'error';

const ROOT = new URL('../../../', import.meta.url);
const CONFIG = new URL('wrangler.toml', ROOT);

/** What of wrangler.toml another entry shares with the worker's own. */
function readSharedConfig() {
  const { name, compatibility_date, alias, define, r2_buckets, queues } = readConfig(
    { config: fileURLToPath(CONFIG) },
    { hideWarnings: true },
  );
  return { name, compatibility_date, alias, define, r2_buckets, queues };
}

/**
 * Starts the worker.
 * @param vars  Override those of wrangler.toml; the pointer is looked at ten times a second, and no
 *              caller is limited.
 * @param fill  Puts objects into the bucket before the first request.
 * @param main  Another entry than the worker's own, under the same configuration, without the
 *              pages' files.
 * @param rateLimits  In place of wrangler.toml's, of that entry.
 */
export async function startWorker(
  fill: (bucket: TestBucket) => Promise<void> = async () => undefined,
  vars: Record<string, string> = {},
  main?: URL,
  rateLimits: readonly RateLimitBinding[] = [],
): Promise<TestWorker> {
  const allVars = {
    MODEL_REFRESH_SECONDS: '0.1',
    RATE_LIMIT: 'off',
    HEAVY_RATE_LIMIT: 'off',
    JOBS_SECRET: '',
    ...vars,
  };
  const harness: TestHarness = createTestHarness({
    root: fileURLToPath(ROOT),
    workers: [
      main === undefined
        ? { configPath: CONFIG, vars: allVars }
        : {
            config: {
              ...readSharedConfig(),
              vars: allVars,
              main: fileURLToPath(main),
              ratelimits: [...rateLimits],
            },
          },
    ],
  });
  const { url } = await harness.listen();
  const { MODELS: bucket, JOBS: jobs } = await harness
    .getWorker<{ MODELS: TestBucket; JOBS: TestBucket }>()
    .getEnv();
  await fill(bucket);
  return {
    url,
    ...askAt(url),
    bucket,
    jobs,
    readLogs: () => harness.getLogs().map((log) => log.message),
    close: () => harness.close(),
  };
}

/** Puts an artifact's files into the bucket, as publishing does before it moves the pointer. */
export async function putArtifact(bucket: TestBucket, fixture: Fixture): Promise<void> {
  for (const [key, bytes] of listObjects(fixture)) {
    await bucket.put(key, bytes);
  }
}

const PAUSE_MS = 20;

/** Asks again and again until the answer is as wished. The test's own time limit ends it. */
export async function waitUntil<T>(
  ask: () => Promise<T>,
  isWished: (answer: T) => boolean,
): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (isWished(answer)) {
      return answer;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
