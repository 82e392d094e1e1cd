import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import LongestFirst from './test/support/longest-first.ts';

/**
 * How tests wait. A test waits for an event or a state, never for a time, and never expects
 * anything to be quick: it has to pass on a busy machine. Code that needs a clock is given one, so
 * the test decides how late it is. Time limits only end a test that hangs. So there is one limit
 * for all tests, and helpers have none of their own.
 */
const HANGS_AFTER_MS = 1_200_000;

/**
 * These files have a process each, because they change what others use: they mock or reset modules,
 * choose a backend, or count the code that runs. All others share a process: that takes half a
 * second less for each, and TensorFlow.js and wrangler are loaded once.
 */
const ALONE = [
  'test/shared/contract/table.test.ts',
  'test/trainer/cli/cli.test.ts',
  'test/trainer/run/long-runs.test.ts',
  'test/trainer/tensorflow/backend.test.ts',
  'test/worker/request-path.test.ts',
];

export default defineConfig({
  // As in wrangler.toml's `[alias]`.
  resolve: { alias: { 'page-files': join(import.meta.dirname, '.digitmint', 'page-files.json') } },
  test: {
    globalSetup: ['./test/support/hosts/set-up.ts'],
    reporters: ['default', './dev/summary-reporter.ts'],
    sequence: { sequencer: LongestFirst },
    // On two cores: many files wait for a server, a browser or a process.
    maxWorkers: 4,
    testTimeout: HANGS_AFTER_MS,
    hookTimeout: HANGS_AFTER_MS,
    teardownTimeout: HANGS_AFTER_MS,
    expect: { poll: { timeout: HANGS_AFTER_MS } },
    retry: 0,
    // As Node itself does it: a CommonJS module's default export is module.exports.
    deps: { interopDefault: false },
    projects: [
      { extends: true, test: { name: 'alone', include: ALONE } },
      {
        extends: true,
        test: {
          // The HTTP interface, `test/api`, runs here on Cloudflare's runtime.
          name: 'main',
          include: ['test/**/*.test.ts'],
          exclude: ['test/server/**', ...ALONE],
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'node',
          // The HTTP interface again, on Node.
          include: ['test/server/**/*.test.ts', 'test/api/**/*.test.ts'],
          isolate: false,
          env: { DIGITMINT_RUNTIME: 'node' },
        },
      },
    ],
  },
});
