/** Counts a job's progress and cost from its objects, so a shard delivered twice counts once. */
import type * as v from 'valibot';
import type { jobSchema } from '../../shared/contract/answers.ts';
import { countPages, countShards, listPage } from './job.ts';
import type { JobStore, Stop } from './job-store.ts';

type Job = v.InferOutput<typeof jobSchema>;

export interface JobProgress extends Omit<Job, 'url' | 'manifestUrl'> {
  /** Pages with missing shards, in no order. */
  readonly unfinishedPages: readonly number[];
}

/** Parallel lists: Cloudflare opens six connections, and each answer holds a thousand shards. */
const LISTS_AT_ONCE = 6;
/** Failures that are named; all are counted. */
const MAX_NAMED = 10;

const REASONS: Readonly<Record<Stop, string>> = {
  cancelled: 'it was cancelled',
  model_gone: 'the version of its model is published no more',
  queue_failed: 'its shards could not be put into the queue',
};
const GIVEN_UP = 'shards were given up after every retry: the log says why';

/** Counts a job's shards. @returns  undefined when there is no such job. */
export async function readProgress(store: JobStore, id: string): Promise<JobProgress | undefined> {
  const found = await store.read(id);
  if (found === undefined) {
    return undefined;
  }
  const { record, createdAt } = found;
  const [stop, failures] = await Promise.all([store.readStop(id), store.listFailures(id)]);
  const failed = new Map(failures.map((each) => [each.shard, each.at]));
  const sum = { shards: 0, digits: 0, bytes: 0, drawMs: 0, lastAt: 0 };
  const unfinishedPages: number[] = [];
  const pages = Array(countPages(record)).keys(); // One iterator, which all counters share.
  const countInTurn = async (): Promise<void> => {
    for (const page of pages) {
      const shards = await store.listShards(id, record, page);
      for (const each of shards) {
        failed.delete(each.shard);
        sum.digits += each.n;
        sum.bytes += each.images.bytes + (each.labels?.bytes ?? 0);
        sum.drawMs += each.drawMs;
        sum.lastAt = Math.max(sum.lastAt, each.at.getTime());
      }
      sum.shards += shards.length;
      if (shards.length !== listPage(record, page).length) {
        unfinishedPages.push(page);
      }
    }
  };
  await Promise.all(Array.from({ length: LISTS_AT_ONCE }, countInTurn));
  const total = countShards(record);
  const { hasLabels: _, schema: __, shardDigits, ...described } = record;
  return {
    id,
    ...judge(total, sum.shards, failed.size, stop),
    ...described,
    shards: { total, done: sum.shards, failed: failed.size, digits: shardDigits },
    digits: sum.digits,
    bytes: sum.bytes,
    drawMs: sum.drawMs,
    costUsd: estimateCost(sum, record.n),
    createdAt: createdAt.toISOString(),
    lastShardAt: sum.shards === 0 ? null : new Date(sum.lastAt).toISOString(),
    failures: [...failed]
      .slice(0, MAX_NAMED)
      .map(([shard, at]) => ({ shard, at: at.toISOString() })),
    unfinishedPages,
  };
}

function judge(
  total: number,
  done: number,
  failed: number,
  stop: Stop | undefined,
): Pick<Job, 'state' | 'reason'> {
  if (done === total) {
    return { state: 'done', reason: null };
  }
  if (stop !== undefined) {
    return { state: stop === 'cancelled' ? 'cancelled' : 'failed', reason: REASONS[stop] };
  }
  return done + failed === total
    ? { state: 'failed', reason: GIVEN_UP }
    : { state: 'running', reason: null };
}

/**
 * Cloudflare's list prices in US dollars a million, read in November 2026 at
 * developers.cloudflare.com/workers/platform/pricing and /queues/platform/pricing.
 */
const PRICES = { invocation: 0.3, processorMs: 0.02, queueOperation: 0.4, write: 4.5, read: 0.36 };
/** Price of R2 in US dollars a gigabyte and month. */
const STORAGE = 0.015;
/** US dollars a million shards, each 3 queue operations, 3 writes (a list, 2 files), 2 reads. */
const SHARDS = PRICES.invocation + 3 * (PRICES.queueOperation + PRICES.write) + 2 * PRICES.read;

/** Estimates the cost in US dollars. @param n  Digits of the whole job. */
function estimateCost(
  done: { shards: number; digits: number; drawMs: number; bytes: number },
  n: number,
): Job['costUsd'] {
  const soFar = (done.shards * SHARDS + done.drawMs * PRICES.processorMs) / 1e6;
  return {
    soFar: roundDollars(soFar),
    expected: done.digits === 0 ? null : roundDollars((soFar * n) / done.digits),
    storageMonth: roundDollars((done.bytes / 1e9) * STORAGE),
  };
}

function roundDollars(dollars: number): number {
  return Math.round(dollars * 1e6) / 1e6;
}
