/**
 * The worker's entry: gives the app its bucket and its settings at the first request.
 */
import type { App } from './context.ts';
import { parseRateLimits, parseSettings, type Env } from './env.ts';
import { writeLog } from './log.ts';
import { createR2Reader } from './r2-reader.ts';
import { createService } from './service.ts';

let app: App | undefined;

export default {
  fetch(request, env, context) {
    app ??= createService({
      models: createR2Reader(env.MODELS),
      ...parseSettings(env),
      rateLimits: parseRateLimits(env),
      log: writeLog,
    });
    return app.fetch(request, {}, context); // The bindings are none of the routes' business.
  },
} satisfies ExportedHandler<Env>;
