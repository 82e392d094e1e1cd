import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // As in wrangler.toml's `[alias]`.
  resolve: { alias: { 'page-files': join(import.meta.dirname, '.digitmint', 'page-files.json') } },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['./test/support/build-page.ts'],
    reporters: ['default', './dev/summary-reporter.ts'],
    // Two files at a time: some start servers, a browser or a training of their own.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    retry: 0,
    // As Node itself does it: a CommonJS module's default export is module.exports.
    deps: { interopDefault: false },
  },
});
