/**
 * Python's TensorFlow in a virtual environment of its own, .digitmint/keras-venv, made on first use.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ExpectedError } from '../trainer/expected-error.ts';
import { quoteLastLines, runCommand, type CommandResult } from '../trainer/tensorflow/command.ts';

const FOLDER = fileURLToPath(new URL('../.digitmint/keras-venv', import.meta.url));
const REQUIREMENTS = fileURLToPath(new URL('keras-requirements.txt', import.meta.url));
/** Written last: an environment without it was interrupted. Holds the requirements' hash. */
const STAMP = join(FOLDER, 'digitmint.txt');
const PYTHON = process.platform === 'win32' ? join(FOLDER, 'Scripts', 'python.exe') : join(FOLDER, 'bin', 'python');

/** Those that TensorFlow 2.15.1 exists for come first. */
const INTERPRETERS = ['python3.11', 'python3.10', 'python3.9', 'python3', 'python'];

/** Python's TensorFlow cannot be had here. The message says why and what to do. */
export class KerasEnvironmentError extends ExpectedError {
  override name = 'KerasEnvironmentError' as const;
}

/**
 * Makes the environment unless it is there as keras-requirements.txt asks for it.
 *
 * @param log  Tells a person what is going on.
 * @returns    Path of its Python.
 * @throws KerasEnvironmentError  When Python, venv, pip or the network is missing.
 */
export async function prepareKeras(log: (line: string) => void): Promise<string> {
  const hash = createHash('sha256')
    .update(await readFile(REQUIREMENTS))
    .digest('hex');
  if (existsSync(STAMP) && (await readFile(STAMP, 'utf8')) === hash && existsSync(PYTHON)) {
    return PYTHON;
  }
  const interpreter = await findInterpreter();
  log(`Making .digitmint/keras-venv with ${interpreter}: downloads about 300 MB, takes 1.2 GB, once…`);
  await rm(FOLDER, { recursive: true, force: true });
  const made = await runCommand(interpreter, ['-m', 'venv', FOLDER], { env: process.env });
  if (made?.status !== 0) {
    throw new KerasEnvironmentError(`${interpreter} could not make a virtual environment. It said:\n${quote(made)}`);
  }
  const args = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--only-binary=:all:', '-r', REQUIREMENTS];
  const installed = await runCommand(PYTHON, args, { env: process.env });
  if (installed?.status !== 0) {
    throw new KerasEnvironmentError(
      `pip could not install what bench/keras-requirements.txt asks for. It said:\n${quote(installed)}\n` +
        "Check the network and pip's settings (an index of your own, a proxy). TensorFlow 2.15.1 needs Python 3.9 to 3.11,\n" +
        'x64; any of python3.11, python3.10, python3.9 on the PATH is taken before python3.',
    );
  }
  await writeFile(STAMP, hash);
  return PYTHON;
}

async function findInterpreter(): Promise<string> {
  const said: string[] = [];
  for (const name of INTERPRETERS) {
    const result = await runCommand(name, ['-c', 'import ensurepip, sys, venv; assert sys.version_info >= (3, 9)'], {
      env: process.env,
    });
    if (result?.status === 0) {
      return name;
    }
    said.push(
      result === undefined ? `    ${name} is not on the PATH` : `    ${name} cannot be used:\n${quoteLastLines(result, 1)}`,
    );
  }
  throw new KerasEnvironmentError(
    `bench:keras needs Python 3.9 or newer with venv and pip, for instance: apt-get install python3 python3-venv\n${said.join('\n')}`,
  );
}

function quote(result: CommandResult | undefined): string {
  return result === undefined ? '    (it is gone)' : quoteLastLines(result);
}
