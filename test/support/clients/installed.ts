/** Other people's programs, which use the API or the npm package: see `dev/*-clients`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const PROJECT = join(import.meta.dirname, '..', '..', '..');
const NPM = join(PROJECT, '.digitmint', 'npm-clients');

/** The installed packages of `dev/npm-clients`. */
export const NPM_CLIENTS = join(NPM, 'node_modules');

/** Tells whether the packages of `dev/npm-clients` are there. @throws  As `isInstalled`. */
export function hasNpmClients(): boolean {
  return isInstalled(join(NPM, 'installed.json'), 'dev/npm-clients/install.sh');
}

/**
 * DIGITMINT_REQUIRE_CLIENTS=1 requires the clients, so that no run skips their tests unnoticed.
 * @throws Error  When they are required and not installed.
 */
function isInstalled(file: string, script: string): boolean {
  const isThere = existsSync(file);
  if (!isThere && process.env['DIGITMINT_REQUIRE_CLIENTS'] === '1') {
    throw new Error(`DIGITMINT_REQUIRE_CLIENTS=1: expected ${file}; run sh ${script}`);
  }
  if (!isThere) {
    console.warn(`Skipped tests of clients: run sh ${script}`);
  }
  return isThere;
}
