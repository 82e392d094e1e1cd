/** `npm run deploy`: builds the pages' files, then uploads the worker by `wrangler deploy`. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeSwallowed } from '../shared/npm-flags.ts';
import { parseRateLimits, parseSettings } from '../worker/env.ts';

const ROOT = join(import.meta.dirname, '..');
const WRANGLER = join(ROOT, 'node_modules', 'wrangler', 'bin', 'wrangler.js');
/** The flags of wrangler that change the upload or its target. */
const FLAGS = ['--dry-run', '--env NAME', '--name NAME', '--outdir FOLDER'];

const fault = describeSwallowed(FLAGS, process) ?? (await findWrongSetting());
if (fault === null) {
  const { buildPage } = await import('./build/page.ts');
  await buildPage();
  const options = { cwd: ROOT, stdio: 'inherit' } as const;
  const child = spawn(process.execPath, [WRANGLER, 'deploy', ...process.argv.slice(2)], options);
  ['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((signal) =>
    process.on(signal, () => child.kill(signal as NodeJS.Signals)),
  );
  child.on('exit', (code) => (process.exitCode = code ?? 1));
} else {
  console.error(`digitmint: ${fault}`);
  process.exitCode = 1;
}

/** Finds a setting with which the uploaded worker would refuse every request. */
async function findWrongSetting(): Promise<string | null> {
  const options = {
    config: { type: 'string', short: 'c' },
    env: { type: 'string', short: 'e' },
    var: { type: 'string', multiple: true },
  } as const;
  const { values } = parseArgs({ options, strict: false });
  const { config = join(ROOT, 'wrangler.toml'), var: given = [] } = values;
  const { unstable_readConfig: readConfig } = await import('wrangler');
  try {
    const read = readConfig({ ...values, config } as object, { hideWarnings: true });
    const limiters = read.ratelimits.map(({ name }: { name: string }) => [name, {}]);
    const replaced = given.map((text) => String(text).split(/:(.*)/s));
    const env = Object.fromEntries([...limiters, ...Object.entries(read.vars), ...replaced]);
    parseSettings(env);
    parseRateLimits(env);
    return null;
  } catch (cause) {
    // wrangler itself tells all other faults.
    return cause instanceof RangeError ? `${config}: ${cause.message}; nothing was uploaded` : null;
  }
}
