/**
 * Runs the worker behind a queue that delivers some shards twice, for tests and the job benchmark.
 * It repeats one of every ten shards at once and two later; test/support/storage/twice-delivered.ts
 * chooses them.
 */
import worker from '../../worker/index.ts';
import type { Env } from '../../worker/env.ts';
import type { JobMessage } from '../../worker/jobs/job.ts';
import { isDeliveredAgain, isDeliveredAtOnce } from '../support/storage/twice-delivered.ts';

const sent = new Set<number>();

export default {
  fetch: (request, env, context) => worker.fetch(request, env, context),
  async queue(batch, env, context) {
    const messages = batch.messages.map(({ body }) => body as JobMessage);
    const shards = messages.flatMap((message) => ('shard' in message ? [message.shard] : []));
    const deliveries = shards.some(isDeliveredAtOnce) ? 2 : 1;
    await Promise.all(Array.from({ length: deliveries }, () => worker.queue(batch, env, context)));
    const again = messages.filter(
      (each) => 'shard' in each && isDeliveredAgain(each.shard) && !sent.has(each.shard),
    );
    for (const each of again) {
      sent.add('shard' in each ? each.shard : -1);
      await env.JOBS_QUEUE?.sendBatch([{ body: each }]);
    }
  },
} satisfies ExportedHandler<Env>;
