/** `npm run deploy`: builds the pages' files, then uploads the worker by `wrangler deploy`. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describeSwallowed } from '../shared/npm-flags.ts';

const ROOT = join(import.meta.dirname, '..');
const WRANGLER = join(ROOT, 'node_modules', 'wrangler', 'bin', 'wrangler.js');
/** The flags of wrangler that change the upload or its target. */
const FLAGS = ['--dry-run', '--env NAME', '--name NAME', '--outdir FOLDER'];

const swallowed = describeSwallowed(FLAGS, process);
if (swallowed === null) {
  const { buildPage } = await import('./build/page.ts');
  await buildPage();
  const options = { cwd: ROOT, stdio: 'inherit' } as const;
  const child = spawn(process.execPath, [WRANGLER, 'deploy', ...process.argv.slice(2)], options);
  ['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((signal) =>
    process.on(signal, () => child.kill(signal as NodeJS.Signals)),
  );
  child.on('exit', (code) => (process.exitCode = code ?? 1));
} else {
  console.error(`digitmint: ${swallowed}`);
  process.exitCode = 1;
}
