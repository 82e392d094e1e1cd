/**
 * Runs the real worker in the real edge runtime with a real local bucket, one for each test file.
 */
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';
import { askAt, type Asking } from './ask.ts';
import { readWorkerConfig, type BuildSettings } from './worker-config.ts';
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

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Starts the worker by Miniflare, with the settings that wrangler reads from wrangler.toml. The
 * proxies and observers of `wrangler dev` would take most of a start's time and of a request's. The
 * worker reads the pointer ten times a second and limits no client.
 * @param vars  Override those of wrangler.toml.
 * @param fill  Puts objects into the bucket before the first request.
 * @param main  Another entry point with the same configuration, without the pages' files and
 *   without the variables of wrangler.toml.
 * @param rateLimits  Rate limits of that entry point; they replace those of wrangler.toml.
 */
export async function startWorker(
  fill: (bucket: TestBucket) => Promise<void> = async () => undefined,
  vars: Record<string, string> = {},
  main?: URL,
  rateLimits: RateLimitBinding[] = [],
): Promise<TestWorker> {
  const { options, ...config } = await readWorkerConfig();
  const { assets: _, ...others } = options;
  const { compatibilityDate = '', r2Buckets = {} } = options;
  const common = { compatibilityDate, r2Buckets };
  const logs: string[] = [];
  const { Miniflare, convertV4MiniflareOptions } = await import('miniflare');
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      cf: false,
      handleStructuredLogs: ({ message }) => logs.push(message),
      workers: [
        {
          ...(main === undefined ? options : { ...others, ratelimits: byName(rateLimits) }),
          bindings: {
            ...(main === undefined && options.bindings),
            MODEL_REFRESH_SECONDS: '0.1',
            RATE_LIMIT: 'off',
            HEAVY_RATE_LIMIT: 'off',
            JOBS_SECRET: '',
            ...vars,
          },
          name: 'digitmint',
          modulesRoot: '/',
          modules: await bundleOnce(main === undefined ? config.main : fileURLToPath(main), config),
        },
        { ...common, name: 'lister', modules: true, script: LISTER },
      ],
    }),
  );
  const url = await runtime.ready;
  const { MODELS: bucket, JOBS: jobs } = await runtime.getBindings<{
    MODELS: TestBucket;
    JOBS: TestBucket;
  }>();
  /** Gives a bucket another `list`. */
  const withList = (binding: TestBucket, name: string): TestBucket => ({
    put: (key, value) => binding.put(key, value),
    delete: (keys) => binding.delete(keys),
    list: async () => {
      const headers = { 'MF-Route-Override': 'lister' };
      const answer = await runtime.dispatchFetch(`http://lister/${name}`, { headers });
      return (await answer.json()) as Awaited<ReturnType<TestBucket['list']>>;
    },
  });
  await fill(bucket);
  return {
    url,
    ...askAt(url),
    bucket: withList(bucket, 'MODELS'),
    jobs: withList(jobs, 'JOBS'),
    readLogs: () => [...logs],
    close: () => runtime.dispose(),
  };
}

function byName(limits: readonly RateLimitBinding[]): Record<string, RateLimitBinding> {
  return Object.fromEntries(limits.map((limit) => [limit.name, limit]));
}

/**
 * A worker beside the one under test that lists the keys of a bucket. Through Miniflare's own
 * binding, the key of each object takes a request of its own, which blocks this process.
 */
const LISTER = `export default {
  async fetch({ url }, env) {
    const { objects } = await env[new URL(url).pathname.slice(1)].list();
    return Response.json({ objects: objects.map(({ key }) => ({ key })) });
  },
};`;

const bundles = new Map<string, ReturnType<typeof bundleWorker>>();

/** Bundles an entry point once in each process. */
function bundleOnce(main = '', settings: BuildSettings): ReturnType<typeof bundleWorker> {
  const modules = bundles.get(main) ?? bundleWorker(main, settings);
  bundles.set(main, modules);
  return modules;
}

/** Bundles as wrangler does. The first module is the script; it imports the binary ones. */
async function bundleWorker(main: string, { alias, define, minify, keep_names }: BuildSettings) {
  const { build } = await import('esbuild');
  const { nameAsset } = await import('../../../dev/build/bundle.ts');
  const binaries = new Map<string, { type: 'CompiledWasm' | 'Data'; contents: Buffer }>();
  const keepBinaries: Plugin = {
    name: 'keep-binaries',
    setup({ onResolve }) {
      onResolve({ filter: /\.(wasm|bin)$/ }, ({ path, resolveDir }) => {
        const contents = readFileSync(join(resolveDir, path));
        const name = nameAsset(path, contents);
        const type = extname(path) === '.wasm' ? 'CompiledWasm' : 'Data';
        binaries.set(`/${name}`, { type, contents });
        return { path: `./${name}`, external: true };
      });
    },
  };
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [main],
    write: false,
    bundle: true,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    minify: minify === true,
    keepNames: keep_names !== false,
    define,
    ...(alias !== undefined && { alias }),
    logLevel: 'silent',
    plugins: [keepBinaries],
  });
  const script = { type: 'ESModule' as const, contents: outputFiles[0]?.text ?? '' };
  return [['/index.js', script] as const, ...binaries].map(([path, file]) => ({ path, ...file }));
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
