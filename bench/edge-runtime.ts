/**
 * The worker in the local edge runtime, asked at workerd's own socket: the proxy of `wrangler dev`
 * costs more than a request. In the same process runs a worker that answers “ok”, which shows
 * what the runtime and HTTP take. Needs Linux's /proc.
 */
import { readdir, readFile } from 'node:fs/promises';
import { Agent, request as openRequest } from 'node:http';
import { extname, join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { unstable_readConfig as readConfig } from 'wrangler';
import { buildPage } from '../dev/build/page.ts';
import { withBundle } from '../dev/measure-bundle.ts';
import { encodeManifest, MANIFEST_FILE } from '../shared/model/artifact.ts';
import type { TestBucket } from '../test/support/hosts/workerd.ts';
import type { Fixture } from '../test/support/models/fixture-artifact.ts';
import type { ArtifactFolder } from '../trainer/publish/artifact-folder.ts';
import { ROOT } from './harness.ts';
import { findDescendant, readUsage } from './process-usage.ts';

/** The limit of tables that compare with `floorUrl`. */
export const FLOOR = 'a worker in the same process that answers “ok”';

/**
 * Bundles the worker and runs it while `use` runs, without rate limits, page files and logs.
 *
 * @param fill  Puts objects into the bucket before the first request.
 */
export async function withEdge<T>(
  use: (edge: Awaited<ReturnType<typeof openEdge>>) => Promise<T>,
  fill?: (bucket: TestBucket) => Promise<void>,
): Promise<T> {
  await buildPage();
  const config = readConfig({ config: join(ROOT, 'wrangler.toml') }, { hideWarnings: true });
  const common = {
    compatibilityDate: config.compatibility_date ?? '',
    unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
  };
  const variables = config.vars as Record<string, string>;
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      handleStructuredLogs: () => undefined,
      workers: [
        {
          ...common,
          name: 'digitmint',
          rootPath: ROOT,
          modulesRoot: '/',
          modules: await withBundle(readModules),
          r2Buckets: { MODELS: 'models' },
          bindings: { ...variables, RATE_LIMIT: 'off', HEAVY_RATE_LIMIT: 'off' },
        },
        {
          ...common,
          name: 'floor',
          modules: true,
          script: 'export default { fetch: () => new Response("ok") };',
        },
      ],
    }),
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    await runtime.ready;
    await fill?.((await runtime.getR2Bucket('MODELS', 'digitmint')) as unknown as TestBucket);
    return await use(await openEdge(runtime, agent));
  } finally {
    agent.destroy();
    await runtime.dispose();
  }
}

/** `pid` is that of workerd, and `floorUrl` that of the worker that answers “ok”. */
async function openEdge(runtime: Miniflare, agent: Agent) {
  const pid = findDescendant('workerd');
  if (pid === undefined) {
    throw new Error('expected a process workerd under /proc; this benchmark runs on Linux only');
  }
  const url = await runtime.unsafeGetDirectURL('digitmint');
  const floorUrl = await runtime.unsafeGetDirectURL('floor');
  const workerd = await readFile(join(ROOT, 'node_modules/workerd/package.json'), 'utf8');
  const { version } = JSON.parse(workerd) as { version: string };
  /**
   * Sends the same request again and again, one after the other, over one connection.
   * @returns       Means of one request; processor time is of the whole runtime.
   * @throws Error  When an answer has an unexpected status.
   */
  const measure = async (
    path: string | URL,
    requests: number,
    {
      etag,
      isError = false,
      body,
    }: { etag?: string; isError?: boolean; body?: Uint8Array | undefined } = {},
  ) => {
    const target = new URL(path, url);
    const headers = etag === undefined ? {} : { 'If-None-Match': etag };
    let bytes = 0;
    const [cpuBefore, began] = [readUsage(pid).cpuMs, performance.now()];
    for (let i = 0; i < requests; i++) {
      const answer = await ask(target, agent, headers, body);
      const { status } = answer;
      if (isError ? status < 400 : status !== (etag === undefined ? 200 : 304)) {
        throw new Error(`${target.href} answers ${status}`);
      }
      ({ bytes } = answer);
    }
    const elapsedMs = (performance.now() - began) / requests;
    return { elapsedMs, cpuMs: (readUsage(pid).cpuMs - cpuBefore) / requests, bytes };
  };
  const versions = { node: process.versions.node, workerd: version };
  return { url, floorUrl, pid, versions, measure };
}

/**
 * Sends the least that HTTP allows: `fetch` takes longer than the answer. Reads the body.
 * @param sent  The body of a POST. Without one it is a GET.
 */
export function ask(
  url: URL,
  agent: Agent,
  headers: Readonly<Record<string, string>> = {},
  sent?: Uint8Array,
): Promise<{ status: number; bytes: number }> {
  return new Promise((resolve, reject) => {
    const method = sent === undefined ? 'GET' : 'POST';
    const request = openRequest(url, { agent, headers, method }, (answer) => {
      let bytes = 0;
      answer.on('data', (part: Buffer) => (bytes += part.length));
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, bytes }));
    });
    request.on('error', reject);
    request.end(sent);
  });
}

/** Asks for one seeded picture. @returns  Its ETag. */
export async function fetchEtag({ url }: { url: URL }): Promise<string> {
  const answer = await fetch(new URL('/digit.png?seed=a', url));
  await answer.arrayBuffer();
  return answer.headers.get('etag') as string;
}

/** An artifact with its manifest among its files, as the tests' helpers put it into a bucket. */
export function toFixture({ manifest, files }: ArtifactFolder): Fixture {
  return { manifest, files: new Map([...files, [MANIFEST_FILE, encodeManifest(manifest)]]) };
}

async function readModules(folder: string) {
  const types = { '.js': 'ESModule', '.wasm': 'CompiledWasm', '.bin': 'Data' } as const;
  const files = (await readdir(folder)).filter((file) => extname(file) in types);
  // Miniflare takes the first module as the worker.
  const sorted = files.toSorted((a, b) => Number(b === 'index.js') - Number(a === 'index.js'));
  return Promise.all(
    sorted.map(async (file) => ({
      type: types[extname(file) as keyof typeof types],
      path: `/${file}`,
      contents: new Uint8Array(await readFile(join(folder, file))),
    })),
  );
}
