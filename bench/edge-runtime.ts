/**
 * The worker in the local edge runtime, asked at workerd's own socket: the proxy that `wrangler dev` puts before it, which costs
 * more than a request of ours, is not there. Beside it, in the same process, a worker that does nothing: what the runtime takes.
 */
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { unstable_readConfig as readConfig } from 'wrangler';
import { buildPage } from '../dev/build-page.ts';
import { withBundle } from '../dev/measure-bundle.ts';
import type { TestBucket } from '../test/support/hosts/workerd.ts';
import { findDescendant } from './process-usage.ts';

export interface Edge {
  readonly url: URL;
  /** Of the worker that answers `ok` to everything. */
  readonly floorUrl: URL;
  readonly bucket: TestBucket;
  /** Of workerd. */
  readonly pid: number;
  readonly versions: Readonly<Record<'workerd', string>>;
  readonly close: () => Promise<void>;
}

const ROOT = join(import.meta.dirname, '..');
const MODULE_TYPES: Readonly<Record<string, 'ESModule' | 'CompiledWasm' | 'Data'>> = {
  '.js': 'ESModule',
  '.wasm': 'CompiledWasm',
  '.bin': 'Data',
};
const LOCAL_SOCKET = { host: '127.0.0.1', port: 0 };

/**
 * Bundles the worker and starts it, without limits of rate and without the pages' files. Its lines of log are dropped.
 *
 * @param fill  Puts objects into the bucket before the first request.
 * @throws Error  Where there is no /proc.
 */
export async function startEdge(
  fill: (bucket: TestBucket) => Promise<void> = async () => undefined,
): Promise<Edge> {
  await buildPage();
  const { compatibility_date: compatibilityDate, vars } = readConfig(
    { config: join(ROOT, 'wrangler.toml') },
    { hideWarnings: true },
  );
  const modules = await withBundle(readModules);
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      handleStructuredLogs: () => undefined,
      workers: [
        {
          name: 'digitmint',
          rootPath: ROOT,
          modulesRoot: '/',
          modules,
          compatibilityDate: compatibilityDate ?? '',
          r2Buckets: { MODELS: 'models' },
          bindings: {
            ...(vars as Record<string, string>),
            RATE_LIMIT: 'off',
            HEAVY_RATE_LIMIT: 'off',
          },
          unsafeDirectSockets: [LOCAL_SOCKET],
        },
        {
          name: 'floor',
          compatibilityDate: compatibilityDate ?? '',
          modules: true,
          script: 'export default { fetch: () => new Response("ok") };',
          unsafeDirectSockets: [LOCAL_SOCKET],
        },
      ],
    }),
  );
  await runtime.ready;
  const bucket = (await runtime.getR2Bucket('MODELS', 'digitmint')) as unknown as TestBucket;
  await fill(bucket);
  const pid = findDescendant('workerd');
  if (pid === undefined) {
    throw new Error('expected a process workerd under /proc; this benchmark runs on Linux only');
  }
  return {
    url: await runtime.unsafeGetDirectURL('digitmint'),
    floorUrl: await runtime.unsafeGetDirectURL('floor'),
    bucket,
    pid,
    versions: { workerd: await readWorkerdVersion() },
    close: () => runtime.dispose(),
  };
}

async function readModules(folder: string) {
  const files = (await readdir(folder)).filter((file) => extname(file) in MODULE_TYPES);
  // The first is the worker.
  const sorted = files.toSorted((a, b) => Number(b === 'index.js') - Number(a === 'index.js'));
  return Promise.all(
    sorted.map(async (file) => ({
      type: MODULE_TYPES[extname(file)] as 'ESModule',
      path: `/${file}`,
      contents: new Uint8Array(await readFile(join(folder, file))),
    })),
  );
}

async function readWorkerdVersion(): Promise<string> {
  const lock = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string }>;
  };
  return lock.packages['node_modules/workerd']?.version ?? 'unknown';
}
