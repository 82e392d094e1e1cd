/** Tests `--workers`: several processes that serve on one port. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { findFreePort } from '../support/storage/s3-server.ts';
import { startServer, type TestServer } from '../support/hosts/node-server.ts';
import { waitUntil } from '../support/hosts/workerd.ts';

const running: TestServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop('SIGKILL')));
});

async function start(...args: string[]): Promise<TestServer> {
  const server = await startServer({ args: ['--workers', '2', ...args] });
  running.push(server);
  return server;
}

const listWorkers = ({ child: { pid } }: TestServer): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
/** Asks with a connection of its own, which goes to the next worker. */
const ask = ({ fetch }: TestServer, path: string) =>
  fetch(path, { headers: { Connection: 'close' } });

/** Runs a module that imports `CLUSTER`. @returns  Its exit status and what it prints. */
async function runModule(text: string) {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-cluster-'));
  const script = join(folder, 'main.ts');
  const module = pathToFileURL(resolve('server/cluster.ts')).href;
  await writeFile(script, text.replace('CLUSTER', module));
  const { status, stdout } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
  await rm(folder, { recursive: true });
  return { status, lines: stdout.trim().split('\n') };
}

/** A cluster whose worker asks, and is dead before the first process knows of it and answers. */
const DYING = `
import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import { joinCluster, runCluster } from 'CLUSTER';
const limit = async () => {
  const [{ process: { pid } }] = Object.values(cluster.workers);
  process.kill(pid, 'SIGKILL');
  while (!readFileSync('/proc/' + pid + '/stat', 'utf8').includes(') Z '));
  return { success: true };
};
if (cluster.isPrimary) {
  runCluster({
    script: import.meta.filename,
    workers: 1,
    limiters: { all: { limit } },
    stopMs: 0,
    log: ({ event }) => event === 'worker_ended' && setImmediate(() => process.exit(0)),
  });
} else {
  const joined = joinCluster();
  joined.tellStarted({});
  void joined.createLimiter('all').limit({ key: 'a' });
}
`;

/** A cluster whose worker is killed between the hand-over of a connection and its acceptance. */
const STOPPED = `
import cluster from 'node:cluster';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { joinCluster, runCluster } from 'CLUSTER';
if (cluster.isPrimary) {
  runCluster({ script: import.meta.filename, workers: 1, limiters: {}, stopMs: 0, log: () => {} });
  cluster.once('listening', ({ process: { pid } }, { port }) => {
    process.kill(pid, 'SIGSTOP');
    const client = connect(port, '127.0.0.1', async () => {
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      process.kill(pid, 'SIGKILL');
      cluster.once('listening', () => process.exit(1)); // The next worker serves already.
    });
    client.on('error', () => undefined).once('close', () => process.exit(0));
  });
} else {
  joinCluster().tellStarted({});
  createServer().listen(0, '127.0.0.1');
}
`;

/** A cluster whose worker dies when Node's own file is gone. Stops at the second loss. */
const WITHOUT_NODE = `
import cluster from 'node:cluster';
import { joinCluster, runCluster } from 'CLUSTER';
let lost = 0;
const log = ({ event, cause }) => {
  console.log(event, cause?.code ?? '');
  if (event === 'started') {
    process.execPath = '/nowhere/node';
    Object.values(cluster.workers)[0].process.kill('SIGKILL');
  } else if (event === 'worker_ended' && ++lost === 2) {
    process.kill(process.pid, 'SIGTERM');
  }
};
if (cluster.isPrimary) {
  runCluster({ script: import.meta.filename, workers: 1, limiters: {}, stopMs: 2 ** 31 - 1, log });
} else {
  joinCluster().tellStarted({});
}
`;

const isLinux = process.platform === 'linux';
if (!isLinux) {
  console.warn('Skipped: processes of --workers are found in /proc, which only Linux has');
}

describe.skipIf(!isLinux)('two workers', () => {
  test('all answer, share one limit, and end together', async () => {
    const server = await start('--rate-limit', '5');
    expect(JSON.parse(server.readLogs()[0] ?? '')).toMatchObject({ event: 'started', workers: 2 });
    const workers = listWorkers(server);
    expect(workers).toHaveLength(2);
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) {
      statuses.push((await ask(server, `/digit.png?seed=${i}`)).status);
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
    expect(await server.stop()).toBe(0);
    expect(workers.filter(isRunning)).toEqual([]);
    const events = server.readLogs().map((line) => (JSON.parse(line) as { event: string }).event);
    expect(events.filter((event) => event !== 'request')).toEqual([
      'started',
      'stopping',
      'stopped',
    ]);
  });

  test('one that dies is replaced, and answers go on', async () => {
    const server = await start();
    const [first = 0] = listWorkers(server);
    process.kill(first, 'SIGKILL');
    await waitUntil(
      async () => listWorkers(server),
      (workers) => workers.length === 2 && !workers.includes(first),
    );
    expect(server.readLogs().filter((line) => line.includes('"worker_ended"'))).toHaveLength(1);
    expect((await ask(server, '/digit.png')).status).toBe(200);
  });

  test('one that dies before it is answered takes no other with it', async () => {
    expect((await runModule(DYING)).status).toBe(0);
  });

  test('one that is killed leaves no client waiting', async () => {
    expect((await runModule(STOPPED)).status).toBe(0);
  });

  test('one that cannot be started is told, and tried again until the stop', async () => {
    expect(await runModule(WITHOUT_NODE)).toEqual({
      status: 0,
      lines: ['started ', 'worker_ended ', 'worker_ended ENOENT', 'stopping ', 'stopped'],
    });
    const atOnce = WITHOUT_NODE.replace('let lost', "process.execPath = '/nowhere/node'; let lost");
    expect(await runModule(atOnce)).toEqual({ status: 1, lines: ['worker_ended ENOENT'] });
  });

  test('none outlives the process that started it', async () => {
    const server = await start();
    const workers = listWorkers(server);
    await server.stop('SIGKILL');
    await waitUntil(
      async () => workers.filter(isRunning),
      (left) => left.length === 0,
    );
  });
});

test('a start that fails says so once', async () => {
  const port = String(await findFreePort());
  const first = await startServer({ args: ['--port', port] });
  running.push(first);
  const failure = await start('--port', port).catch(String);
  expect(failure).toMatch(/^Error: status 1: digitmint: [^\n]*is taken[^\n]*\n$/);
  const wrong = await start('--workers', '0').catch(String);
  expect(wrong).toMatch(/--workers is "0", expected a whole number from 1 to 64/);
});
