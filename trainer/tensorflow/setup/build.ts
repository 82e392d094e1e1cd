/** Builds libtensorflow and tfjs-node's binding: pip downloads and unpacks, g++ compiles. */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { replaceFolder } from '../../../storage/files.ts';
import { quoteLastLines, runCommand, type CommandResult } from './command.ts';

/** Megabytes to download, by the name of a `.txt` file beside this one with pip's requirements. */
export const DOWNLOAD_MEGABYTES: Readonly<Record<string, number>> = {
  'linux-x64': 207,
  'linux-arm64': 282,
  'linux-x64-gpu': 3300,
};

/** Versions of the C library, as in the wheels' file names. */
const MANYLINUX = ['_2_27', '_2_17', '2014', '_2_12', '2010'];
const PIP_INSTALL =
  '-m pip install --no-deps --only-binary=:all: --no-compile --no-input ' +
  '--disable-pip-version-check --implementation cp --abi cp311 --python-version 3.11 ' +
  '--require-hashes -r';
const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
/** N-API's version in the binding. Node has it from 12.22 on, so one binding fits every Node. */
export const NAPI_VERSION = 8;
/**
 * A build has this name and the id of its process until it is whole. pip may go on writing after
 * that process was killed.
 */
export const PARTIAL = 'partial';

export interface BuildOptions {
  /** tfjs-node's folder. */
  readonly packageFolder: string;
  readonly cacheFolder: string;
  /** Wheels that are downloaded already. When there are any, pip uses no network. */
  readonly wheelFiles: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly log: (line: string) => void;
}

/**
 * Builds a set of wheels into the folder `key` of the cache, replacing an older build. The folder
 * holds `deps/lib` with the libraries and `lib` with the binding; the cache never holds half of it.
 * @throws ExpectedError  When a tool is missing or fails, or the disk is full.
 */
export async function build(
  name: string,
  key: string,
  { packageFolder, cacheFolder, wheelFiles, env, log }: BuildOptions,
): Promise<void> {
  const { compiler, headers } = await findTools(packageFolder, env);
  const missing = wheelFiles.find((file) => !existsSync(file));
  if (missing !== undefined) {
    throw new ExpectedError(`--wheel ${missing}: there is no such file.`);
  }
  const megabytes = DOWNLOAD_MEGABYTES[name];
  const partial = join(cacheFolder, `${PARTIAL}-${process.pid}`);
  const [wheels, deps] = [join(partial, 'wheels'), join(partial, 'deps')];
  const binding = join(partial, 'lib', `napi-v${NAPI_VERSION}`, 'tfjs_binding.node');
  const check = (tool: string, result: CommandResult | undefined, advice: string): void => {
    if (result?.status !== 0) {
      const said = result === undefined ? '    it is gone' : quoteLastLines(result, 20);
      throw new ExpectedError(
        /no space left on device|disk quota exceeded/i.test(said)
          ? `The disk of ${cacheFolder} is full: free some room ` +
              `(several times ${megabytes} MB) and run this again.`
          : `${tool}. It said:\n${said}\n${advice}`,
      );
    }
  };
  try {
    await mkdir(wheels, { recursive: true });
    log(`Installing the wheels of ${name}.txt (${megabytes} MB) with pip…`);
    const requirements = join(import.meta.dirname, `${name}.txt`);
    const pip = [...PIP_INSTALL.split(' '), requirements, '--target', wheels];
    const architecture = name.includes('arm64') ? 'aarch64' : 'x86_64';
    pip.push(...MANYLINUX.flatMap((tag) => ['--platform', `manylinux${tag}_${architecture}`]));
    pip.push(...(wheelFiles.length > 0 ? ['--no-index'] : []));
    pip.push(...wheelFiles.flatMap((file) => ['--find-links', dirname(file)]));
    const showOutput = process.stdout.isTTY ?? false;
    check(
      `pip could not install the wheels of ${requirements}`,
      // pip unpacks into TMPDIR first: on the same disk that is no copy.
      await runCommand('python3', pip, { env: { ...env, TMPDIR: partial }, showOutput }),
      "Check the network and pip's settings (an index of your own, a proxy). Or download the " +
        'wheels\nfrom PyPI in another way and pass each with --wheel FILE.',
    );
    await mkdir(join(deps, 'lib'), { recursive: true });
    for (const library of LIBRARIES) {
      await rename(join(wheels, 'tensorflow', library), join(deps, 'lib', library));
    }
    if (existsSync(join(wheels, 'nvidia'))) {
      await rename(join(wheels, 'nvidia'), join(deps, 'nvidia')); // For $ORIGIN/../nvidia.
    }
    log(`Compiling the binding with ${compiler.join(' ')}…`);
    await mkdir(dirname(binding), { recursive: true });
    const [command = '', ...args] = compiler;
    args.push('-O2', '-fPIC', '-shared', '-std=c++17', '-o', binding);
    args.push(`-DNAPI_VERSION=${NAPI_VERSION}`, '-DNODE_GYP_MODULE_NAME=tfjs_binding');
    args.push('-I', headers, '-I', join(wheels, 'tensorflow', 'include'));
    const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'];
    args.push(...sources.map((file) => join(packageFolder, 'binding', file)));
    args.push(...LIBRARIES.map((library) => join(deps, 'lib', library)));
    args.push('-Wl,-rpath,$ORIGIN/../../deps/lib');
    check(
      `${compiler.join(' ')} could not compile tfjs-node's binding`,
      await runCommand(command, args, { env }),
      'It needs C++17: g++ 8 or newer.',
    );
    await rm(wheels, { recursive: true });
    await replaceFolder(partial, join(cacheFolder, key));
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** Looks for all tools at once, so the user learns in one run what is missing. */
async function findTools(packageFolder: string, env: NodeJS.ProcessEnv) {
  const missing: string[] = [];
  const pip = await runCommand('python3', ['-m', 'pip', '--version'], { env });
  if (pip?.status !== 0) {
    missing.push(
      pip === undefined
        ? 'python3 is not on the PATH. ' +
            'Install it, for instance: apt-get install python3 python3-pip'
        : 'python3 has no pip. Install it: apt-get install python3-pip, or python3 -m ensurepip',
    );
  }
  const named = env['CXX']?.trim();
  let compiler: readonly string[] | undefined;
  for (const candidate of named ? [named] : ['g++', 'c++', 'clang++']) {
    const [command = '', ...args] = candidate.split(/\s+/);
    const result = await runCommand(command, [...args, '--version'], { env });
    if (result?.status === 0) {
      compiler = [command, ...args];
      break;
    }
  }
  if (compiler === undefined) {
    missing.push(
      named
        ? `the compiler that CXX names (${named}) does not run. Correct CXX, or unset it.`
        : 'no C++ compiler (g++, c++, clang++) is on the PATH. Install one, for instance:\n' +
            '    apt-get install g++. Or name yours in the environment variable CXX.',
    );
  }
  // Some distributions' Node lacks N-API's headers, but the npm packages of Node have them.
  const headers = [
    join(dirname(dirname(process.execPath)), 'include', 'node'),
    join(packageFolder, '..', '..', `node-${process.platform}-${process.arch}`, 'include', 'node'),
    '/usr/include/node',
    '/usr/include/nodejs/src',
  ].find((folder) => existsSync(join(folder, 'node_api.h')));
  if (headers === undefined) {
    missing.push(
      `node_api.h is not beside ${process.execPath}. ` +
        'Run npm install, which brings a Node that has it.',
    );
  }
  if (compiler === undefined || headers === undefined || missing.length > 0) {
    throw new ExpectedError(
      `Setting up TensorFlow needs something that is not here:\n  - ${missing.join('\n  - ')}`,
    );
  }
  return { compiler, headers };
}
