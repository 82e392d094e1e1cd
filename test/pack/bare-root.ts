/**
 * A machine with a driver and little else: a root folder that holds the C library, a shell and a
 * bundle of the trainer, in namespaces without network. Linux only.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { prepareSwiftShader } from '../support/training/swiftshader.ts';

/** Where the bundle lies in the root. */
const BUNDLE = '/opt/digitmint';
const SHELL = '/bin/sh';

export interface BareRoot {
  readonly folder: string;
  /** Starts `./digitmint` with these words, in `/work`. If asked, only `/tmp` can be written. */
  start(words: readonly string[], isReadOnly?: boolean): ChildProcess;
  /** Runs it to its end. */
  run(
    words: readonly string[],
    isReadOnly?: boolean,
  ): Promise<{ code: number | null; output: string }>;
  remove(): Promise<void>;
}

/**
 * @param bundle     A bundle's folder, which is copied.
 * @param hasDriver  Installs SwiftShader as a driver of Vulkan.
 */
export async function createBareRoot(bundle: string, hasDriver: boolean): Promise<BareRoot> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-bare-'));
  await cp(bundle, join(folder, BUNDLE), { recursive: true });
  await mkdir(join(folder, 'work'));
  await mkdir(join(folder, 'tmp'));
  const dawn = join(bundle, 'app/node_modules/webgpu/dist/linux-x64/dawn.node');
  await install(folder, SHELL);
  for (const program of [SHELL, join(bundle, 'node'), dawn]) {
    for (const library of await listLibraries(program)) {
      await install(folder, library);
    }
  }
  if (hasDriver) {
    await installDriver(folder);
  }
  const start: BareRoot['start'] = (words, isReadOnly = false) => {
    const user = process.getuid?.() === 0 ? [] : ['--map-root-user'];
    const mount = isReadOnly
      ? 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && mount -t tmpfs tmpfs "$0/tmp" && '
      : '';
    const command = `cd /work && exec ${BUNDLE}/digitmint "$@"`;
    const enter = `${mount}exec chroot "$0" ${SHELL} -c '${command}' sh "$@"`;
    // Nothing of this machine's environment is there.
    const options = { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } };
    const shell = [...user, '--net', '--mount', SHELL, '-c', enter, folder];
    return spawn('unshare', [...shell, ...words], options);
  };
  const run: BareRoot['run'] = (words, isReadOnly) =>
    new Promise((resolve, reject) => {
      let output = '';
      const child = start(words, isReadOnly);
      child.stdout?.on('data', (data: Buffer) => (output += data.toString()));
      child.stderr?.on('data', (data: Buffer) => (output += data.toString()));
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, output }));
    });
  return { folder, start, run, remove: () => rm(folder, { recursive: true, force: true }) };
}

async function install(root: string, file: string): Promise<void> {
  const target = join(root, file);
  await mkdir(dirname(target), { recursive: true });
  await cp(await realpath(file), target);
}

async function listLibraries(program: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ldd', [program]);
  // Lines such as "libm.so.6 => /lib/libm.so.6 (0x7f…)".
  return stdout.split(/\s/).filter((word) => word.startsWith('/'));
}

async function installDriver(root: string): Promise<void> {
  const { LD_LIBRARY_PATH: source = '' } = await prepareSwiftShader();
  const library = '/usr/lib/libvk_swiftshader.so';
  await mkdir(join(root, '/usr/lib'), { recursive: true });
  await cp(join(source, 'libvk_swiftshader.so'), join(root, library));
  const text = await readFile(join(source, 'vk_swiftshader_icd.json'), 'utf8');
  const description = JSON.parse(text) as { ICD: { library_path: string } };
  description.ICD.library_path = library;
  const folder = join(root, '/usr/share/vulkan/icd.d');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'swiftshader.json'), JSON.stringify(description));
}
