/**
 * SwiftShader, a software GPU, with a Vulkan loader. Both come inside npm's @sparticuz/chromium, so
 * WebGPU can be tested on any Linux x64 machine without a GPU or system packages.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSwiftShader, VULKAN_LOADER } from '../../../dev/pack/swiftshader.ts';

const FILES = ['libvk_swiftshader.so', VULKAN_LOADER, 'vk_swiftshader_icd.json'] as const;
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
  const { version, read } = await openSwiftShader();
  const target = join(cacheFolder, version);
  if (!existsSync(target)) {
    await mkdir(cacheFolder, { recursive: true });
    const partial = await mkdtemp(join(cacheFolder, 'partial-'));
    try {
      for (const file of FILES) {
        await writeFile(join(partial, file), await read(file));
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
