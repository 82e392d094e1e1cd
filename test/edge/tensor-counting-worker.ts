/**
 * The worker with one more route, for tests: how many tensors are alive.
 */
import worker from '../../worker/index.ts';
import type { Env } from '../../worker/env.ts';
import { countTensors } from '../../worker/tensorflow/backend.ts';

export default {
  fetch(request, env, context) {
    return new URL(request.url).pathname === '/tensors' ? Response.json(countTensors()) : worker.fetch(request, env, context);
  },
} satisfies ExportedHandler<Env>;
