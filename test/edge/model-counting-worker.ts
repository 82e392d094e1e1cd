/**
 * The worker with a further route that counts the models in memory, for tests and the soak test.
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
