/**
 * `npm run hunt -- fuzz`: schemathesis against the worker's own OpenAPI document, in the local edge
 * runtime: thousands of requests, right and wrong, whose answers must be what the document says.
 * `--url URL` asks a server that runs already. Exit status 1 when a check fails. The file
 * schemathesis.toml lists the checks and their length.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { POINTER_KEY } from '../../shared/model/artifact.ts';
import { parseFlags } from '../../trainer/cli/arguments.ts';
import { buildFixture, buildPointer } from '../support/models/fixture-artifact.ts';
import { putArtifact, startWorker } from '../support/hosts/workerd.ts';

const ROOT = join(import.meta.dirname, '../..');
const VENV = join(ROOT, '.digitmint', 'schemathesis-4.32.5');
const PYTHON = join(VENV, 'bin', 'python');

/** A run took six minutes on two cores that others used too; one that takes so long hangs. */
const TIMEOUT_MS = 20 * 60_000;

/**
 * Exactly what was tried: a new version may check more, or draw other requests from the same seed.
 */
const PACKAGE = 'schemathesis==4.32.5';

await main();

async function main(): Promise<void> {
  const { url } = parseFlags<{ url?: string }>(
    new Command('npm run hunt -- fuzz')
      .description('Runs schemathesis; exit status 1 when a check fails.')
      .option('--url <url>', 'a server that runs already (default: a worker of its own)'),
  );
  install();
  if (url !== undefined) {
    process.exitCode = await fuzz(url);
    return;
  }
  // A small network under the shipped model's name: what is asked here is how answers look, not how
  // long digits take.
  const model = buildFixture({ name: 'digits' });
  const worker = await startWorker(
    async (bucket) => {
      await putArtifact(bucket, model);
      await bucket.put(POINTER_KEY, buildPointer(model));
    },
    { JOBS_SECRET: randomUUID() }, // Nobody’s: jobs are on, and each is refused.
  );
  try {
    process.exitCode = await fuzz(worker.url.href);
    const failures = worker.readLogs().filter((line) => line.includes('request_failed'));
    if (failures.length > 0) {
      process.stderr.write(`the worker failed:\n${failures.join('\n')}\n`);
      process.exitCode = 1;
    }
  } finally {
    await worker.close();
  }
}

/** Installs schemathesis into a folder of its own, once. */
function install(): void {
  if (existsSync(join(VENV, 'bin', 'schemathesis'))) {
    return;
  }
  call('python3', ['-m', 'venv', VENV]);
  call(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', PACKAGE]);
}

function call(program: string, args: string[]): void {
  const { status } = spawnSync(program, args, { stdio: 'inherit' });
  if (status !== 0) {
    throw new Error(
      `${program} ${args.join(' ')} ended with status ${status}; it needs Python 3.10 with venv, and PyPI`,
    );
  }
}

/** @returns  schemathesis's exit status: 0 when every check held. */
function fuzz(url: string): Promise<number> {
  const child = spawn(
    // Not its script, which knows the folder that it was installed in: that may have moved since.
    PYTHON,
    [
      '-m',
      'schemathesis.cli',
      '--config-file',
      join(ROOT, 'schemathesis.toml'),
      'run',
      new URL('/openapi.json', url).href,
    ],
    { cwd: join(ROOT, '.digitmint'), stdio: ['ignore', 'inherit', 'inherit'], timeout: TIMEOUT_MS },
  );
  return new Promise((resolve) => {
    child.once('error', (cause) => {
      process.stderr.write(`${cause.message}\n`);
      resolve(1);
    });
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
