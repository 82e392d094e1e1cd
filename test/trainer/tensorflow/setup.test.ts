/**
 * Setting up libtensorflow: what it refuses, and that it then leaves nothing behind. Nothing is downloaded: python3 and
 * g++ are small scripts in a PATH of the test's own.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  hasForeignInstallation,
  placeTree,
  readStamp,
  writeStamp,
} from '../../../trainer/tensorflow/setup/installation.ts';
import {
  setUpTensorflow,
  type SetUpOptions,
  undoSetUp,
} from '../../../trainer/tensorflow/setup/install.ts';
import { SetUpProblem } from '../../../trainer/tensorflow/setup/problem.ts';
import { DISTRIBUTIONS } from '../../../trainer/tensorflow/setup/wheels.ts';

const WORKING = 'exit 0';
const NO_PIP = 'case "$*" in *"-m pip"*) echo "No module named pip" >&2; exit 1;; esac';
const NO_NETWORK =
  'case "$*" in *download*) echo "WARNING: Retrying" >&2; echo "ERROR: no route" >&2; exit 1;; esac';
const FULL_DISK =
  'case "$*" in *download*) echo "OSError: [Errno 28] No space left on device" >&2; exit 1;; esac';
/** Stands for a pip that brings another file than the pinned one. */
const WRONG_FILE = `case "$*" in *download*)
  while [ "$1" != --dest ]; do shift; done
  echo junk > "$2/tensorflow_cpu-2.15.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";; esac`;

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

  test('says that pip is missing, and how to do without', async () => {
    await installPrograms({ python3: NO_PIP, 'g++': WORKING });
    expect(await refuse()).toMatch(/python3 has no pip.*--wheel FILE/s);
  });

  test('says that the compiler is missing', async () => {
    await installPrograms({ python3: WORKING });
    const message = await refuse();
    expect(message).toContain('no C++ compiler');
    expect(message).not.toContain('python3 is');
  });

  test('says when CXX names a compiler that is not there', async () => {
    await installPrograms({ python3: WORKING, 'g++': WORKING });
    expect(await refuse({ env: { ...options.env, CXX: 'elsewhere/g++ -m64' } })).toContain(
      'CXX names (elsewhere/g++ -m64)',
    );
  });

  test("shows pip's own words when it cannot download", async () => {
    await installPrograms({ python3: NO_NETWORK, 'g++': WORKING });
    expect(await refuse()).toMatch(
      /pip could not download tensorflow-cpu 2\.15\.1.*ERROR: no route/s,
    );
  });

  test('says when the disk is full', async () => {
    await installPrograms({ python3: FULL_DISK, 'g++': WORKING });
    expect(await refuse()).toMatch(/disk of .* is full: free 207 MB/);
  });

  test('does not believe pip about the hash', async () => {
    await installPrograms({ python3: WRONG_FILE, 'g++': WORKING });
    const [wheel] = DISTRIBUTIONS.find(({ name }) => name === 'linux-x64')?.wheels ?? [];
    const message = await refuse();
    expect(message).toContain(`expected SHA-256 ${wheel?.sha256}`);
    expect(message).toMatch(/got {6}SHA-256 [0-9a-f]{64}/);
  });

  test('refuses a given wheel that is another file, and one that is not there', async () => {
    const wheel = join(folder, 'some.whl');
    await writeFile(wheel, 'not a wheel');
    // printf 'not a wheel' | sha256sum
    const actual = 'e7dc6be13be0055dd03d1fe10caf78db0daa6327eb1f5b08c3e2dc8c06431cd2';
    expect(await refuse({ wheelFiles: [wheel] })).toContain(`got      SHA-256 ${actual}`);
    expect(await refuse({ wheelFiles: [`${wheel}2`] })).toContain('there is no such file');
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

  test('leaves broken libraries of another installer alone, unless forced', async () => {
    await mkdir(join(options.packageFolder, 'deps', 'lib'), { recursive: true });
    expect(await refuse()).toContain('Pass --force to replace them');
    expect(existsSync(join(options.packageFolder, 'deps', 'lib'))).toBe(true);
  });
});

describe('an installation', () => {
  test('is placed whole, known again, and no longer valid when a file is cut short', async () => {
    const tree = await makeTree();
    await placeTree(tree, options.packageFolder);
    expect(await readStamp(options.packageFolder)).toMatchObject({
      key: 'k',
      files: { 'deps/lib/libtensorflow_cc.so.2': 9 },
    });
    expect(hasForeignInstallation(options.packageFolder)).toBe(false);
    await rm(join(options.packageFolder, 'deps/lib/libtensorflow_cc.so.2'));
    await writeFile(join(options.packageFolder, 'deps/lib/libtensorflow_cc.so.2'), 'cut');
    expect(await readStamp(options.packageFolder)).toBeUndefined();
    expect(await readFile(join(tree, 'deps/lib/libtensorflow_cc.so.2'), 'utf8')).toBe('libraries');
  });

  test('is taken away by --undo with the cache, and nothing else is', async () => {
    await placeTree(await makeTree(), options.packageFolder);
    const removed = await undoSetUp(options.packageFolder, options.cacheFolder);
    expect(removed).toHaveLength(2);
    expect(await readdir(options.packageFolder)).toEqual(['package.json']);
    expect(existsSync(join(folder, 'project', '.digitmint'))).toBe(false);
    expect(await undoSetUp(options.packageFolder, options.cacheFolder)).toEqual([]);
  });

  test('of another installer is not taken away by --undo', async () => {
    await mkdir(join(options.packageFolder, 'deps'));
    expect(await undoSetUp(options.packageFolder, options.cacheFolder)).toEqual([]);
    expect(existsSync(join(options.packageFolder, 'deps'))).toBe(true);
  });
});

describe('the pins', () => {
  test('name each wheel by its project, version, and 64 hex digits', () => {
    for (const { project, version, file, sha256, bytes } of DISTRIBUTIONS.flatMap(
      ({ wheels }) => wheels,
    )) {
      expect(file.startsWith(`${project.replaceAll('-', '_')}-${version}-`)).toBe(true);
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(bytes).toBeGreaterThan(1e6);
    }
  });
});

describe('the command', () => {
  test('explains its flags, and refuses others', () => {
    const program = fileURLToPath(
      new URL('../../../trainer/tensorflow/setup/setup.ts', import.meta.url),
    );
    const help = spawnSync(process.execPath, [program, '--help'], { encoding: 'utf8' });
    expect(help.stdout).toMatch(/--gpu.*--wheel.*--force.*--undo/s);
    const wrong = spawnSync(process.execPath, [program, '--bogus'], { encoding: 'utf8' });
    expect([wrong.status, wrong.stderr]).toEqual([1, expect.stringContaining('--bogus')]);
  });
});

/** The refusal's message; checks that nothing was left behind. */
async function refuse(changes: Partial<SetUpOptions> = {}): Promise<string> {
  const error = await setUpTensorflow({ ...options, ...changes }).then(
    () => new Error('it was not refused'),
    (problem: unknown) => problem as Error,
  );
  expect(error).toBeInstanceOf(SetUpProblem);
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
  const tree = join(options.cacheFolder, 'k');
  await mkdir(join(tree, 'deps', 'lib'), { recursive: true });
  await mkdir(join(tree, 'lib', 'napi-v8'), { recursive: true });
  await writeFile(join(tree, 'deps', 'lib', 'libtensorflow_cc.so.2'), 'libraries');
  await writeFile(join(tree, 'lib', 'napi-v8', 'tfjs_binding.node'), 'binding');
  await writeStamp(tree, { key: 'k', tensorflow: '2.15.1', wheels: [] });
  return tree;
}
