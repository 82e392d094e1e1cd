/**
 * Runs the worker with faults between its jobs, their bucket and their queue, for tests.
 *
 * - `POST /test/fault` sets the fault for all later operations.
 * - `POST /test/reset` begins a new isolate.
 * - `GET /test/events` lists what was written.
 * - `POST /test/files` writes empty files into the bucket.
 * - `POST /test/message` puts any message into the queue.
 */
import { createApp } from '../../worker/app.ts';
import { parseJobs, type Env } from '../../worker/env.ts';
import { createJobConsumer } from '../../worker/jobs/job-consumer.ts';
import { JobStore, type JobBucket, type JobQueue } from '../../worker/jobs/job-store.ts';
import { writeLog } from '../../worker/http/log.ts';
import { createR2Reader } from '../../worker/models/r2-reader.ts';
import { createDependencies } from '../../worker/service.ts';
import type { JobEvents, JobFault } from '../support/storage/job-fault.ts';

type JobsEnv = Env & { readonly JOBS: JobBucket; readonly JOBS_QUEUE: JobQueue };

let isolate: ReturnType<typeof begin> | undefined;
let fault: { -readonly [K in keyof JobFault]: JobFault[K] } = {};
let events = noEvents();

export default {
  async fetch(request, env, context) {
    isolate ??= begin(env);
    switch (new URL(request.url).pathname) {
      case '/test/fault':
        fault = await request.json<JobFault>();
        events = noEvents();
        return new Response();
      case '/test/reset':
        isolate = undefined;
        return new Response();
      case '/test/events':
        return Response.json(events satisfies JobEvents);
      case '/test/files':
        await Promise.all((await request.json<string[]>()).map((key) => env.JOBS.put(key, '', {})));
        return new Response();
      case '/test/message':
        await env.JOBS_QUEUE.sendBatch([{ body: await request.json() }]);
        return new Response();
      default:
        return isolate.app.fetch(request, {}, context);
    }
  },
  async queue(batch, env, context) {
    isolate ??= begin(env);
    events.delivered += batch.messages.length;
    const { consume } = isolate;
    const deliver = () => consume(batch, (work) => context.waitUntil(work.catch(() => undefined)));
    await Promise.all(Array.from({ length: fault.deliveries ?? 1 }, deliver));
  },
} satisfies ExportedHandler<JobsEnv>;

function noEvents() {
  return { writes: [] as string[], delivered: 0, delaysSeconds: [] as number[] };
}

function begin(env: JobsEnv) {
  const [bucket, queue] = [addBucketFaults(env.JOBS), addQueueFaults(env.JOBS_QUEUE)];
  const dependencies = createDependencies({
    models: createR2Reader(env.MODELS),
    modelRefreshMs: 100,
    jobs: parseJobs({ ...env, JOBS: bucket, JOBS_QUEUE: queue }),
    log: writeLog,
  });
  return {
    app: createApp(dependencies),
    consume: createJobConsumer({
      ...dependencies,
      store: new JobStore(bucket),
      queue,
      delaySeconds: () => 0,
      ...(fault.hangingWrites !== undefined && { writeMs: 1000 }),
    }),
  };
}

/** Uses up one of the remaining failures of a counter. */
function takes(name: 'failingWrites' | 'hangingWrites' | 'lostAnswers' | 'lostMessages'): boolean {
  const left = fault[name] ?? 0;
  fault[name] = Math.max(0, left - 1);
  return left > 0;
}

function addBucketFaults(bucket: JobBucket): JobBucket {
  return {
    head: (key) => bucket.head(key),
    get: (key, options) => bucket.get(key, options),
    delete: (keys) => bucket.delete(keys),
    list: (options) => bucket.list(options),
    async put(key, value, options) {
      if (!key.includes('/images/')) {
        return bucket.put(key, value, options);
      }
      events.writes.push(key);
      const [, shard] = /\/images\/(\d+)-/.exec(key) ?? [];
      if (fault.failingShards?.includes(Number(shard)) === true || takes('failingWrites')) {
        throw new Error('put: We encountered an internal error (10001) at secret-host');
      }
      if (takes('hangingWrites')) {
        // Without a timer the runtime would notice that nothing goes on.
        return new Promise((resolve) => setTimeout(resolve, 2 ** 31 - 1));
      }
      const done = await bucket.put(key, value, options);
      if (takes('lostAnswers')) {
        throw new Error('Network connection lost.');
      }
      return done;
    },
  };
}

function addQueueFaults(queue: JobQueue): JobQueue {
  return {
    async sendBatch(messages) {
      if (fault.isQueueDown === true) {
        throw new Error('Queue sendBatch failed: Too Many Requests');
      }
      events.delaysSeconds.push(...messages.map(({ delaySeconds = 0 }) => delaySeconds));
      const kept = messages.filter(() => !takes('lostMessages'));
      return kept.length === 0 ? undefined : queue.sendBatch(kept);
    },
  };
}
