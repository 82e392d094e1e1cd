/**
 * The worker's entry: gives the app its buckets, its queue and its settings at the first request or message.
 */
import { createApp } from './app.ts';
import type { App } from './context.ts';
import { parseJobs, parseRateLimits, parseSettings, type Env } from './env.ts';
import { createJobConsumer, type JobBatch } from './jobs/job-consumer.ts';
import { JobStore } from './jobs/job-store.ts';
import { writeLog } from './http/log.ts';
import { createR2Reader } from './models/r2-reader.ts';
import type { Defer } from './models/sampler-cache.ts';
import { createDependencies } from './service.ts';

interface Isolate {
  readonly app: App;
  readonly consume: (batch: JobBatch, defer: Defer) => Promise<void>;
}

let isolate: Isolate | undefined;

export default {
  fetch(request, env, context) {
    isolate ??= begin(env);
    return isolate.app.fetch(request, {}, context); // The bindings are none of the routes' business.
  },
  queue(batch, env, context) {
    isolate ??= begin(env);
    return isolate.consume(batch, (work) => context.waitUntil(work.catch(() => undefined)));
  },
} satisfies ExportedHandler<Env>;

function begin(env: Env): Isolate {
  const dependencies = createDependencies({
    models: createR2Reader(env.MODELS),
    ...parseSettings(env),
    rateLimits: parseRateLimits(env),
    jobs: parseJobs(env),
    log: writeLog,
  });
  return { app: createApp(dependencies), consume: createConsumer(env, dependencies) };
}

/** Of jobs that were started, whether or not another may be. */
function createConsumer(
  { JOBS, JOBS_QUEUE }: Env,
  dependencies: ReturnType<typeof createDependencies>,
): Isolate['consume'] {
  return JOBS === undefined || JOBS_QUEUE === undefined
    ? () => Promise.reject(new Error('a message of a job, but JOBS or JOBS_QUEUE is not bound'))
    : createJobConsumer({ ...dependencies, store: new JobStore(JOBS), queue: JOBS_QUEUE });
}
