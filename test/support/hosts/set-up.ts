/**
 * Makes what the processes of a test run share, once and before any test. vitest.config.ts names
 * this file.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import chromium from '@sparticuz/chromium';
import type { TestProject } from 'vitest/node';
import { packCode } from '../../../dev/pack/code.ts';
import { buildServer } from '../../../dev/build/server.ts';
import { OTHERS } from '../trainer-program.ts';
import { readWorkerConfig } from './worker-config.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Absolute path of the folder with the built server. */
    serverFolder: string;
  }
}

const ROOT = join(import.meta.dirname, '../../..');

export default async function setUp(project: TestProject): Promise<() => void> {
  // Unpacked into the system's temporary folder, where the next run finds it.
  process.env['DIGITMINT_CHROMIUM'] = await chromium.executablePath();
  // Everything that tests leave in the temporary folder goes with it, even after a killed process.
  const temporary = mkdtempSync(join(tmpdir(), 'digitmint-tests-'));
  chmodSync(temporary, 0o755); // A test by root becomes another user in it.
  process.env['TMPDIR'] = temporary;
  // The trainer lies in the repository, where Node finds the packages that are not bundled.
  const parent = join(ROOT, '.digitmint');
  mkdirSync(parent, { recursive: true });
  const trainer = mkdtempSync(join(parent, 'trainer-'));
  const server = join(temporary, 'server');
  const [config] = await Promise.all([
    readWorkerConfig(),
    buildServer(server), // Builds the pages too, which the worker's bundle and its HTML contain.
    packCode(trainer, false, OTHERS),
  ]);
  project.provide('serverFolder', server);
  process.env['DIGITMINT_WORKER_CONFIG'] = JSON.stringify(config);
  process.env['DIGITMINT_TRAINER'] = join(trainer, 'main.js');
  // Many tests start this program or wrangler. With their code compiled they start sooner. Emptied
  // before and not after the tests: a process that ends last still adds to it.
  const compiled = join(parent, 'compiled-for-tests');
  rmSync(compiled, { recursive: true, force: true, maxRetries: 10 });
  process.env['NODE_COMPILE_CACHE'] = compiled;
  return () => {
    for (const folder of [temporary, trainer]) {
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    }
  };
}
