/** The generators and linters that dev/openapi-clients/install.sh installs. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isInstalled } from '../clients/installed.ts';

const run = promisify(execFile);
const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));
const FOLDER = join(PROJECT, '.digitmint', 'openapi-clients');

export const CONFIGS = join(PROJECT, 'dev', 'openapi-clients');

export const hasOpenapiClients = () =>
  isInstalled(join(FOLDER, 'installed.txt'), 'dev/openapi-clients/install.sh');

/** Makes a folder from which programs import the installed npm packages. */
export async function makeWorkspace() {
  const folder = await mkdtemp(join(FOLDER, 'run-'));
  return { folder, remove: () => rm(folder, { recursive: true }) };
}

/** Runs a program of an npm package by its path. @throws Error  With its output when it fails. */
export function runNode(path: string, args: readonly string[], cwd: string) {
  return runProgram(process.execPath, [join(FOLDER, 'node_modules', path), ...args], cwd);
}

/** Runs a Python module. @throws Error  With its output when it fails. */
export function runModule(module: string, args: readonly string[], cwd: string) {
  return runProgram(join(FOLDER, 'python', 'bin', 'python'), ['-m', module, ...args], cwd);
}

/** @returns  What the program prints. @throws Error  With that when the program fails. */
export async function runProgram(program: string, args: readonly string[], cwd: string) {
  const env = {
    ...process.env,
    NO_COLOR: '1',
    // The Python generator formats its code by ruff.
    PATH: `${join(FOLDER, 'python', 'bin')}${delimiter}${process.env['PATH']}`,
    // redocly would ask for its newest version, and report how it is used.
    REDOCLY_TELEMETRY: 'off',
    REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
  };
  try {
    return (await run(program, [...args], { cwd, env })).stdout;
  } catch (cause) {
    const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause });
  }
}
