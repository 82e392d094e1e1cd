/**
 * Runs the real worker in the real edge runtime with a real local bucket, one for each test file.
 */
import { fileURLToPath } from 'node:url';
import { askAt, type Asking } from './ask.ts';
import { listObjects, type Fixture } from '../models/fixture-artifact.ts';

/** The part of the bucket's binding that tests use. */
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
  /** The queue of jobs; only the edge runtime has it. */
  readonly jobs?: TestBucket;
  /** Messages that the worker logged since its start. */
  readonly readLogs: () => string[];
  readonly close: () => Promise<void>;
}

// Makes no request to Cloudflare and prints nothing about itself.
process.env['WRANGLER_SEND_METRICS'] = 'false';
process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false';
process.env['WRANGLER_LOG'] = 'error';

const ROOT = new URL('../../../', import.meta.url);
const CONFIG = new URL('wrangler.toml', ROOT);

// Only where a worker starts, since wrangler takes 0.8 s to load.
const importWrangler = () => import('wrangler');

/** Settings of wrangler.toml that other entry points share with the worker. */
async function readSharedConfig() {
  const { unstable_readConfig: readConfig } = await importWrangler();
  const { name, compatibility_date, alias, define, r2_buckets, queues } = readConfig(
    { config: fileURLToPath(CONFIG) },
    { hideWarnings: true },
  );
  return { name, compatibility_date, alias, define, r2_buckets, queues };
}

/**
 * Starts the worker. It reads the pointer ten times a second and limits no client.
 * @param vars  Override those of wrangler.toml.
 * @param fill  Puts objects into the bucket before the first request.
 * @param main  Another entry point with the same configuration, without the pages' files.
 * @param rateLimits  Rate limits of that entry point; they replace those of wrangler.toml.
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
  const { createTestHarness } = await importWrangler();
  const harness = createTestHarness({
    root: fileURLToPath(ROOT),
    workers: [
      main === undefined
        ? { configPath: CONFIG, vars: allVars }
        : {
            config: {
              ...(await readSharedConfig()),
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

const PAUSE_MS = 50;

/** Repeats a request until the answer is as expected. Only the test's time limit ends the loop. */
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
