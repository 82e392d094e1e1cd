/**
 * The worker with one more route, for tests and the soak: how many models are in memory.
 */
import worker from '../../worker/index.ts';
import type { Env } from '../../worker/env.ts';
import { countOpenModels } from '../../worker/models/open-model.ts';

export default {
  fetch(request, env, context) {
    return new URL(request.url).pathname === '/open-models'
      ? Response.json(countOpenModels())
      : worker.fetch(request, env, context);
  },
} satisfies ExportedHandler<Env>;
