/** The worker's entry: gives the app its buckets, its queue and its settings. */
import guides from '../.digitmint/guides.bin';
import openapi from '../.digitmint/openapi.bin';
import { createApp } from './app.ts';
import { parseJobs, parseRateLimits, parseSettings, type Env } from './env.ts';
import { writeLog } from './http/log.ts';
import { createJobConsumer } from './jobs/job-consumer.ts';
import { JobStore } from './jobs/job-store.ts';
import { createR2Reader } from './models/r2-reader.ts';
import { createDependencies } from './service.ts';

/** Made at the first request or message. */
let isolate: ReturnType<typeof createIsolate> | undefined;

export default {
  fetch(request, env, context) {
    isolate ??= createIsolate(env);
    // The platform asks for gzip itself, and unpacks it for clients that did not. It parses `cf`
    // when it is read, which few answers need.
    const readAcceptEncoding = () => request.cf && (request.cf.clientAcceptEncoding ?? '');
    return isolate.app.fetch(request, { readAcceptEncoding }, context); // No bindings for routes.
  },
  queue(batch, env, context) {
    isolate ??= createIsolate(env);
    return isolate.consume(batch, (work) => context.waitUntil(work.catch(() => undefined)));
  },
} satisfies ExportedHandler<Env>;

function createIsolate(env: Env) {
  const dependencies = createDependencies({
    models: createR2Reader(env.MODELS),
    ...parseSettings(env),
    rateLimits: parseRateLimits(env),
    jobs: parseJobs(env),
    guides,
    openapi,
    log: writeLog,
  });
  const { JOBS, JOBS_QUEUE: queue } = env;
  // Without a secret no job can be started, but jobs that were started are still drawn.
  const consume: ReturnType<typeof createJobConsumer> =
    JOBS === undefined || queue === undefined
      ? () => Promise.reject(new Error('a job’s message, but JOBS or JOBS_QUEUE is not bound'))
      : createJobConsumer({ ...dependencies, store: new JobStore(JOBS), queue });
  return { app: createApp(dependencies), consume };
}
