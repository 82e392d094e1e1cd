/**
 * SwiftShader, a software GPU, with a Vulkan loader. Both come inside npm's @sparticuz/chromium, so
 * WebGPU can be tested on any Linux x64 machine without a GPU or system packages.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';

const FILES = ['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json'] as const;
const cacheFolder = fileURLToPath(new URL('../../../.digitmint/swiftshader/', import.meta.url));

/** The reason why this machine has no SwiftShader; undefined when it has. */
export const swiftShaderMissing: string | undefined =
  process.platform === 'linux' && process.arch === 'x64'
    ? undefined
    : `@sparticuz/chromium has SwiftShader for linux-x64 only, this is ${process.platform}-${process.arch}`;

/**
 * Unpacks SwiftShader, once for each checkout and version.
 * @returns  Environment variables for a child process, which then finds SwiftShader as its only
 *   GPU. They must be set before a process starts, so setting them in `process.env` has no effect
 *   on the caller itself.
 */
export async function prepareSwiftShader(): Promise<Record<string, string>> {
  const { folder, archive } = await locateArchive();
  const target = join(cacheFolder, folder);
  if (!existsSync(target)) {
    await mkdir(cacheFolder, { recursive: true });
    const partial = await mkdtemp(join(cacheFolder, 'partial-'));
    try {
      const tar = await promisify(brotliDecompress)(await readFile(archive));
      for (const file of FILES) {
        await writeFile(join(partial, file), extractTarMember(tar, file));
      }
      await rename(partial, target).catch((error: unknown) => {
        // Another test process may have been faster; its files are the same.
        if (!existsSync(target)) {
          throw error;
        }
      });
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  }
  const icd = join(target, 'vk_swiftshader_icd.json');
  return { VK_ICD_FILENAMES: icd, VK_DRIVER_FILES: icd, LD_LIBRARY_PATH: target };
}

async function locateArchive(): Promise<{ folder: string; archive: string }> {
  const require = createRequire(import.meta.url);
  const paths = require.resolve.paths('@sparticuz/chromium') ?? [];
  const root = paths
    .map((path) => join(path, '@sparticuz', 'chromium'))
    .find((path) => existsSync(path));
  if (root === undefined) {
    throw new Error('@sparticuz/chromium is not installed: run npm install');
  }
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  return { folder: version, archive: join(root, 'bin', 'swiftshader.tar.br') };
}

/**
 * Reads one regular file from a ustar archive (POSIX.1-1988: 512-byte blocks; name at 0, octal size
 * at 124).
 */
function extractTarMember(tar: Buffer, name: string): Buffer {
  for (let at = 0; at + 512 <= tar.length;) {
    const readField = (start: number, length: number): string =>
      tar.toString('latin1', at + start, at + start + length).split('\0', 1)[0] ?? '';
    const size = Number.parseInt(readField(124, 12), 8) || 0;
    if (readField(0, 100).replace(/^\.\//, '') === name) {
      return tar.subarray(at + 512, at + 512 + size);
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error(
    `the SwiftShader archive of @sparticuz/chromium holds no ${name}; version 153.0.0 did`,
  );
}
