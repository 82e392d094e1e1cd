/** The files of a ZIP archive, with yauzl: sizes are checked, nothing is unpacked to disk. */
import { basename } from 'node:path';
import yauzl, { type Entry } from 'yauzl';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { decodeCp437, decodeNames } from '../file-names.ts';
import { within, type Problem } from './source.ts';
import { isJunk, MAX_FILES, type Tree, type TreeFile } from './tree.ts';

/** A sound archive may inflate this much, or this many times its size: more is a ZIP bomb. */
const ALLOWED = { bytes: 1024 ** 3, times: 200 } as const;
/** The kind of a file that Unix programs put into its first four bits. */
const UNIX_LINK = 0xa;

/**
 * Lists an archive. Its file stays open until the process ends.
 * @param from  Its path, or its bytes when it lies within another archive.
 * @throws ExpectedError  When it is damaged, holds too many files, or would inflate too much.
 */
export async function listZip(from: string | Uint8Array): Promise<Tree> {
  const files: TreeFile[] = [];
  const problems: Problem[] = [];
  // The names are decoded here, all together.
  const options = { autoClose: false, lazyEntries: true, decodeStrings: false };
  let inflated = 0;
  let notes: readonly string[] = [];
  const list = async (): Promise<void> => {
    const zip =
      typeof from === 'string'
        ? await yauzl.openPromise(from, options)
        : await yauzl.fromBufferPromise(
            Buffer.from(from.buffer, from.byteOffset, from.byteLength),
            options,
          );
    if (zip.entryCount > MAX_FILES) {
      throw new ExpectedError(`holds ${zip.entryCount} files, at most ${MAX_FILES} allowed`);
    }
    const entries: Entry[] = [];
    for await (const entry of zip.eachEntry()) {
      entries.push(entry);
    }
    const names = decodeNames(entries.map(readName));
    notes = names.notes;
    for (const [i, entry] of entries.entries()) {
      const { uncompressedSize: size } = entry;
      const path = (names.decoded[i] as string).replaceAll('\\', '/');
      const fault = yauzl.validateFileName(path);
      inflated += size;
      if (fault !== null) {
        problems.push({ name: path, reason: 'has a path out of the archive: pack it without' });
        continue;
      }
      if (path.endsWith('/') || isJunk(path)) {
        continue;
      }
      const isLink = entry.externalFileAttributes >>> 28 === UNIX_LINK;
      if (isLink || !entry.canDecodeFileData()) {
        const reason = isLink
          ? 'is a link in the archive: pack what it points to (zip without -y)'
          : entry.isEncrypted()
            ? 'is encrypted'
            : 'is packed in an unknown way: unpack it';
        problems.push({ name: path, reason });
        continue;
      }
      files.push({ path, size, open: () => zip.openReadStreamPromise(entry) });
    }
    if (inflated > Math.max(ALLOWED.bytes, zip.fileSize * ALLOWED.times)) {
      throw new ExpectedError(
        `has ${zip.fileSize} bytes that would inflate to ${inflated}: too much for an honest archive`,
      );
    }
  };
  await within('', list, (message) => `is no whole ZIP archive (${message})`);
  // If two members have the same path, the later one counts, as in unpacking.
  const last = [...new Map(files.map((file) => [file.path, file])).values()];
  last.sort((a, b) => (a.path < b.path ? -1 : 1));
  const name = typeof from === 'string' ? basename(from) : '';
  return { name, files: last, problems, notes, passedOver: [] };
}

/** A name's bytes. Some programs add the name in UTF-8, which yauzl finds. */
function readName({ fileNameRaw, extraFields }: Entry): Buffer {
  const added = yauzl.getFileNameLowLevel(0, fileNameRaw, extraFields, false);
  return added === decodeCp437(fileNameRaw) ? fileNameRaw : Buffer.from(added);
}
