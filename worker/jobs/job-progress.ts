/**
 * How far a job is: counted from what lies in the bucket, so that nothing that came twice is counted twice.
 */
import type * as z from 'zod';
import type { jobSchema } from '../../shared/contract/answers.ts';
import { estimateCost } from './cost.ts';
import { countPages, countShards, listPage } from './job.ts';
import type { JobStore, Stop } from './job-store.ts';

export interface JobProgress extends Omit<z.output<typeof jobSchema>, 'url' | 'manifestUrl'> {
  /** Pages of which shards are missing, in no order. */
  readonly unfinishedPages: readonly number[];
}

/** Lists that are asked for at once: Cloudflare opens six connections, and each answer holds a thousand shards. */
const LISTS_AT_ONCE = 6;

/** Failures that are named; all are counted. */
const MAX_NAMED = 10;

const REASONS: Readonly<Record<Stop, string>> = {
  cancelled: 'it was cancelled',
  model_gone: 'the version of its model is published no more',
  queue_failed: 'its shards could not be put into the queue',
};
const GIVEN_UP = 'shards were given up after every retry: the log says why';

/** Counts. @returns  undefined when there is no such job. */
export async function readProgress(store: JobStore, id: string): Promise<JobProgress | undefined> {
  const found = await store.read(id);
  if (found === undefined) {
    return undefined;
  }
  const { record, createdAt } = found;
  const [stop, failures] = await Promise.all([store.readStop(id), store.listFailures(id)]);
  const failed = new Map(failures.map((each) => [each.shard, each.at]));
  let [done, digits, bytes, drawMs, last] = [0, 0, 0, 0, 0];
  const unfinishedPages: number[] = [];
  const countPage = async (page: number): Promise<void> => {
    const shards = await store.listShards(id, record, page);
    for (const each of shards) {
      failed.delete(each.shard);
      digits += each.n;
      bytes += each.images.bytes + (each.labels?.bytes ?? 0);
      drawMs += each.drawMs;
      last = Math.max(last, each.at.getTime());
    }
    done += shards.length;
    if (shards.length !== listPage(record, page).length) {
      unfinishedPages.push(page);
    }
  };
  const pages = Array.from({ length: countPages(record) }, (_, page) => page);
  const count = async (): Promise<void> => {
    for (let page = pages.shift(); page !== undefined; page = pages.shift()) {
      await countPage(page);
    }
  };
  await Promise.all(Array.from({ length: LISTS_AT_ONCE }, count));
  const total = countShards(record);
  const { state, reason } = judge(total, done, failed.size, stop);
  const { model, seed, start, n, label, format, image, shardDigits } = record;
  return {
    id,
    state,
    reason,
    model,
    seed,
    start,
    n,
    label,
    format,
    image,
    shards: { total, done, failed: failed.size, digits: shardDigits },
    digits,
    bytes,
    drawMs,
    costUsd: estimateCost({ shards: done, digits, drawMs, bytes }, n),
    createdAt: createdAt.toISOString(),
    lastShardAt: done === 0 ? null : new Date(last).toISOString(),
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
): { readonly state: JobProgress['state']; readonly reason: string | null } {
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
