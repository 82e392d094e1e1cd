/**
 * The app under test, in the runtime of the test project: Cloudflare's with a bucket, or Node with
 * a folder. The API's test files import it from here and expect the same of both runtimes.
 */
import { startNodeServer } from './node-server.ts';
import { startWorker as startWorkerd } from './workerd.ts';

export { putArtifact, waitUntil, type TestWorker } from './workerd.ts';

/** Set by vitest.config.ts. */
export const RUNTIME = process.env['DIGITMINT_RUNTIME'] === 'node' ? 'node' : 'workerd';

export const startWorker = RUNTIME === 'node' ? startNodeServer : startWorkerd;
