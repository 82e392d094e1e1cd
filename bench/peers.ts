/**
 * The packages that benchmarks compare with, which nothing else needs. They are installed on first
 * use into folders of their own below .digitmint, in the versions that bench/peers pins.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ExpectedError } from '../shared/expected-error.ts';
import { quoteLastLines, runCommand } from '../trainer/tensorflow/setup/command.ts';

const SOURCE = join(import.meta.dirname, 'peers');
const TARGET = join(import.meta.dirname, '../.digitmint');

/** TensorFlow 2.15.1, with which Keras is compared, exists for Python 3.9 to 3.11. */
const INTERPRETERS = '3.11 3.10 3.12 3.13 3 3.9'.split(' ').map((version) => `python${version}`);

/** A script in bench/peers, NAME.py, runs with what NAME.txt lists. */
type PythonPeer = 'engine' | 'evaluation' | 'jobs' | 'keras' | 'png';

/** Installs the npm packages. @returns  A loader, and their versions by name. */
export async function prepareNpm() {
  const folder = join(TARGET, 'peers');
  await prepareFolder(folder, 'package-lock.json', async () => {
    await mkdir(folder, { recursive: true });
    for (const file of ['package.json', 'package-lock.json']) {
      await copyFile(join(SOURCE, file), join(folder, file));
    }
    await run(['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder });
  });
  const list = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return { require: createRequire(join(folder, 'package.json')), versions: list.dependencies };
}

/** @returns  Path of the Python of an environment with what the peer needs. */
export async function preparePython(name: PythonPeer): Promise<string> {
  const folder = join(TARGET, `${name}-venv`);
  const python = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  const list = `${name}.txt`;
  await prepareFolder(folder, list, async () => {
    const flags = ['--disable-pip-version-check', '--no-input', '--only-binary=:all:', '-r', list];
    await run([await findInterpreter(), '-m', 'venv', folder]);
    await run([python, '-m', 'pip', 'install', ...flags]);
  });
  return python;
}

/**
 * Runs a peer's script to its end. @returns  What it prints, which is JSON.
 * @param before  A program, with arguments, that runs it.
 */
export async function runPython<T>(
  name: PythonPeer,
  args: readonly string[],
  before: readonly string[] = [],
): Promise<T> {
  const command = [...before, await preparePython(name), join(SOURCE, `${name}.py`), ...args];
  return JSON.parse(await run(command)) as T;
}

/** Installs into an empty folder, unless what it holds was installed from the same list. */
async function prepareFolder(
  folder: string,
  list: string,
  install: () => Promise<void>,
): Promise<void> {
  // Written last: an interrupted installation has none.
  const stamp = join(folder, 'digitmint.txt');
  const content = await readFile(join(SOURCE, list));
  const hash = createHash('sha256').update(content).digest('hex');
  if (!existsSync(stamp) || (await readFile(stamp, 'utf8')) !== hash) {
    console.log(`Installing bench/peers/${list} into ${folder}, once…`);
    await rm(folder, { recursive: true, force: true });
    await install();
    await writeFile(stamp, hash);
  }
}

async function findInterpreter(): Promise<string> {
  const check = 'import ensurepip, sys, venv; assert sys.version_info >= (3, 9)';
  for (const name of INTERPRETERS) {
    if ((await runCommand(name, ['-c', check], { env: process.env }))?.status === 0) {
      return name;
    }
  }
  throw new ExpectedError(
    'Python 3.9 to 3.13 with venv and pip is needed: apt-get install python3 python3-venv',
  );
}

/** @returns  Its output. @throws ExpectedError  With the program's last lines. */
export async function run(
  [program = '', ...args]: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): Promise<string> {
  const ended = await runCommand(program, args, { env: process.env, cwd: SOURCE, ...options });
  if (ended?.status !== 0) {
    const reason = ended === undefined ? '    it is not on the PATH' : quoteLastLines(ended);
    throw new ExpectedError(`${[program, ...args].join(' ')} failed:\n${reason}`);
  }
  return ended.stdout;
}
