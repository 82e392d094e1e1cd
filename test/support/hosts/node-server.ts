/** Runs the built server in its own process, on a port that the system chooses. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { inject } from 'vitest';
import { findFreePort } from '../storage/s3-server.ts';
import { askAt } from './ask.ts';
import type { TestBucket, TestWorker } from './workerd.ts';

export interface ServerOptions {
  /** Environment variables; only PATH is inherited from this process. */
  readonly env?: Record<string, string>;
  readonly args?: readonly string[];
  /** A script to run in place of the built server. */
  readonly script?: string;
  readonly cwd?: string;
  /** Default: the Node that runs the tests. */
  readonly node?: string | undefined;
}

export interface TestServer {
  readonly url: URL;
  readonly child: ChildProcess;
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>;
  /** Lines written to stdout so far. */
  readonly readLogs: () => string[];
  /**
   * Sends a signal and waits for the end.
   * @returns  The exit status.
   */
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>;
}

/**
 * Starts the server and waits until it reports that it listens.
 * @throws Error  With the whole stderr when the server ends instead.
 */
export async function startServer({
  env = {},
  args = [],
  script,
  cwd,
  node = process.execPath,
}: ServerOptions = {}): Promise<TestServer> {
  const child = spawn(node, [script ?? join(inject('serverFolder'), 'server.js'), ...args], {
    env: { PATH: process.env['PATH'], PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd !== undefined && { cwd }),
  });
  const said = { stdout: '', stderr: '' };
  const ended = new Promise<number | null>((resolve) =>
    child.once('exit', (code) => resolve(code)),
  );
  const started = new Promise<URL>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
    child.stdout.on('data', (chunk: Buffer) => {
      said.stdout += chunk.toString();
      const line = said.stdout
        .split('\n')
        .find((each) => each.includes('"event":"started"') && each.endsWith('}'));
      if (line !== undefined) {
        resolve(new URL((JSON.parse(line) as { listens: string }).listens));
      }
    });
    child.once('close', (code) => reject(new Error(`status ${code}: ${said.stderr}`)));
  });
  const stop = (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    child.kill(signal);
    return ended;
  };
  const url = await started.catch(async (cause: unknown) => {
    await stop('SIGKILL');
    throw cause;
  });
  return {
    url,
    child,
    fetch: (path, init) => fetch(new URL(path, url), init),
    readLogs: () => said.stdout.split('\n').filter((line) => line !== ''),
    stop,
  };
}

/**
 * Starts the server on a temporary folder of models, as `startWorker` in workerd.ts does on a
 * bucket.
 */
export async function startNodeServer(
  fill: (bucket: TestBucket) => Promise<void> = async () => undefined,
  vars: Record<string, string> = {},
  script?: string,
): Promise<TestWorker> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-models-'));
  const bucket = createFolderBucket(folder);
  await fill(bucket);
  const server = await startPublicServer({
    env: { MODELS: folder, MODEL_REFRESH_SECONDS: '0.1', ...vars },
    ...(script !== undefined && { script }),
  });
  return {
    url: server.url,
    ...askAt(server.url),
    bucket,
    readLogs: server.readLogs,
    close: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Starts the server with PUBLIC_URL, since without it no answer may be kept by all caches. */
async function startPublicServer(options: ServerOptions): Promise<TestServer> {
  for (;;) {
    const port = String(await findFreePort());
    const env = { ...options.env, PORT: port, PUBLIC_URL: `http://127.0.0.1:${port}` };
    try {
      return await startServer({ ...options, env });
    } catch (cause) {
      if (!(cause as Error).message.includes('is taken')) {
        throw cause; // Otherwise another process took the port meanwhile.
      }
    }
  }
}

/** A bucket's interface for tests on a folder; every put replaces the whole file. */
function createFolderBucket(folder: string): TestBucket {
  return {
    put: async (key, value) => {
      const file = join(folder, key);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(join(folder, '.new'), value);
      await rename(join(folder, '.new'), file);
    },
    delete: async (keys) => {
      for (const key of [keys].flat()) {
        await rm(join(folder, key), { force: true });
      }
    },
    list: async () => {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const files = entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
      return {
        objects: files.map((file) => ({ key: relative(folder, file).split(sep).join('/') })),
      };
    },
  };
}
