/**
 * Runs a job as its owner sees it while things go wrong: some messages come twice, and the whole
 * service is killed in the middle, begun again on its storage, and the job started again.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { jobManifestSchema, type jobSchema } from '../../../shared/contract/answers.ts';
import { isDeliveredAgain, isDeliveredAtOnce } from '../storage/twice-delivered.ts';
import { listDescendants, readUsage } from '../../../bench/process-usage.ts';

export type Job = v.InferOutput<typeof jobSchema>;

export interface JobService {
  readonly url: string;
  readonly secret: string;
  /** Shards that the worker wrote, and deliveries whose shard was there already. */
  readonly counts: { written: number; there: number };
  /** Resolves when the worker has written so many shards. */
  readonly untilWritten: (count: number) => Promise<void>;
  /** Processor time of the runtime, storage and queue included; undefined without /proc. */
  readonly readCpuMs: () => number | undefined;
  /** Sends SIGKILL to the service and to all that it started. */
  readonly kill: () => Promise<void>;
  readonly ask: (path: string, method?: string) => Promise<Job>;
}

export interface JobReport {
  readonly job: Job;
  /** Shards that were stored when the service was killed. */
  readonly doneAtKill: number;
  /** Shards that were stored when it answered again. */
  readonly doneAfterKill: number;
  readonly writtenAfterKill: number;
  /** Shards written after the kill whose message came twice, at once or later. */
  readonly deliveredTwice: number;
  /** Shards whose message came twice at once, so that two consumers drew them. */
  readonly drawnTwice: number;
  /** Second deliveries that changed nothing. */
  readonly withoutEffect: number;
  /** From each start of the job to the kill or its end, without the service's own start. */
  readonly seconds: number;
  readonly cpuMs: number | undefined;
}

const START_TIMEOUT_MS = 120_000;
const LOOK_EVERY_MS = 250;
/** A shard takes a second or two. */
const STALL_MS = 60_000;

/** Starts the service on a folder that outlives it. */
async function startJobService(folder: string, secret: string): Promise<JobService> {
  const program = join(import.meta.dirname, 'job-server.ts');
  const child = spawn(process.execPath, [program, folder, secret], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true, // In a process group of its own, which `kill` ends as a whole.
  });
  const ended = once(child, 'exit');
  const counts = { written: 0, there: 0 };
  const started = Promise.withResolvers<string>();
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    counts.written += Number(line.includes('"event":"shard_written"'));
    counts.there += Number(line.includes('"event":"shard_there"'));
    if (line.startsWith('{"url":')) {
      started.resolve((JSON.parse(line) as { url: string }).url);
    }
  });
  const died = ended.then(([code]) => {
    throw new Error(`the service ended with status ${code}`);
  });
  died.catch(started.reject);
  const fail = (what: string): void => started.reject(new Error(`the service ${what}`));
  const late = `did not start within ${START_TIMEOUT_MS} ms`;
  setTimeout(fail, START_TIMEOUT_MS, late).unref();
  const url = await started.promise;
  const headers = { authorization: `Bearer ${secret}` };
  return {
    url,
    secret,
    counts,
    untilWritten: async (count) => {
      while (counts.written < count) {
        await Promise.race([once(lines, 'line'), died]);
      }
    },
    readCpuMs: () => {
      // The worker's own process, which starts late, and the one before it.
      const pids = listDescendants('workerd', child.pid);
      const usages = pids.map((pid) => readUsage(pid).cpuMs);
      return usages.length === 0 ? undefined : usages.reduce((sum, cpuMs) => sum + cpuMs, 0);
    },
    kill: async () => {
      process.kill(-(child.pid as number), 'SIGKILL');
      await ended;
    },
    ask: async (path, method = 'GET') => {
      const answer = await fetch(new URL(path, url), { method, headers });
      if (!answer.ok) {
        throw new Error(`${method} ${path} answers ${answer.status}: ${await answer.text()}`);
      }
      return (await answer.json()) as Job;
    },
  };
}

/**
 * Runs a job to its end.
 *
 * @param start   Path and query that start the job.
 * @param killAt  The part of the shards, 0 to 1, that are stored when the service is killed.
 * @param log     Gets lines of progress.
 * @returns       The report, and the service, which still runs: the caller kills it.
 */
export async function runJob(
  folder: string,
  secret: string,
  {
    start,
    killAt,
    log = () => undefined,
  }: { start: string; killAt: number; log?: (line: string) => void },
): Promise<{ report: JobReport; service: JobService }> {
  const first = await startJobService(folder, secret);
  const before = first.readCpuMs();
  let began = performance.now();
  const { id, shards } = await first.ask(start, 'POST');
  const { total } = shards;
  log(`job ${id}: ${total} shards`);
  // The next shard is being drawn.
  await first.untilWritten(total * killAt);
  const doneAtKill = first.counts.written;
  const firstCpuMs = subtract(first.readCpuMs(), before);
  let seconds = (performance.now() - began) / 1000;
  await first.kill();
  log(`killed at ${doneAtKill} shards`);

  const second = await startJobService(folder, secret);
  const after = await second.ask(`/jobs/${id}`);
  log(`begun again: ${after.shards.done} shards are stored, ${after.state}; the queue is empty`);
  const middle = second.readCpuMs();
  began = performance.now();
  const missing = await listMissing(second, id, total);
  await second.ask(start, 'POST');
  const job = await waitFor(second, id, ({ state }) => state !== 'running', log);
  seconds += (performance.now() - began) / 1000;
  const deliveredTwice = missing.filter(
    (shard) => isDeliveredAtOnce(shard) || isDeliveredAgain(shard),
  ).length;
  // The last of the second deliveries are still in the queue.
  const end = performance.now() + STALL_MS;
  while (second.counts.there < deliveredTwice && performance.now() < end) {
    await sleep(LOOK_EVERY_MS);
  }
  const secondCpuMs = subtract(second.readCpuMs(), middle);
  const cpuMs =
    firstCpuMs === undefined || secondCpuMs === undefined ? undefined : firstCpuMs + secondCpuMs;
  const all = Array.from({ length: total }, (_, shard) => shard);
  const report = {
    job,
    doneAtKill,
    doneAfterKill: after.shards.done,
    writtenAfterKill: second.counts.written,
    deliveredTwice,
    drawnTwice: all.filter(isDeliveredAtOnce).length,
    withoutEffect: second.counts.there,
    seconds,
    cpuMs,
  };
  return { service: second, report };
}

/** Lists the shards that are not stored. The manifest tells of the first thousand shards. */
async function listMissing(
  { url, secret }: JobService,
  id: string,
  total: number,
): Promise<number[]> {
  const answer = await fetch(new URL(`/jobs/${id}/manifest`, url), {
    headers: { authorization: `Bearer ${secret}` },
  });
  const { shards } = v.parse(jobManifestSchema, await answer.json());
  const stored = new Set(shards.map(({ shard }) => shard));
  return Array.from({ length: total }, (_, shard) => shard).filter((shard) => !stored.has(shard));
}

async function waitFor(
  service: JobService,
  id: string,
  isReached: (job: Job) => boolean,
  log: (line: string) => void,
): Promise<Job> {
  let [logged, done, changedAt] = [0, 0, performance.now()];
  for (;;) {
    const job = await service.ask(`/jobs/${id}`);
    if (isReached(job)) {
      return job;
    }
    if (job.shards.done !== done) {
      [done, changedAt] = [job.shards.done, performance.now()];
    } else if (performance.now() - changedAt > STALL_MS) {
      throw new Error(`no shard within ${STALL_MS} ms: ${JSON.stringify(job)}`);
    }
    if (job.shards.done - logged >= job.shards.total / 10) {
      logged = job.shards.done;
      log(`${logged} of ${job.shards.total} shards, ${job.digits} digits`);
    }
    await sleep(LOOK_EVERY_MS);
  }
}

function subtract(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a - b;
}
