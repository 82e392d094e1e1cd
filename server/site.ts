/** Serves the pages' files beside the app, as Cloudflare does without the worker. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Hono } from 'hono';
import { serveStatic } from 'hono/serve-static';
import type { HostFacts } from '../worker/context.ts';
import { ASSET_HEADERS, ASSET_PATH } from '../worker/http/asset-headers.ts';

/** @param facts  Facts that only the host knows of the request. */
export type Fetch = (request: Request, facts: HostFacts) => Response | Promise<Response>;

/**
 * Keeps answers out of caches that callers share. The URLs in them come from the Host header, which
 * any caller can choose, and a proxy's cache may not have the host in its key.
 */
export function keepPrivate(app: Fetch): Fetch {
  return async (request, facts) => {
    const answer = await app(request, facts);
    const caching = answer.headers.get('cache-control') ?? 'private';
    answer.headers.set('Cache-Control', caching.replace(/^public\b/, 'private'));
    return answer;
  };
}

/**
 * Serves `/assets/` from memory, compressed where the client accepts that: a server that can open
 * no more files would promise bytes and send none. The app answers all other requests, and those
 * for missing files.
 * @param folder  Absolute path of the folder that dev/build/server.ts made.
 */
export function addSite(app: Fetch, folder: string): Fetch {
  if (!existsSync(folder + ASSET_PATH)) {
    throw new Error(
      `${folder} has no ${ASSET_PATH}: build the server with npm run build -- server`,
    );
  }
  const assets = folder + ASSET_PATH;
  const files = new Map(
    readdirSync(assets, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path, new Uint8Array(readFileSync(path))] as const),
  );
  const site = new Hono<{ Bindings: HostFacts }>();
  site.use(
    `${ASSET_PATH}*`,
    serveStatic({
      root: folder,
      join,
      getContent: async (path) => files.get(path) ?? null,
      precompressed: true,
      onFound: (_, c) => {
        for (const [name, value] of Object.entries(ASSET_HEADERS)) {
          c.header(name, value);
        }
        c.header('Vary', 'Accept-Encoding'); // Also where the client accepts no compression.
      },
    }),
  );
  site.all('*', (c) => app(c.req.raw, c.env));
  return (request, facts) => site.fetch(request, facts);
}
