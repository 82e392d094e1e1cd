/**
 * The local R2 bucket that `npm start` and `wrangler dev` serve from, over an S3 interface: that of
 * the running dev server, or else of a simulator that opens the same folder.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { wholeSchema } from '../shared/schema.ts';
import { acquireFileLock, isProcessAlive, parseJson } from './file-lock.ts';
import { classify } from './folder-store.ts';
import { StorageError, type ObjectStore } from './object-store.ts';
import { createS3Store } from './s3-store.ts';

/** Repeats wrangler.toml's `[[r2_buckets]]`. These credentials open nothing else: no secrets. */
export const LOCAL_BUCKET = {
  bucket: 'digitmint-models',
  credentials: { accessKeyId: 'digitmint-local', secretAccessKey: 'digitmint-local-secret' },
} as const;

/** The simulator keeps its buckets here, below the project: wrangler's own default. */
const PERSISTENCE_FOLDER = '.wrangler/state/v3';
/** Written by `npm start`, removed when it ends. */
export const DEV_SERVER_FILE = '.digitmint/dev-server.json';
/** Held by whoever has the bucket open. */
export const LOCK_FILE = '.digitmint/local-r2.lock';
/** A publisher may keep the bucket for long. */
const WAIT_MS = 60_000;
/** `npm start` may take the lock first, and then it can be asked. */
const LOOK_EVERY_MS = 1000;
const PING_TIMEOUT_MS = 3000;

const devServerSchema = v.object({
  url: v.pipe(
    v.string(),
    v.regex(/^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?(?:\/|$)/),
    v.url(),
  ),
  pid: wholeSchema(1),
});

/**
 * @param root  The project's folder, where wrangler.toml lies.
 * @throws StorageError  When `npm start` does not answer, or another publisher holds the bucket.
 */
export async function openLocalR2(root: string): Promise<ObjectStore> {
  const end = performance.now() + WAIT_MS;
  for (;;) {
    const url = (await findDevServer(root))?.url;
    if (url !== undefined) {
      return createLocalStore(url, `local R2 of ${url}`);
    }
    try {
      return await openPersisted(root);
    } catch (cause) {
      const isBusy = cause instanceof StorageError && cause.failure.reason === 'busy';
      if (!isBusy || performance.now() > end) {
        throw cause;
      }
    }
  }
}

/** Opens the bucket through the S3 interface of the simulator's server. */
export function createLocalStore(url: string, description: string): ObjectStore {
  const endpoint = new URL('cdn-cgi/local/r2/s3', url).href;
  return { ...createS3Store({ endpoint, region: 'auto', ...LOCAL_BUCKET }), description };
}

/**
 * Finds the running dev server by the note of `npm start`.
 * @returns  null when none runs.
 * @throws StorageError  When its process runs and does not answer.
 */
export async function findDevServer(root: string) {
  const text = await readFile(join(root, DEV_SERVER_FILE), 'utf8').catch(() => '');
  const server = parseJson(devServerSchema, text);
  if (server === null || !isProcessAlive(server.pid)) {
    return null;
  }
  try {
    const response = await fetch(server.url, {
      redirect: 'manual',
      signal: AbortSignal.timeout(PING_TIMEOUT_MS),
    });
    await response.body?.cancel();
    return server;
  } catch (cause) {
    // It keeps the bucket open; a second writer could lose its writes.
    const detail =
      `\`npm start\` (process ${server.pid}) does not answer at ${server.url}; ` +
      `stop it, or delete ${join(root, DEV_SERVER_FILE)} if it does not run`;
    throw new StorageError('local R2', { reason: 'busy', detail }, { cause });
  }
}

async function openPersisted(root: string): Promise<ObjectStore> {
  const persisted = join(root, PERSISTENCE_FOLDER);
  const description = `local R2 in ${persisted}`;
  const lock = await lockLocalR2(root, LOOK_EVERY_MS);
  try {
    const { simulator, url } = await startSimulator(persisted, description);
    const store = createLocalStore(url, description);
    const close = async (): Promise<void> => {
      await store.close();
      await simulator.dispose();
      await lock.release();
    };
    return { ...store, close };
  } catch (cause) {
    await lock.release();
    throw cause;
  }
}

/**
 * Keeps other processes out of the bucket: two at once could lose each other's objects. The lock of
 * a killed process is broken at once.
 * @throws StorageError  When another process holds it for longer than `timeoutMs`.
 */
export async function lockLocalR2(root: string, timeoutMs: number) {
  const path = join(root, LOCK_FILE);
  const description = `local R2 in ${join(root, PERSISTENCE_FOLDER)}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    return await acquireFileLock(path, { timeoutMs, staleMs: Number.POSITIVE_INFINITY });
  } catch (cause) {
    throw new StorageError(description, classify(cause), { cause });
  }
}

async function startSimulator(persisted: string, description: string) {
  // Loaded here because it comes with wrangler, which an installation for training may lack.
  const { Miniflare, convertV4MiniflareOptions } = await import('miniflare').catch(
    (cause: unknown) => {
      const detail = 'wrangler is not installed: run `npm install`, or publish with --to';
      throw new StorageError(description, { reason: 'unsupported', detail }, { cause });
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
    await simulator.dispose().catch(() => undefined); // It throws the same once more.
    const detail = 'the R2 simulator did not start';
    throw new StorageError(description, { reason: 'unreachable', detail }, { cause });
  }
}
