/**
 * The worker in the local edge runtime, asked at workerd's own socket: the proxy of `wrangler dev`
 * costs more than a request. In the same process runs a worker that answers “ok”, which shows what
 * the runtime and HTTP take.
 */
import { readdir, readFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { extname, join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { unstable_readConfig as readConfig } from 'wrangler';
import { buildPage } from '../dev/build/page.ts';
import { withBundle } from '../dev/measure-bundle.ts';
import { encodeManifest, MANIFEST_FILE } from '../shared/model/artifact.ts';
import type { Fixture } from '../test/support/models/fixture-artifact.ts';
import type { TestBucket } from '../test/support/hosts/workerd.ts';
import type { ArtifactFolder } from '../trainer/publish/artifact-folder.ts';
import { findDescendant, readUsage } from './process-usage.ts';
import { ROOT } from './suite.ts';

/** The limit of tables that compare with {@link Edge.floorUrl}. */
export const FLOOR = 'a worker in the same process that answers “ok”';

export interface Edge {
  readonly url: URL;
  /** Of the worker that answers “ok”. */
  readonly floorUrl: URL;
  /** Of workerd. */
  readonly pid: number;
  /** Of Node and workerd. */
  readonly versions: Readonly<Record<string, string>>;
  /**
   * Sends the same request again and again, one after the other, over one connection.
   * @returns      Means of one request; processor time is of the whole runtime.
   * @throws Error  When an answer has an unexpected status.
   */
  readonly measure: (request: EdgeRequest) => Promise<RequestCost>;
}

export interface EdgeRequest {
  /** Relative to the worker's own URL, or absolute. */
  readonly url: string | URL;
  readonly requests: number;
  /** Sent as If-None-Match; the answer must be a 304. */
  readonly etag?: string;
  /** The answer must be an error. */
  readonly isWrong?: boolean;
}

export interface RequestCost {
  readonly cpuMs: number;
  readonly elapsedMs: number;
  /** Of the answer's body. */
  readonly bytes: number;
}

const MODULE_TYPES: Readonly<Record<string, 'ESModule' | 'CompiledWasm' | 'Data'>> = {
  '.js': 'ESModule',
  '.wasm': 'CompiledWasm',
  '.bin': 'Data',
};
const LOCAL_SOCKET = { host: '127.0.0.1', port: 0 };

/**
 * Bundles the worker and runs it while `use` runs, without rate limits, page files and logs.
 *
 * @param fill   Puts objects into the bucket before the first request.
 * @throws Error  Where there is no /proc.
 */
export async function withEdge<T>(
  use: (edge: Edge) => Promise<T>,
  fill: (bucket: TestBucket) => Promise<void> = async () => undefined,
): Promise<T> {
  await buildPage();
  const config = readConfig({ config: join(ROOT, 'wrangler.toml') }, { hideWarnings: true });
  const compatibilityDate = config.compatibility_date ?? '';
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
          compatibilityDate,
          r2Buckets: { MODELS: 'models' },
          bindings: {
            ...(config.vars as Record<string, string>),
            RATE_LIMIT: 'off',
            HEAVY_RATE_LIMIT: 'off',
          },
          unsafeDirectSockets: [LOCAL_SOCKET],
        },
        {
          name: 'floor',
          compatibilityDate,
          modules: true,
          script: 'export default { fetch: () => new Response("ok") };',
          unsafeDirectSockets: [LOCAL_SOCKET],
        },
      ],
    }),
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    await runtime.ready;
    await fill((await runtime.getR2Bucket('MODELS', 'digitmint')) as unknown as TestBucket);
    const pid = findDescendant('workerd');
    if (pid === undefined) {
      throw new Error('expected a process workerd under /proc; this benchmark runs on Linux only');
    }
    const url = await runtime.unsafeGetDirectURL('digitmint');
    return await use({
      url,
      floorUrl: await runtime.unsafeGetDirectURL('floor'),
      pid,
      versions: { node: process.versions.node, workerd: await readWorkerdVersion() },
      measure: async (request) => {
        let bytes = 0;
        const [cpuBefore, began] = [readUsage(pid).cpuMs, performance.now()];
        for (let i = 0; i < request.requests; i++) {
          bytes = await ask(new URL(request.url, url), agent, request);
        }
        const elapsedMs = (performance.now() - began) / request.requests;
        return { elapsedMs, cpuMs: (readUsage(pid).cpuMs - cpuBefore) / request.requests, bytes };
      },
    });
  } finally {
    agent.destroy();
    await runtime.dispose();
  }
}

/** The least that an HTTP client can do: `fetch` takes longer than the answer. */
function ask(url: URL, agent: Agent, { etag, isWrong }: EdgeRequest): Promise<number> {
  const headers = etag === undefined ? {} : { 'If-None-Match': etag };
  const expected = etag === undefined ? 200 : 304;
  return new Promise((resolve, reject) => {
    const request = get(url, { agent, headers }, (answer) => {
      const { statusCode = 0 } = answer;
      if (isWrong === true ? statusCode < 400 : statusCode !== expected) {
        reject(new Error(`${url.href} answers ${statusCode}`));
      }
      let bytes = 0;
      answer.on('data', (part: Buffer) => (bytes += part.length));
      answer.on('error', reject);
      answer.on('end', () => resolve(bytes));
    });
    request.on('error', reject);
  });
}

/** Asks for one seeded picture. @returns  Its ETag. */
export async function fetchEtag({ url }: Edge, path = '/digit.png?seed=a'): Promise<string> {
  const answer = await fetch(new URL(path, url));
  await answer.arrayBuffer();
  const etag = answer.headers.get('etag');
  if (etag === null) {
    throw new Error(`${path} has no ETag`);
  }
  return etag;
}

/** An artifact with its manifest among its files, as the tests' helpers put it into a bucket. */
export function toFixture({ manifest, files }: ArtifactFolder): Fixture {
  return { manifest, files: new Map([...files, [MANIFEST_FILE, encodeManifest(manifest)]]) };
}

async function readModules(folder: string) {
  const files = (await readdir(folder)).filter((file) => extname(file) in MODULE_TYPES);
  // Miniflare takes the first module as the worker.
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
