/** Runs Python programs with the packages of `dev/python-clients.txt`. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const PROJECT = join(import.meta.dirname, '..', '..', '..');
const FOLDER = join(PROJECT, '.digitmint', 'python-clients');
const SCRIPT = 'dev/install-python-clients.sh';

/**
 * True when the packages are installed. DIGITMINT_REQUIRE_CLIENTS=1 requires them, so that no run
 * skips its tests unnoticed.
 * @throws Error  When they are required and not installed.
 */
export function hasPythonClients(): boolean {
  const file = join(FOLDER, 'installed.txt');
  const isThere = existsSync(file);
  if (!isThere && process.env['DIGITMINT_REQUIRE_CLIENTS'] === '1') {
    throw new Error(`DIGITMINT_REQUIRE_CLIENTS=1: expected ${file}; run sh ${SCRIPT}`);
  }
  if (!isThere) {
    console.warn(`Skipped tests of Python clients: run sh ${SCRIPT}`);
  }
  return isThere;
}

/** Runs a program. @returns  Its standard output. @throws Error  When it fails. */
export function runPython(program: string, ...args: readonly string[]): string {
  const python = join(FOLDER, 'bin', 'python');
  return execFileSync(python, ['-', ...args], {
    cwd: PROJECT,
    input: program,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
}
