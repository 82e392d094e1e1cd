/**
 * Python packages that benchmarks hold ours against, in virtual environments of their own below .digitmint, made on first use.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../shared/expected-error.ts';
import {
  quoteLastLines,
  runCommand,
  type CommandResult,
} from '../trainer/tensorflow/setup/command.ts';

/** What an environment holds. */
export interface PythonRequest {
  /** Of its folder in .digitmint. */
  readonly name: string;
  /** Absolute path of pip's list, every version pinned. */
  readonly requirements: string;
  /** Commands to try, the best first. */
  readonly interpreters: readonly string[];
  /** For a person: what is downloaded, how much. */
  readonly size: string;
  /** What to try when pip fails, beside the network. */
  readonly advice: string;
}

/** The packages cannot be had here. The message says why and what to do. */
export class PythonEnvironmentError extends ExpectedError {
  override name = 'PythonEnvironmentError' as const;
}

/**
 * Makes the environment unless it is there as its list asks for it.
 *
 * @param log  Tells a person what is going on.
 * @returns    Path of its Python.
 * @throws PythonEnvironmentError  When Python, venv, pip or the network is missing.
 */
export async function preparePython(
  { name, requirements, interpreters, size, advice }: PythonRequest,
  log: (line: string) => void,
): Promise<string> {
  const folder = join(import.meta.dirname, '../.digitmint', name);
  const python =
    process.platform === 'win32'
      ? join(folder, 'Scripts', 'python.exe')
      : join(folder, 'bin', 'python');
  // Written last: an environment without it was interrupted. Holds the list's hash.
  const stamp = join(folder, 'digitmint.txt');
  const hash = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex');
  if (existsSync(stamp) && (await readFile(stamp, 'utf8')) === hash && existsSync(python)) {
    return python;
  }
  const interpreter = await findInterpreter(interpreters);
  log(`Making .digitmint/${name} with ${interpreter}: ${size}, once…`);
  await rm(folder, { recursive: true, force: true });
  const made = await runCommand(interpreter, ['-m', 'venv', folder], { env: process.env });
  if (made?.status !== 0) {
    throw new PythonEnvironmentError(
      `${interpreter} could not make a virtual environment. It said:\n${quote(made)}`,
    );
  }
  const args = [
    '-m',
    'pip',
    'install',
    '--disable-pip-version-check',
    '--no-input',
    '--only-binary=:all:',
    '-r',
    requirements,
  ];
  const installed = await runCommand(python, args, { env: process.env });
  if (installed?.status !== 0) {
    throw new PythonEnvironmentError(
      `pip could not install what ${requirements} asks for. It said:\n${quote(installed)}\n` +
        `Check the network and pip's settings (an index of your own, a proxy). ${advice}`,
    );
  }
  await writeFile(stamp, hash);
  return python;
}

async function findInterpreter(interpreters: readonly string[]): Promise<string> {
  const said: string[] = [];
  for (const name of interpreters) {
    const result = await runCommand(
      name,
      ['-c', 'import ensurepip, sys, venv; assert sys.version_info >= (3, 9)'],
      {
        env: process.env,
      },
    );
    if (result?.status === 0) {
      return name;
    }
    said.push(
      result === undefined
        ? `    ${name} is not on the PATH`
        : `    ${name} cannot be used:\n${quoteLastLines(result, 1)}`,
    );
  }
  throw new PythonEnvironmentError(
    `Python 3.9 or newer with venv and pip is needed, for instance: apt-get install python3 python3-venv\n${said.join('\n')}`,
  );
}

function quote(result: CommandResult | undefined): string {
  return result === undefined ? '    (it is gone)' : quoteLastLines(result);
}
