/**
 * The app under test, in the runtime that the test project names: Cloudflare's with a bucket, or
 * Node with a folder. The test files of the interface import it from here and run on both, with the
 * same expectations.
 */
import { startNodeServer } from './node-server.ts';
import { startWorker as startWorkerd } from './workerd.ts';

export { putArtifact, waitUntil, type TestWorker } from './workerd.ts';

/** Set by vitest.config.ts. */
export const RUNTIME = process.env['DIGITMINT_RUNTIME'] === 'node' ? 'node' : 'workerd';

export const startWorker = RUNTIME === 'node' ? startNodeServer : startWorkerd;
