/**
 * How far a job is: counted from what lies in the bucket, so that nothing that came twice is counted twice.
 */
import type * as z from 'zod';
import type { jobSchema } from '../../shared/contract/answers.ts';
import { estimateCost } from './cost.ts';
import { countPages, countShards, listPage } from './job.ts';
import type { JobStore, Stop } from './job-store.ts';

export interface JobProgress extends Omit<z.output<typeof jobSchema>, 'url' | 'manifestUrl'> {
  /** Pages of which shards are missing. */
  readonly unfinishedPages: readonly number[];
}

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
  const pages = Array.from({ length: countPages(record) }, (_, page) => page);
  const [stop, failures, ...lists] = await Promise.all([
    store.readStop(id),
    store.listFailures(id),
    ...pages.map((page) => store.listShards(id, record, page)),
  ]);
  const done = new Set<number>();
  let [digits, bytes, drawMs, last] = [0, 0, 0, 0];
  const unfinishedPages = pages.filter((page) => {
    for (const each of lists[page] ?? []) {
      done.add(each.shard);
      digits += each.n;
      bytes += each.images.bytes + (each.labels?.bytes ?? 0);
      drawMs += each.drawMs;
      last = Math.max(last, each.at.getTime());
    }
    return lists[page]?.length !== listPage(record, page).length;
  });
  const total = countShards(record);
  const failed = failures.filter(({ shard }) => !done.has(shard));
  const { state, reason } = judge(total, done.size, failed.length, stop);
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
    shards: { total, done: done.size, failed: failed.length, digits: shardDigits },
    digits,
    bytes,
    drawMs,
    costUsd: estimateCost({ shards: done.size, digits, drawMs, bytes }, n),
    createdAt: createdAt.toISOString(),
    lastShardAt: done.size === 0 ? null : new Date(last).toISOString(),
    failures: failed.slice(0, MAX_NAMED).map(({ shard, at }) => ({ shard, at: at.toISOString() })),
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
  return done + failed === total ? { state: 'failed', reason: GIVEN_UP } : { state: 'running', reason: null };
}
