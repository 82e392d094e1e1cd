/**
 * Where the bytes go: a file that is there whole or not at all, or standard output.
 */
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CliError, EXIT } from './cli-error.ts';

/** `--out -` says it too. */
const STANDARD = '-';

/** Whether what is written goes to a screen. */
export function isScreen(out: string | undefined): boolean {
  return isStandard(out) && process.stdout.isTTY;
}

export function isStandard(out: string | undefined): out is undefined | '-' {
  return out === undefined || out === STANDARD;
}

/**
 * Writes parts one after the other, as fast as they are taken.
 *
 * @param out  A file, replaced when all is written; standard output without it.
 * @throws CliError  When the file cannot be written.
 */
export async function writeOutput(
  out: string | undefined,
  parts: AsyncIterable<Uint8Array>,
): Promise<void> {
  if (isStandard(out)) {
    await writeStandard(parts);
    return;
  }
  const isPlain = await isPlainOrFree(out);
  const path = isPlain ? `${out}.${process.pid}.part` : out; // A device or a pipe is written to, not replaced.
  try {
    await pipeline(Readable.from(parts), createWriteStream(path));
    if (isPlain) {
      await rename(path, out);
    }
  } catch (cause) {
    if (isPlain) {
      await rm(path, { force: true });
    }
    const { code, syscall } = cause as NodeJS.ErrnoException;
    if (syscall === undefined) {
      throw cause; // The drawing failed, not the file.
    }
    throw new CliError(`--out ${out}: cannot be written (${code})`, EXIT.failed, { cause });
  }
}

async function isPlainOrFree(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return true; // Nothing there, or nothing that may be seen: the writing will tell.
  }
}

async function writeStandard(parts: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    await pipeline(Readable.from(parts), process.stdout, { end: false });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EPIPE') {
      throw cause;
    }
    // Whoever read has seen enough, as `head` does.
  }
}
