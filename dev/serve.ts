/**
 * `npm run serve`: builds the server on Node and becomes it, with the flags that it was given.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { USAGES } from '../server/settings.ts';
import { describeSwallowed } from '../shared/npm-flags.ts';

const swallowed = describeSwallowed(USAGES, process);
if (swallowed !== null) {
  console.error(`digitmint: ${swallowed}`);
  process.exit(1);
}

const FOLDER = join(import.meta.dirname, '..', '.digitmint', 'serve');

// In a process of its own: the bundler needs more memory than the server.
const { status } = spawnSync(
  process.execPath,
  [join(import.meta.dirname, 'build/main.ts'), 'server', FOLDER],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);
if (status !== 0) {
  process.exit(1); // The builder has said why.
}
// `SERVER_FILE` of build/server.ts, whose import would load the bundler here.
await import(pathToFileURL(join(FOLDER, 'server.js')).href);
