/** The files of a ZIP archive, with yauzl: sizes are checked, nothing is unpacked to disk. */
import { isUtf8 } from 'node:buffer';
import { basename } from 'node:path';
import yauzl, { type Entry } from 'yauzl';
import { ExpectedError } from '../../../shared/expected-error.ts';
import type { Problem } from './source.ts';
import { isJunk, MAX_FILES, type Tree, type TreeFile } from './tree.ts';

/** A sound archive may inflate this much, or this many times its size: more is a ZIP bomb. */
const ALLOWED = { bytes: 1024 ** 3, times: 200 } as const;

/**
 * Lists an archive. Its file stays open until the process ends.
 * @param from  Its path, or its bytes when it lies within another archive.
 * @param what  Names it in errors.
 * @throws ExpectedError  When it is damaged, holds too many files, or would inflate too much.
 */
export async function listZip(from: string | Uint8Array, what: string): Promise<Tree> {
  const files: TreeFile[] = [];
  const problems: Problem[] = [];
  const options = { autoClose: false, lazyEntries: true };
  let inflated = 0;
  try {
    const zip =
      typeof from === 'string'
        ? await yauzl.openPromise(from, options)
        : await yauzl.fromBufferPromise(Buffer.from(from), options);
    if (zip.entryCount > MAX_FILES) {
      throw new ExpectedError(
        `${what}: holds ${zip.entryCount} files, at most ${MAX_FILES} allowed`,
      );
    }
    for await (const entry of zip.eachEntry()) {
      const { uncompressedSize: size } = entry;
      const path = readName(entry);
      inflated += size;
      if (path.endsWith('/') || isJunk(path)) {
        continue;
      }
      if (!entry.canDecodeFileData()) {
        const reason = entry.isEncrypted() ? 'is encrypted' : 'is packed in an unknown way';
        problems.push({ name: path, reason });
        continue;
      }
      files.push({ path, size, open: () => zip.openReadStreamPromise(entry) });
    }
    if (inflated > Math.max(ALLOWED.bytes, zip.fileSize * ALLOWED.times)) {
      throw new ExpectedError(
        `${what}: its ${zip.fileSize} bytes would inflate to ${inflated}: too much for an honest archive`,
      );
    }
  } catch (cause) {
    if (cause instanceof ExpectedError) {
      throw cause;
    }
    const { message } = cause as Error;
    throw new ExpectedError(`${what}: is no whole ZIP archive (${message})`, { cause });
  }
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { name: basename(what), files, problems, passedOver: [] };
}

/** macOS writes names in UTF-8 without the mark for it, and yauzl takes these for CP437. */
function readName({ fileName, fileNameRaw }: Entry): string {
  return isUtf8(fileNameRaw) ? fileNameRaw.toString().replaceAll('\\', '/') : fileName;
}
