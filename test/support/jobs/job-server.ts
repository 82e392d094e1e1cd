/**
 * The worker in the local runtime as a process that can be killed: `job-server.ts
 * FOLDER SECRET`. Its buckets outlive it in FOLDER; its queue does not, and delivers some messages
 * twice. Prints a line of JSON with its address, then the worker's own log.
 */
import { join } from 'node:path';
import { unstable_startWorker as startWorker } from 'wrangler';

const ROOT = join(import.meta.dirname, '../../..');
const [folder = '', secret = ''] = process.argv.slice(2);

process.env['WRANGLER_SEND_METRICS'] = 'false';
process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false';
process.env['WRANGLER_HIDE_BANNER'] = 'true';
process.env['WRANGLER_LOG'] = 'error';
// Observers of each request.
process.env['X_LOCAL_OBSERVABILITY'] = 'false';
process.env['X_LOCAL_EXPLORER'] = 'false';
process.chdir(ROOT);

// However the parent ends, its end of the pipe closes.
process.stdin.resume().once('close', () => process.exit());

const worker = await startWorker({
  config: join(ROOT, 'wrangler.toml'),
  entrypoint: join(ROOT, 'test/edge/twice-delivering-worker.ts'),
  bindings: {
    JOBS_SECRET: { type: 'plain_text', value: secret },
    RATE_LIMIT: { type: 'plain_text', value: 'off' },
    HEAVY_RATE_LIMIT: { type: 'plain_text', value: 'off' },
  },
  dev: {
    persist: folder,
    server: { hostname: '127.0.0.1', port: 0 },
    inspector: false,
    logLevel: 'error',
    liveReload: false,
    watch: false,
    structuredLogsHandler: ({ message }: { message: string }) =>
      process.stdout.write(`${message}\n`),
  },
});
await worker.ready;
process.stdout.write(`${JSON.stringify({ url: (await worker.url).href })}\n`);
