/**
 * Tests the set-up of libtensorflow: its refusals, after which no file remains. Nothing is
 * downloaded: python3 and g++ are small scripts on the test's own PATH.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { acquireFileLock } from '../../../storage/file-lock.ts';
import { ExpectedError } from '../../../shared/expected-error.ts';
import {
  computeKey,
  placeLink,
  setUpTensorflow,
  type SetUpOptions,
  undoSetUp,
} from '../../../trainer/tensorflow/setup/install.ts';

const SETUP = join(import.meta.dirname, '../../../trainer/tensorflow/setup');

/** An earlier build in the cache. */
const KEY = 'linux-x64-0123456789ab';

const WORKING = 'exit 0';
const NO_PIP = 'case "$*" in *"-m pip"*) echo "No module named pip" >&2; exit 1;; esac';
const NO_NETWORK =
  'case "$*" in *install*) echo "WARNING: Retrying" >&2; echo "ERROR: no route" >&2; exit 1;; esac';
const FULL_DISK =
  'case "$*" in *install*) echo "OSError: [Errno 28] No space left on device" >&2; exit 1;; esac';
/** Records pip's arguments, and fails. */
const NOTING = 'case "$*" in *install*) echo "asked for: $*" >&2; exit 1;; esac';

/** Stand-ins for pip and a compiler that write files with the right names. */
const UNPACKING = `case "$*" in *install*)
  while [ "$1" != --target ]; do shift; done
  /bin/mkdir "$2/tensorflow"
  : > "$2/tensorflow/libtensorflow_cc.so.2"
  : > "$2/tensorflow/libtensorflow_framework.so.2";; esac`;
const COMPILING = `case "$*" in *" -o "*) while [ "$1" != -o ]; do shift; done; : > "$2";; esac`;

let folder: string;
let options: SetUpOptions;
let log: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'digitmint-setup-'));
  const packageFolder = join(folder, 'project', 'node_modules', '@tensorflow', 'tfjs-node');
  await mkdir(packageFolder, { recursive: true });
  await writeFile(join(packageFolder, 'package.json'), '{ "version": "4.22.0" }');
  log = [];
  options = {
    packageFolder,
    cacheFolder: join(folder, 'project', '.digitmint', 'tensorflow'),
    platform: 'linux',
    arch: 'x64',
    gpu: false,
    force: false,
    wheelFiles: [],
    env: { PATH: join(folder, 'bin') },
    log: (line) => log.push(line),
  };
});

afterEach(() => rm(folder, { recursive: true }));

describe.skipIf(process.platform === 'win32')('setUpTensorflow', () => {
  test('names everything that is missing at once', async () => {
    const message = await refuse();
    expect(message).toContain('python3 is not on the PATH');
    expect(message).toContain('no C++ compiler (g++, c++, clang++) is on the PATH');
  });

  test('reports that pip is missing, and how to get it', async () => {
    await installPrograms({ python3: NO_PIP, 'g++': WORKING });
    expect(await refuse()).toMatch(/python3 has no pip.*python3 -m ensurepip/s);
  });

  test('reports that the compiler is missing', async () => {
    await installPrograms({ python3: WORKING });
    const message = await refuse();
    expect(message).toContain('no C++ compiler');
    expect(message).not.toContain('python3 is');
  });

  test('reports when CXX names a missing compiler', async () => {
    await installPrograms({ python3: WORKING, 'g++': WORKING });
    expect(await refuse({ env: { ...options.env, CXX: 'elsewhere/g++ -m64' } })).toContain(
      'CXX names (elsewhere/g++ -m64)',
    );
  });

  test("shows pip's own message when it cannot download", async () => {
    await installPrograms({ python3: NO_NETWORK, 'g++': WORKING });
    expect(await refuse()).toMatch(
      /pip could not install the wheels of .*linux-x64\.txt\. It said:.*ERROR: no route.*--wheel FILE/s,
    );
  });

  test('reports a full disk', async () => {
    await installPrograms({ python3: FULL_DISK, 'g++': WORKING });
    expect(await refuse()).toMatch(/disk of .* is full: free some room \(several times 207 MB\)/);
  });

  test('makes pip check the hash of every wheel', async () => {
    await installPrograms({ python3: NOTING, 'g++': WORKING });
    expect(await refuse()).toMatch(/asked for: .* --require-hashes -r .*linux-x64\.txt /);
  });

  test('makes pip use given wheels without a network, and refuses a missing wheel', async () => {
    await installPrograms({ python3: NOTING, 'g++': WORKING });
    const wheel = join(folder, 'some.whl');
    await writeFile(wheel, 'not a wheel');
    const message = await refuse({ wheelFiles: [wheel] });
    expect(message).toContain(`--no-index --find-links ${folder}\n`);
    expect(message).toContain('--require-hashes');
    expect(await refuse({ wheelFiles: [`${wheel}2`] })).toContain('there is no such file');
  });

  test('removes a build that does not load', async () => {
    await installPrograms({ python3: UNPACKING, 'g++': COMPILING });
    expect(await refuse()).toContain('was built but does not load, and was removed again');
    expect(log).toEqual([
      'Installing the wheels of linux-x64.txt (207 MB) with pip…',
      'Compiling the binding with g++…',
    ]);
  });

  test.each([
    ['darwin', 'arm64'],
    ['win32', 'x64'],
    ['freebsd', 'x64'],
  ])("points to tfjs-node's own installer on %s-%s", async (platform, arch) => {
    expect(await refuse({ platform, arch })).toContain(
      'npm rebuild @tensorflow/tfjs-node --ignore-scripts=false',
    );
  });

  test('has no GPU build for arm64', async () => {
    expect(await refuse({ arch: 'arm64', gpu: true })).toContain('Leave --gpu out');
  });

  test('keeps broken libraries of another installer, unless forced', async () => {
    await mkdir(join(options.packageFolder, 'deps', 'lib'), { recursive: true });
    expect(await refuse()).toContain('Pass --force to replace them');
    expect(existsSync(join(options.packageFolder, 'deps', 'lib'))).toBe(true);
  });
});

describe('an installation', () => {
  test('is a link to the cache that replaces earlier files, and moves with the project', async () => {
    await mkdir(join(options.packageFolder, 'deps', 'lib'), { recursive: true });
    await mkdir(join(options.packageFolder, 'lib'));
    await placeLink(await makeTree(), options.packageFolder);
    expect(await readdir(options.packageFolder)).toEqual(['lib', 'package.json']);
    await rename(join(folder, 'project'), join(folder, 'elsewhere'));
    const moved = join(folder, 'elsewhere', 'node_modules', '@tensorflow', 'tfjs-node');
    const binding = await realpath(join(moved, 'lib', 'napi-v8', 'tfjs_binding.node'));
    expect(binding).toContain(join('elsewhere', '.digitmint', 'tensorflow', KEY, 'lib'));
  });

  test('is removed by --undo with the cache, and nothing else is', async () => {
    await placeLink(await makeTree(), options.packageFolder);
    const removed = await undoSetUp(options.packageFolder, options.cacheFolder);
    expect(removed).toHaveLength(2);
    expect(await readdir(options.packageFolder)).toEqual(['package.json']);
    expect(existsSync(join(folder, 'project', '.digitmint'))).toBe(false);
    expect(await undoSetUp(options.packageFolder, options.cacheFolder)).toEqual([]);
  });

  test('of another installer is not removed by --undo', async () => {
    await mkdir(join(options.packageFolder, 'deps'));
    expect(await undoSetUp(options.packageFolder, options.cacheFolder)).toEqual([]);
    expect(existsSync(join(options.packageFolder, 'deps'))).toBe(true);
  });

  test('that the user linked elsewhere, and files beside the builds, are kept by --undo', async () => {
    await makeTree();
    await writeFile(join(options.cacheFolder, 'notes.txt'), 'mine');
    await symlink('../elsewhere', join(options.packageFolder, 'lib'));
    expect(await undoSetUp(options.packageFolder, options.cacheFolder)).toEqual([
      join(options.cacheFolder, KEY),
    ]);
    expect(await readdir(options.cacheFolder)).toEqual(['notes.txt']);
    expect(await readdir(options.packageFolder)).toEqual(['lib', 'package.json']);
  });

  test('that worked comes back when a new build does not load', async () => {
    await placeLink(await makeTree(), options.packageFolder);
    await installPrograms({ python3: UNPACKING, 'g++': COMPILING });
    await expect(setUpTensorflow(options)).rejects.toThrow('does not load');
    expect(await readdir(options.cacheFolder)).toEqual([KEY]);
    const binding = join(options.packageFolder, 'lib', 'napi-v8', 'tfjs_binding.node');
    expect(await readFile(binding, 'utf8')).toBe('binding');
  });

  test('that worked stays when a broken one in the cache cannot be built again', async () => {
    const gpu = await computeKey('linux-x64-gpu', options.packageFolder);
    await rename(await makeTree(), join(options.cacheFolder, gpu));
    await placeLink(await makeTree(), options.packageFolder);
    const before = await realpath(join(options.packageFolder, 'lib'));
    await installPrograms({ python3: NO_NETWORK, 'g++': WORKING });
    await expect(setUpTensorflow({ ...options, gpu: true })).rejects.toThrow('no route');
    expect(log[0]).toContain('does not load, and is built again');
    expect(await realpath(join(options.packageFolder, 'lib'))).toBe(before);
  });

  test('is made by one process at a time', async () => {
    await mkdir(options.cacheFolder, { recursive: true });
    const lock = join(options.cacheFolder, '.lock');
    await acquireFileLock(lock, { timeoutMs: 0, staleMs: Infinity });
    await mkdir(join(options.cacheFolder, 'partial'));
    await expect(setUpTensorflow(options)).rejects.toThrow(ExpectedError);
    const held = /another process .* holds .*\.lock/;
    await expect(setUpTensorflow(options)).rejects.toThrow(held);
    await expect(undoSetUp(options.packageFolder, options.cacheFolder)).rejects.toThrow(held);
    expect((await readdir(options.cacheFolder)).sort()).toEqual(['.lock', 'partial']);
  });

  test('that was interrupted is cleaned up', async () => {
    await mkdir(join(options.cacheFolder, 'partial', 'wheels'), { recursive: true });
    await mkdir(join(options.cacheFolder, 'partial-1', 'wheels'), { recursive: true });
    await refuse();
  });

  test('ends the program that it runs when a signal ends it', async () => {
    const command = pathToFileURL(join(SETUP, 'command.ts')).href;
    const program = `
      const { runCommand } = await import(${JSON.stringify(command)});
      const endless = ['--eval', 'console.log("runs"); setInterval(() => {}, 1e6);'];
      await runCommand(process.execPath, endless, { env: process.env, showOutput: true });`;
    const args = ['--input-type=module', '--eval', program];
    const parent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(parent, 'exit');
    parent.stdout.once('data', () => parent.kill('SIGTERM'));
    // The pipe ends with the last program that writes into it.
    await once(parent.stdout, 'close');
    expect(await ended).toEqual([null, 'SIGTERM']);
  });
});

describe('the pins', () => {
  test('name each wheel by its project, its version and its SHA-256', async () => {
    const files = (await readdir(SETUP)).filter((file) => file.endsWith('.txt'));
    expect(files).toHaveLength(3);
    for (const file of files) {
      const lines = (await readFile(join(SETUP, file), 'utf8')).trimEnd().split('\n');
      for (const line of lines.filter((each) => !each.startsWith('#'))) {
        expect(line).toMatch(/^[a-z0-9-]+==[0-9.]+ --hash=sha256:[0-9a-f]{64}$/);
      }
    }
  });
});

describe('the command', () => {
  test('explains its flags, and refuses others', () => {
    const program = join(SETUP, 'setup.ts');
    const help = spawnSync(process.execPath, [program, '--help'], { encoding: 'utf8' });
    expect(help.stdout).toMatch(/--gpu.*--wheel.*--force.*--undo/s);
    const wrong = spawnSync(process.execPath, [program, '--bogus'], { encoding: 'utf8' });
    expect([wrong.status, wrong.stderr]).toEqual([1, expect.stringContaining('--bogus')]);
  });
});

/** Returns the refusal's message; checks that no file remains. */
async function refuse(changes: Partial<SetUpOptions> = {}): Promise<string> {
  const error = await setUpTensorflow({ ...options, ...changes }).then(
    () => new Error('it was not refused'),
    (problem: unknown) => problem as Error,
  );
  expect(error).toBeInstanceOf(ExpectedError);
  if (existsSync(options.cacheFolder)) {
    expect(await readdir(options.cacheFolder)).toEqual([]);
  }
  expect(existsSync(join(options.packageFolder, 'lib'))).toBe(false);
  return error.message;
}

/** Puts shell scripts on the PATH. */
async function installPrograms(programs: Record<string, string>): Promise<void> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
}

async function makeTree(): Promise<string> {
  const tree = join(options.cacheFolder, KEY);
  await mkdir(join(tree, 'deps', 'lib'), { recursive: true });
  await mkdir(join(tree, 'lib', 'napi-v8'), { recursive: true });
  await writeFile(join(tree, 'deps', 'lib', 'libtensorflow_cc.so.2'), 'libraries');
  await writeFile(join(tree, 'lib', 'napi-v8', 'tfjs_binding.node'), 'binding');
  return tree;
}
