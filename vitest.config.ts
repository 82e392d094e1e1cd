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
 * These files keep no state in modules, so they share a process: half a second less for each, and
 * wrangler is loaded once. The HTTP interface, `test/api`, runs here on Cloudflare's runtime.
 */
const TOGETHER = [
  'test/api/**/*.test.ts',
  'test/page/**/*.test.ts',
  'test/shared/{kernels,model,picture}/**/*.test.ts',
  'test/trainer/{charts,data,encoder,evaluation,export,gan}/**/*.test.ts',
];

export default defineConfig({
  // As in wrangler.toml's `[alias]`.
  resolve: { alias: { 'page-files': join(import.meta.dirname, '.digitmint', 'page-files.json') } },
  test: {
    globalSetup: ['./test/support/hosts/build-page.ts', './test/support/trainer-program.ts'],
    reporters: ['default', './dev/summary-reporter.ts'],
    sequence: { sequencer: LongestFirst },
    // On two cores: many files wait for a server, a browser or a process.
    maxWorkers: 3,
    testTimeout: HANGS_AFTER_MS,
    hookTimeout: HANGS_AFTER_MS,
    teardownTimeout: HANGS_AFTER_MS,
    expect: { poll: { timeout: HANGS_AFTER_MS } },
    retry: 0,
    // As Node itself does it: a CommonJS module's default export is module.exports.
    deps: { interopDefault: false },
    projects: [
      {
        extends: true,
        test: {
          name: 'main',
          include: ['test/**/*.test.ts'],
          exclude: ['test/server/**', ...TOGETHER],
        },
      },
      { extends: true, test: { name: 'together', include: TOGETHER, isolate: false } },
      {
        extends: true,
        test: {
          name: 'node',
          // The HTTP interface again, on Node.
          include: ['test/server/**/*.test.ts', 'test/api/**/*.test.ts'],
          isolate: false,
          globalSetup: ['./test/support/hosts/build-server.ts'],
          env: { DIGITMINT_RUNTIME: 'node' },
        },
      },
    ],
  },
});
