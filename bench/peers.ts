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

export interface NpmPeers {
  /** Loads one of the packages. */
  readonly require: NodeJS.Require;
  /** By name, as bench/peers/package.json pins them. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Virtual environments by the name of their list in bench/peers. */
const PYTHON_PEERS = {
  // Interpreters for which TensorFlow 2.15.1 exists come first.
  keras: {
    interpreters: ['python3.11', 'python3.10', 'python3.9', 'python3', 'python'],
    size: 'downloads about 300 MB, takes 1.2 GB',
    advice: 'TensorFlow 2.15.1 needs Python 3.9 to 3.11 on x64; python3.11 is taken first.',
  },
  png: {
    interpreters: ['python3.13', 'python3.12', 'python3.11', 'python3.10', 'python3'],
    size: 'downloads about 3 MB',
    advice: 'zopfli, oxipng and libdeflate are wheels for Python 3.10 to 3.13.',
  },
  evaluation: {
    interpreters: ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'],
    size: 'downloads about 70 MB',
    advice: 'Python 3.10 to 3.13 is needed.',
  },
  jobs: {
    interpreters: ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'],
    size: 'downloads about 17 MB',
    advice: 'Python 3.10 to 3.13 is needed.',
  },
} as const;

/** @throws ExpectedError  When npm or the network is missing. */
export async function prepareNpm(): Promise<NpmPeers> {
  const folder = join(TARGET, 'peers');
  await prepareFolder(folder, 'package-lock.json', async () => {
    console.log('Installing .digitmint/peers, which benchmarks compare with: 450 MB, once…');
    await mkdir(folder, { recursive: true });
    for (const file of ['package.json', 'package-lock.json']) {
      await copyFile(join(SOURCE, file), join(folder, file));
    }
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund'];
    await run('npm', ['ci', ...flags], 'npm could not install bench/peers/package.json', folder);
  });
  const { dependencies } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    dependencies: NpmPeers['versions'];
  };
  return { require: createRequire(join(folder, 'package.json')), versions: dependencies };
}

/**
 * @returns  Path of the environment's Python.
 * @throws ExpectedError  When Python, venv, pip or the network is missing.
 */
export async function preparePython(name: keyof typeof PYTHON_PEERS): Promise<string> {
  const { interpreters, size, advice } = PYTHON_PEERS[name];
  const folder = join(TARGET, `${name}-venv`);
  const program = process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python';
  const python = join(folder, program);
  await prepareFolder(folder, `${name}.txt`, async () => {
    const interpreter = await findInterpreter(interpreters);
    console.log(`Making .digitmint/${name}-venv with ${interpreter}: ${size}, once…`);
    const failure = `${interpreter} could not make a virtual environment`;
    await run(interpreter, ['-m', 'venv', folder], failure);
    const list = join(SOURCE, `${name}.txt`);
    const flags = ['--disable-pip-version-check', '--no-input', '--only-binary=:all:', '-r', list];
    await run(
      python,
      ['-m', 'pip', 'install', ...flags],
      `pip could not install ${list}. Check the network, pip's index and proxy. ${advice}`,
    );
  });
  return python;
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
  if (existsSync(stamp) && (await readFile(stamp, 'utf8')) === hash) {
    return;
  }
  await rm(folder, { recursive: true, force: true });
  await install();
  await writeFile(stamp, hash);
}

async function findInterpreter(interpreters: readonly string[]): Promise<string> {
  const reasons: string[] = [];
  const check = 'import ensurepip, sys, venv; assert sys.version_info >= (3, 9)';
  for (const name of interpreters) {
    const result = await runCommand(name, ['-c', check], { env: process.env });
    if (result?.status === 0) {
      return name;
    }
    reasons.push(
      result === undefined
        ? `    ${name} is not on the PATH`
        : `    ${name} cannot be used:\n${quoteLastLines(result, 1)}`,
    );
  }
  throw new ExpectedError(
    'Python 3.9 or newer with venv and pip is needed, for instance: ' +
      `apt-get install python3 python3-venv\n${reasons.join('\n')}`,
  );
}

/** @throws ExpectedError  With `failure` and the program's last lines. */
async function run(
  program: string,
  args: readonly string[],
  failure: string,
  cwd = SOURCE,
): Promise<void> {
  const result = await runCommand(program, args, { env: process.env, cwd });
  if (result?.status !== 0) {
    const output =
      result === undefined ? `    (${program} is not on the PATH)` : quoteLastLines(result);
    throw new ExpectedError(`${failure}\n${output}`);
  }
}
