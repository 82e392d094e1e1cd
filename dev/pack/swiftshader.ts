/** SwiftShader and a Vulkan loader for Linux x64, from npm's @sparticuz/chromium. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';

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
    return extractTarMember(await promisify(brotliDecompress)(archive), name);
  };
  return { version, read };
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
