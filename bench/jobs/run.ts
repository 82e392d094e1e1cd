/**
 * A job as its owner sees it, with what can go wrong: some of its messages come twice, and the whole service is killed in the middle, begun
 * again on what was written, and the job started again.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as z from 'zod';
import { jobManifestSchema, type jobSchema } from '../../shared/contract/answers.ts';
import { isDeliveredAgain, isDeliveredAtOnce } from '../../test/support/storage/twice-delivered.ts';
import { listDescendants, readUsage } from '../process-usage.ts';

export type Job = z.output<typeof jobSchema>;

/** The service, and what its worker said of shards. */
export interface JobService {
  readonly url: string;
  readonly secret: string;
  /** Shards that were written, and deliveries that found theirs written. */
  readonly counts: { written: number; there: number };
  /** Processor time of the runtime since it began, storage and queue included; undefined without /proc. */
  readonly readCpuMs: () => number | undefined;
  /** Ends it at once, whatever it does: SIGKILL, to it and all that it started. */
  readonly kill: () => Promise<void>;
  readonly ask: (path: string, method?: string) => Promise<Job>;
}

export interface JobReport {
  readonly job: Job;
  /** Shards that were there when the service was killed, and when it answered again. */
  readonly doneAtKill: number;
  readonly doneAfterKill: number;
  /** Shards that the service wrote after it began again. */
  readonly writtenAfterKill: number;
  /** Of those, the ones whose message came twice, at once or later. */
  readonly deliveredTwice: number;
  /** Shards of all whose message came twice at once, so that two consumers drew them. */
  readonly drawnTwice: number;
  /** Second deliveries that changed nothing. */
  readonly withoutEffect: number;
  /** From each start of the job to the kill and to its end, without the time that the service takes to begin. */
  readonly seconds: number;
  readonly cpuMs: number | undefined;
}

const START_TIMEOUT_MS = 120_000;
const LOOK_EVERY_MS = 250;
/** A shard takes a second or two. */
const STALL_MS = 60_000;

/** Starts the service on a folder that lasts. */
export async function startJobService(folder: string, secret: string): Promise<JobService> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'server.ts'), folder, secret], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true, // A group of its own, which is killed whole.
  });
  const ended = once(child, 'exit');
  const counts = { written: 0, there: 0 };
  const lines = createInterface({ input: child.stdout });
  const url = await new Promise<string>((resolve, reject) => {
    lines.on('line', (line) => {
      counts.written += Number(line.includes('"event":"shard_written"'));
      counts.there += Number(line.includes('"event":"shard_there"'));
      if (line.startsWith('{"url":')) {
        resolve((JSON.parse(line) as { url: string }).url);
      }
    });
    void ended.then(([code]) => reject(new Error(`the service ended with status ${code}`)));
    setTimeout(
      () => reject(new Error(`the service did not start within ${START_TIMEOUT_MS} ms`)),
      START_TIMEOUT_MS,
    ).unref();
  });
  return {
    url,
    secret,
    counts,
    readCpuMs: () => {
      const pids = listDescendants('workerd', child.pid); // The worker’s, which begins late, and one that stands before it.
      return pids.length === 0
        ? undefined
        : pids.reduce((sum, pid) => sum + readUsage(pid).cpuMs, 0);
    },
    kill: async () => {
      process.kill(-(child.pid as number), 'SIGKILL');
      await ended;
    },
    ask: async (path, method = 'GET') => {
      const answer = await fetch(new URL(path, url), {
        method,
        headers: { authorization: `Bearer ${secret}` },
      });
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
 * @param start   Path and query that start it.
 * @param killAt  The part of its shards, 0 to 1, that are there when the service is killed.
 * @param log     Told how far it is.
 * @returns       What came of it, and the service, which runs: kill it.
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
  log(`job ${id}: ${shards.total} shards`);
  const atKill = await waitFor(
    first,
    id,
    ({ shards: { done } }) => done >= shards.total * killAt,
    log,
  );
  await sleep(LOOK_EVERY_MS / 2); // In the middle of a shard, most likely.
  const firstCpuMs = minus(first.readCpuMs(), before);
  let seconds = (performance.now() - began) / 1000;
  await first.kill();
  log(`killed at ${atKill.shards.done} shards`);

  const second = await startJobService(folder, secret);
  const after = await second.ask(`/jobs/${id}`);
  log(
    `begun again: ${after.shards.done} shards are there, ${after.state}; nothing is in the queue`,
  );
  const middle = second.readCpuMs();
  began = performance.now();
  const missing = await listMissing(second, id, shards.total);
  await second.ask(start, 'POST');
  const job = await waitFor(second, id, ({ state }) => state !== 'running', log);
  seconds += (performance.now() - began) / 1000;
  const deliveredTwice = missing.filter(
    (shard) => isDeliveredAtOnce(shard) || isDeliveredAgain(shard),
  ).length;
  await waitUntil(() => second.counts.there >= deliveredTwice, 60_000); // The last of them lie behind in the queue.
  const secondCpuMs = minus(second.readCpuMs(), middle);
  return {
    service: second,
    report: {
      job,
      doneAtKill: atKill.shards.done,
      doneAfterKill: after.shards.done,
      writtenAfterKill: second.counts.written,
      deliveredTwice,
      drawnTwice: Array.from({ length: shards.total }, (_, shard) => shard).filter(
        isDeliveredAtOnce,
      ).length,
      withoutEffect: second.counts.there,
      seconds,
      cpuMs:
        firstCpuMs === undefined || secondCpuMs === undefined
          ? undefined
          : firstCpuMs + secondCpuMs,
    },
  };
}

/** Of the first thousand shards. */
async function listMissing(
  { url, secret }: JobService,
  id: string,
  total: number,
): Promise<number[]> {
  const answer = await fetch(new URL(`/jobs/${id}/manifest`, url), {
    headers: { authorization: `Bearer ${secret}` },
  });
  const { shards } = jobManifestSchema.parse(await answer.json());
  const there = new Set(shards.map(({ shard }) => shard));
  return Array.from({ length: total }, (_, shard) => shard).filter((shard) => !there.has(shard));
}

async function waitFor(
  service: JobService,
  id: string,
  isWished: (job: Job) => boolean,
  log: (line: string) => void,
): Promise<Job> {
  let [told, done, changedAt] = [0, 0, performance.now()];
  for (;;) {
    const job = await service.ask(`/jobs/${id}`);
    if (isWished(job)) {
      return job;
    }
    if (job.shards.done !== done) {
      [done, changedAt] = [job.shards.done, performance.now()];
    } else if (performance.now() - changedAt > STALL_MS) {
      throw new Error(`no shard within ${STALL_MS} ms: ${JSON.stringify(job)}`);
    }
    if (job.shards.done - told >= job.shards.total / 10) {
      told = job.shards.done;
      log(`${job.shards.done} of ${job.shards.total} shards, ${job.digits} digits`);
    }
    await sleep(LOOK_EVERY_MS);
  }
}

async function waitUntil(isSo: () => boolean, timeoutMs: number): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!isSo() && performance.now() < end) {
    await sleep(LOOK_EVERY_MS);
  }
}

function minus(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a - b;
}
