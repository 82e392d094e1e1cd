/**
 * The worker with two more routes, for tests and the soak: how many tensors are alive, and how much memory wasm has taken.
 */
import worker from '../../worker/index.ts';
import type { Env } from '../../worker/env.ts';
import { countTensors, measureMemory } from '../../worker/tensorflow/backend.ts';

export default {
  fetch(request, env, context) {
    switch (new URL(request.url).pathname) {
      case '/tensors':
        return Response.json(countTensors());
      case '/wasm':
        return Response.json(measureMemory());
      default:
        return worker.fetch(request, env, context);
    }
  },
} satisfies ExportedHandler<Env>;
