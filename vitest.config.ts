import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** The interface over HTTP: the same files run on Cloudflare's runtime and on Node. */
const INTERFACE = [
  'catalogue',
  'dataset',
  'descriptions',
  'device-pixels',
  'digit',
  'formats',
  'golden-artifacts',
  'heavy-work',
  'models',
  'morph',
  'number',
  'pages',
  'rate-limit',
  'request-log',
  'requests',
  'same-bytes',
  'security-headers',
  'signatures',
];

export default defineConfig({
  // As in wrangler.toml's `[alias]`.
  resolve: { alias: { 'page-files': join(import.meta.dirname, '.digitmint', 'page-files.json') } },
  test: {
    globalSetup: ['./test/support/build-page.ts'],
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
          include: [
            'test/server/**/*.test.ts',
            ...INTERFACE.map((name) => `test/worker/${name}.test.ts`),
          ],
          globalSetup: ['./test/support/build-server.ts'],
          env: { DIGITMINT_RUNTIME: 'node' },
        },
      },
    ],
  },
});
