/** SwiftShader and a Vulkan loader for Linux x64, from npm's @sparticuz/chromium. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { listTar } from '../../trainer/data/layouts/archives.ts';

/** Dynamic linkers look for it by this name. */
export const VULKAN_LOADER = 'libvulkan.so.1';

/** Opens the archive. @returns  The package's version, and a reader of the archive's files. */
export async function openSwiftShader() {
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
  const read = async (name: string): Promise<Buffer> => {
    const archive = await readFile(join(root, 'bin', 'swiftshader.tar.br'));
    const { files } = listTar(await promisify(brotliDecompress)(archive));
    const file = files.find(({ path }) => path === name);
    if (file === undefined) {
      throw new Error(
        `the SwiftShader archive of @sparticuz/chromium holds no ${name}; version 153.0.0 did`,
      );
    }
    return buffer(await file.open());
  };
  return { version, read };
}
