/**
 * Other people's programs. Tests that need a missing one are skipped with a message. The gate fails
 * when a test is skipped.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const PROJECT = join(import.meta.dirname, '..', '..', '..');
const NPM = join(PROJECT, '.digitmint', 'npm-clients');

/** The installed packages of `dev/npm-clients`. */
export const NPM_CLIENTS = join(NPM, 'node_modules');

/** Tells whether the packages of `dev/npm-clients` are there. */
export const hasNpmClients = () =>
  isInstalled(join(NPM, 'installed.json'), 'dev/npm-clients/install.sh');

/** Tells whether a file is there that a script of this project installs. */
export function isInstalled(file: string, script: string): boolean {
  const isThere = existsSync(file);
  if (!isThere) {
    console.warn(`Skipped tests: run sh ${script}`);
  }
  return isThere;
}

/** Tells whether commands are on the PATH. */
export function hasCommands(...names: readonly string[]): boolean {
  const missing = names.filter(
    (name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0,
  );
  if (missing.length > 0) {
    console.warn(`Skipped tests: install ${missing.join(' and ')}`);
  }
  return missing.length === 0;
}
