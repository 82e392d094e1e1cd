/**
 * Writes bytes to a file, which is complete or not there, or to standard output. Words the errors
 * that the user sees.
 */
import { constants, createWriteStream, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { access, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { getSystemErrorMap } from 'node:util';
import { FORMATS } from '../../shared/contract/formats.ts';

export const EXIT = {
  /** Something failed, such as writing a file or reading a model. */
  failed: 1,
  /** A flag or an argument is wrong; the message names it. */
  usage: 2,
} as const;

/**
 * A failure that the user can fix. The message says what was expected, what came and what to do.
 */
export class CliError extends Error {
  override name = 'CliError' as const;
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.usage, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Says why the system refused a file: "no such file or directory". */
export function describeFault(cause: unknown): string | undefined {
  const { code, errno = 0 } = cause as NodeJS.ErrnoException;
  return getSystemErrorMap().get(errno)?.[1] ?? code;
}

/** Signals that end the program. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Whether the output is a terminal. */
export function isScreen(out: string | undefined): boolean {
  return isStandard(out) && process.stdout.isTTY;
}

/** Whether there is no `--out`, or `--out -`. */
function isStandard(out: string | undefined): out is undefined | '-' {
  return out === undefined || out === '-';
}

/** Whether two outputs are one file, or both are standard output. */
export function isSameFile(one: string | undefined, other: string | undefined): boolean {
  return isStandard(one) || isStandard(other)
    ? isStandard(one) && isStandard(other)
    : identify(one) === identify(other);
}

/**
 * The path that a link leads to, also to a file that is not there yet. In lower case, since macOS
 * and Windows do not tell the cases of names apart.
 */
function identify(path: string): string {
  const whole = resolve(path);
  const real = attempt(() => realpathSync(whole));
  const link = real ?? attempt(() => resolve(dirname(whole), readlinkSync(whole)));
  return (link ?? whole).toLowerCase();
}

function attempt(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Finds out before the work whether a file can be written. @throws CliError */
export async function checkWritable(out: string, flag: string): Promise<void> {
  const file = await findReplaced(out);
  try {
    await access(file === undefined ? out : dirname(resolve(file)), constants.W_OK);
  } catch (cause) {
    throw createUnwritable(out, flag, cause);
  }
}

/**
 * The file that an output replaces: a link stays, and the file that it names is replaced. Undefined
 * for a device or a pipe, which cannot be replaced.
 */
async function findReplaced(out: string): Promise<string | undefined> {
  // If `stat` fails, a regular file is assumed; writing reports the error.
  const isPlain = await stat(out).then(
    (stats) => stats.isFile(),
    () => true,
  );
  return isPlain ? await realpath(out).catch(() => out) : undefined;
}

function createUnwritable(out: string, flag: string, cause: unknown): CliError {
  const message = `${flag} ${out}: cannot be written (${describeFault(cause)})`;
  return new CliError(message, EXIT.failed, { cause });
}

/** @throws CliError  When a binary format would go to a terminal. */
export function refuseScreen(out: string | undefined, format: string, name: string): void {
  if (isScreen(out)) {
    throw new CliError(
      `--format ${format}: not to a screen. Write it to a file: --out ${name}.${format}, or into a pipe`,
    );
  }
}

/**
 * Chooses the format: `--format`, then the file's extension, then the usual one.
 * @param usual  On standard output; undefined where a format must be given.
 * @throws CliError  When none is known.
 */
export function chooseFormat<F extends string>(
  formats: Readonly<Record<F, string>>,
  asked: string | true | undefined,
  out: string | undefined,
  usual?: F,
): F {
  const known = Object.keys(formats).join(', ');
  if (asked === undefined && isStandard(out)) {
    if (usual === undefined) {
      throw new CliError(
        `--format is missing, expected one of ${known}, or --out with such an extension`,
      );
    }
    return usual;
  }
  const format = asked ?? findExtension(Object.keys(formats), String(out).toLowerCase());
  if (!Object.hasOwn(formats, String(format))) {
    throw new CliError(
      asked === undefined
        ? `--out ${out}: its extension names no format, expected one of ${known}, or --format`
        : `--format is ${JSON.stringify(asked)}, expected one of ${known}`,
    );
  }
  checkExtension(out, String(format));
  return format as F;
}

/**
 * Refuses a file whose extension names another format. Extensions that name none are the user's.
 * @param flag  The flag that names the file.
 * @throws CliError
 */
export function checkExtension(out: string | undefined, format: string, flag = '--out'): void {
  const known = Object.values(FORMATS).flat();
  const named = isStandard(out) ? format : findExtension(known, out.toLowerCase());
  if (named !== undefined && named !== format) {
    throw new CliError(
      `${flag} ${out}: its extension names ${named}, but the format is ${format}: change one of them`,
    );
  }
}

/** Finds the format that a file's name ends with: idx.gz, not gz. */
function findExtension(formats: readonly string[], name: string): string | undefined {
  return formats.find((format) => name.endsWith(`.${format}`));
}

/** Reports on standard error what was drawn, unless the bytes went into a pipe. */
export function reportOutput(out: string | undefined, text: string): void {
  if (!isStandard(out) || isScreen(out)) {
    process.stderr.write(`${isStandard(out) ? '' : `${out}: `}${text}\n`);
  }
}

/**
 * Writes parts one after the other, as fast as the output takes them.
 * @param out   A file, replaced once everything is written; undefined or `-` for standard output.
 * @param flag  The flag that names the file.
 * @throws CliError  When the file cannot be written.
 */
export async function writeOutput(
  out: string | undefined,
  parts: AsyncIterable<Uint8Array>,
  flag = '--out',
): Promise<void> {
  if (isStandard(out)) {
    await writeStandard(parts);
    return;
  }
  const file = await findReplaced(out);
  const path = file === undefined ? out : `${file}.${process.pid}.part`;
  const keepNothing = (signal: NodeJS.Signals): void => {
    if (file !== undefined) {
      rmSync(path, { force: true });
    }
    ignoreSignals();
    process.kill(process.pid, signal);
  };
  const ignoreSignals = () => SIGNALS.forEach((signal) => process.off(signal, keepNothing));
  SIGNALS.forEach((signal) => process.on(signal, keepNothing));
  try {
    await pipeline(Readable.from(parts), createWriteStream(path));
    if (file !== undefined) {
      await rename(path, file);
    }
  } catch (cause) {
    if (file !== undefined) {
      await rm(path, { force: true });
    }
    if ((cause as NodeJS.ErrnoException).syscall === undefined) {
      throw cause; // Drawing failed, not the file.
    }
    throw createUnwritable(out, flag, cause);
  } finally {
    ignoreSignals();
  }
}

async function writeStandard(parts: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    await pipeline(Readable.from(parts), process.stdout, { end: false });
  } catch (cause) {
    // The reader has stopped reading. main.ts reports other failures of the stream.
    if ((cause as NodeJS.ErrnoException).code !== 'EPIPE') {
      throw cause;
    }
  }
}
