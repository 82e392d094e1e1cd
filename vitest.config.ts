import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // As in wrangler.toml's `[alias]`.
  resolve: { alias: { 'page-files': join(import.meta.dirname, '.digitmint', 'page-files.json') } },
  test: {
    globalSetup: ['./test/support/hosts/build-page.ts'],
    reporters: ['default', './dev/summary-reporter.ts'],
    // Two files at a time: some start servers, a browser or a training of their own.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    retry: 0,
    // As Node itself does it: a CommonJS module's default export is module.exports.
    deps: { interopDefault: false },
    projects: [
      {
        extends: true,
        test: { name: 'main', include: ['test/**/*.test.ts'], exclude: ['test/server/**'] },
      },
      {
        extends: true,
        test: {
          name: 'node',
          // The HTTP interface runs twice: on Cloudflare's runtime (main) and on Node.
          include: ['test/server/**/*.test.ts', 'test/api/**/*.test.ts'],
          globalSetup: ['./test/support/hosts/build-server.ts'],
          env: { DIGITMINT_RUNTIME: 'node' },
        },
      },
    ],
  },
});
