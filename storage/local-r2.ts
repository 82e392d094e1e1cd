/**
 * The local R2 bucket: the one that `npm start` and `wrangler dev` serve from. Reached through the dev server while one
 * runs, else opened where it is kept, with the same simulator; either way over its S3 interface.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Miniflare } from 'miniflare';
import { z } from 'zod';
import { acquireFileLock, isProcessAlive, LockTimeoutError, type FileLock } from './file-lock.ts';
import { StorageError, type ObjectStore } from './object-store.ts';
import { createS3Store } from './s3-store.ts';

/** As in wrangler.toml, `[[r2_buckets]]` and its `local_dev.experimental_s3_credentials`; no secrets, they open nothing else. */
export const LOCAL_BUCKET = {
  bucket: 'digitmint-models',
  credentials: { accessKeyId: 'digitmint-local', secretAccessKey: 'digitmint-local-secret' },
} as const;

/** Where the simulator keeps its buckets, below the project: wrangler's own default. */
const PERSISTENCE_FOLDER = '.wrangler/state/v3';
/** Written by `npm start`, removed when it ends. */
const DEV_SERVER_FILE = '.digitmint/dev-server.json';
const LOCK_FILE = '.digitmint/local-r2.lock';
/** The S3 interface's path on the simulator's server. */
const S3_PATH = 'cdn-cgi/local/r2/s3';
/** A publisher holds the bucket for seconds; one that was killed is seen to be gone. */
const LOCK_OPTIONS = { timeoutMs: 60_000, staleMs: Number.POSITIVE_INFINITY };
const PING_TIMEOUT_MS = 3000;

const devServerSchema = z.object({
  url: z.url({ protocol: /^http$/, hostname: /^(?:127\.0\.0\.1|localhost|\[::1\])$/ }),
  pid: z.int().positive(),
});

/**
 * Opens the local bucket.
 *
 * @param root  The project's folder, where wrangler.toml lies.
 * @throws StorageError  When `npm start` runs but does not answer, or another publisher holds the bucket.
 */
export async function openLocalR2(root: string): Promise<ObjectStore> {
  const url = await findDevServer(root);
  return url === null
    ? openPersisted(root)
    : createLocalStore(url, `local R2 of ${url}`, () => Promise.resolve());
}

function createLocalStore(
  url: string,
  description: string,
  close: () => Promise<void>,
): ObjectStore {
  return {
    ...createS3Store({ endpoint: new URL(S3_PATH, url).href, region: 'auto', ...LOCAL_BUCKET }),
    description,
    close,
  };
}

/** Where the running dev server listens; null when none runs. */
async function findDevServer(root: string): Promise<string | null> {
  const file = join(root, DEV_SERVER_FILE);
  const server = parseDevServer(await readFile(file, 'utf8').catch(() => null));
  if (server === null || !isProcessAlive(server.pid)) {
    return null;
  }
  try {
    const response = await fetch(server.url, {
      redirect: 'manual',
      signal: AbortSignal.timeout(PING_TIMEOUT_MS),
    });
    await response.body?.cancel();
    return server.url;
  } catch (cause) {
    // It keeps the bucket open: going round it could make the two lose each other's writes.
    throw new StorageError(
      'local R2',
      {
        reason: 'busy',
        detail: `\`npm start\` (process ${server.pid}) does not answer at ${server.url}; stop it, or delete ${file} if it does not run`,
      },
      { cause },
    );
  }
}

function parseDevServer(text: string | null): z.infer<typeof devServerSchema> | null {
  if (text === null) {
    return null;
  }
  try {
    return devServerSchema.parse(JSON.parse(text));
  } catch {
    // Half-written, or by another version: the same as no server.
    return null;
  }
}

async function openPersisted(root: string): Promise<ObjectStore> {
  const persisted = join(root, PERSISTENCE_FOLDER);
  const description = `local R2 in ${persisted}`;
  const lock = await lockBucket(root, description);
  try {
    const { simulator, url } = await startSimulator(persisted, description);
    return createLocalStore(url, description, async () => {
      await simulator.dispose();
      await lock.release();
    });
  } catch (cause) {
    await lock.release();
    throw cause;
  }
}

async function lockBucket(root: string, description: string): Promise<FileLock> {
  const path = join(root, LOCK_FILE);
  await mkdir(join(path, '..'), { recursive: true });
  try {
    return await acquireFileLock(path, LOCK_OPTIONS);
  } catch (cause) {
    if (cause instanceof LockTimeoutError) {
      throw new StorageError(description, { reason: 'busy', detail: cause.message }, { cause });
    }
    throw cause;
  }
}

async function startSimulator(
  persisted: string,
  description: string,
): Promise<{ simulator: Miniflare; url: string }> {
  // Loaded here: it comes with wrangler, a tool of development, and training has no need of it.
  const { Miniflare, convertV4MiniflareOptions } = await import('miniflare').catch(
    (cause: unknown) => {
      throw new StorageError(
        description,
        {
          reason: 'unsupported',
          detail: 'wrangler is not installed: run `npm install`, or publish with --to',
        },
        { cause },
      );
    },
  );
  const simulator = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: 'export default { fetch() { return new Response(null, { status: 404 }); } };',
      host: '127.0.0.1',
      port: 0,
      resourcePersistencePath: persisted,
      r2Buckets: { MODELS: { id: LOCAL_BUCKET.bucket, s3Credentials: LOCAL_BUCKET.credentials } },
    }),
  );
  try {
    return { simulator, url: (await simulator.ready).href };
  } catch (cause) {
    await simulator.dispose();
    throw new StorageError(
      description,
      { reason: 'unreachable', detail: 'the R2 simulator did not start' },
      { cause },
    );
  }
}
