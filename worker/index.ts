/**
 * The worker's entry: wires the app to the bucket, to TensorFlow.js, to the clock and to randomness, at first request.
 */
import { createApp } from './app.ts';
import { BUNDLED_MODEL } from './bundled-model.ts';
import type { App } from './context.ts';
import { parseSettings, type Env } from './env.ts';
import { createGeneratorSource } from './generator-source.ts';
import { writeLog } from './log.ts';
import { createModelFiles } from './model-files.ts';
import { createModelStore } from './model-store.ts';
import { openModel } from './tensorflow/open-model.ts';

/** For one object, head and body. */
const READ_TIMEOUT_MS = 5_000;
const FIRST_WAIT_MS = 6_000;
const SILENCE_WAIT_MS = 2_000;
const LOAD_WAIT_MS = 10_000;

/** Bytes of a seed that is drawn for a request: 16 URL-safe characters. */
const SEED_BYTES = 12;

function createRealApp(env: Env): App {
  const { modelRefreshMs } = parseSettings(env);
  const store = createModelStore(env.MODELS, READ_TIMEOUT_MS);
  return createApp({
    generators: createGeneratorSource({
      store,
      bundled: BUNDLED_MODEL,
      openModel,
      refreshMs: modelRefreshMs,
      firstWaitMs: FIRST_WAIT_MS,
      silenceWaitMs: SILENCE_WAIT_MS,
      loadWaitMs: LOAD_WAIT_MS,
      clock: () => Date.now(),
      log: writeLog,
    }),
    modelFiles: createModelFiles(store, BUNDLED_MODEL, writeLog),
    drawSeed,
    drawRequestId: () => crypto.randomUUID(),
    clock: () => performance.now(),
    log: writeLog,
  });
}

function drawSeed(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SEED_BYTES));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_');
}

let app: App | undefined;

export default {
  fetch(request, env, context) {
    app ??= createRealApp(env);
    return app.fetch(request, env, context);
  },
} satisfies ExportedHandler<Env>;
