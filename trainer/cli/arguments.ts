/** Parsers of command-line arguments, and the answer to Ctrl-C, for several commands. */
import NAMED_COLOURS from 'color-name';
import { InvalidArgumentError, type Command } from 'commander';
import * as v from 'valibot';
import { LIMITS } from '../../shared/contract/limits.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import { ArtifactError, subjectSchema } from '../../shared/model/artifact.ts';
import type { Subject } from '../../shared/model/subject.ts';
import { parseColour } from '../../shared/picture/colour.ts';
import type { PixelRange } from '../../shared/picture/pixels.ts';
import { watchFlags } from '../../shared/flag-values.ts';
import { describeSwallowed, listFlags } from '../../shared/npm-flags.ts';
import { hideControlsInLines } from '../../shared/schema.ts';
import type { CutSize } from '../data/pictures/sheets.ts';

/** Makes a parser of whole numbers in decimal digits. */
export function parseWhole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[0-9]+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** Makes a parser of decimal numbers above `min`, up to `max`. */
export function parseNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[0-9.]+(e-?[0-9]+)?$/i.test(text) || !(value > min && value <= max)) {
      throw new InvalidArgumentError(`Expected a number above ${min}, up to ${max}.`);
    }
    return value;
  };
}

/** Parses a share or a chance: a decimal number from 0 to 1. */
export function parseShare(text: string): number {
  const value = Number(text);
  if (!/^[0-9.]+$/.test(text) || !(value >= 0 && value <= 1)) {
    throw new InvalidArgumentError('Expected a number from 0 to 1.');
  }
  return value;
}

/** Parses an opaque colour by its CSS name or hex digits to its red, green and blue. */
export function parseOpaqueColour(text: string): readonly [number, number, number] {
  const name = text.toLowerCase();
  const [red, green, blue, alpha = 255] = Object.hasOwn(NAMED_COLOURS, name)
    ? NAMED_COLOURS[name as keyof typeof NAMED_COLOURS]
    : (parseColour(text) ?? [0, 0, 0, 0]);
  if (alpha < 255) {
    throw new InvalidArgumentError('Expected a colour of CSS by name, or hex digits like ffffff.');
  }
  return [red, green, blue];
}

/** Parses the pixels of a picture: `32x24`, or `32` for a square. */
export function parseSize(text: string): CutSize {
  const [, width = '', height = width] = /^(\d{1,4})(?:x(\d{1,4}))?$/i.exec(text) ?? [];
  if (Number(width) < 1 || Number(height) < 1) {
    throw new InvalidArgumentError('Expected the width and height of a picture, such as 32x32.');
  }
  return [Number(width), Number(height)];
}

/** Parses the numbers of black and white: `0..4095`. */
export function parseRange(text: string): PixelRange {
  const [, low, high] = /^(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (!(Number(low) < Number(high))) {
    throw new InvalidArgumentError('Expected the numbers of black and white, such as 0..4095.');
  }
  return [Number(low), Number(high)];
}

/** Parses names of one picture and of several; a single name is both. */
export function parseSubject(text: string): Subject {
  const names = text.split(',').map((name) => name.trim());
  const [one = '', many = one] = names;
  const subject = { one, many };
  if (!v.is(subjectSchema, subject) || names.length > 2) {
    throw new InvalidArgumentError(
      'Expected what one picture and what several show, such as flag,flags, or one word for both.',
    );
  }
  return subject;
}

const DURATION_UNITS_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Parses a duration like `90m`, `12h` or `30d` to milliseconds. */
export function parseDuration(text: string): number {
  const [, count, unit] = /^([0-9]{1,5})([mhd])$/.exec(text) ?? [];
  if (count === undefined) {
    throw new InvalidArgumentError('Expected a duration like 90m, 12h or 30d.');
  }
  return Number(count) * DURATION_UNITS_MS[unit as keyof typeof DURATION_UNITS_MS];
}

/** Makes a parser of texts of 1 to `max` characters. */
export function parseText(max: number): (text: string) => string {
  return (text) => {
    const { length } = [...text]; // In code points, as the API counts.
    if (length < 1 || length > max) {
      throw new InvalidArgumentError(`Expected 1 to ${max} characters.`);
    }
    return text;
  };
}

/**
 * Refuses to run with flags that npm kept for itself.
 * @param base  See `describeSwallowed`.
 * @throws ExpectedError
 */
export function refuseSwallowedFlags(program: Command, base?: string): void {
  const flags = listFlags(program, process.argv.slice(2));
  const text = describeSwallowed(flags, process, base);
  if (text !== null) {
    throw new ExpectedError(text);
  }
}

/** Refuses values that were not meant, while a command is parsed. @throws ExpectedError */
export function refuseUnmeant(command: Command): void {
  watchFlags(command, (message) => {
    throw new ExpectedError(message);
  });
}

/** Refuses empty arguments: `""` would be the current folder. @throws ExpectedError */
export function refuseEmptyArguments({ args }: Command): void {
  if (args.includes('')) {
    throw new ExpectedError('an argument is empty: give a value, or leave it out');
  }
}

/** Parses the flags of a program that is named after its npm command; wrong ones end it. */
export function parseFlags<Flags extends object>(program: Command): Flags {
  try {
    refuseSwallowedFlags(program, program.name());
    refuseUnmeant(program);
    refuseEmptyArguments(program.parse());
  } catch (error) {
    program.error(`digitmint: ${(error as Error).message}`);
  }
  return program.opts<Flags>();
}

/** Runs a program. A failure that its user can mend becomes one line, and exit status 1. */
export async function runProgram(main: () => Promise<void>): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    // Neither a reader that stops, as `head` does, nor a full disk ends a publication half-way.
    stream.on('error', () => {});
    stream.once('error', ({ code }: NodeJS.ErrnoException) => {
      if (code !== 'EPIPE') {
        console.error(`digitmint: its lines cannot all be written (${code})`);
        process.once('exit', () => void (process.exitCode ||= 1));
      }
    });
  }
  try {
    await main();
  } catch (error) {
    const isExpected = error instanceof ExpectedError || error instanceof ArtifactError;
    // Names of files and texts of a bucket may be anybody's.
    console.error(isExpected ? `digitmint: ${hideControlsInLines(error.message)}` : error);
    process.exitCode = 1;
  }
}

export const parseSeed = parseText(LIMITS.maxSeedLength);

/** Exit status of a process that Ctrl-C stopped, as in shells. */
export const EXIT_INTERRUPTED = 130;

/** Told after the first Ctrl-C. */
export const STOPPING =
  '\nStopping after this step, with a checkpoint. Press Ctrl-C again to stop at once.';

/** Copies of a signal come within this time: a supervisor, npm and launch.mjs may all send it. */
const COPIES_MS = 2000;

/**
 * Makes the first Ctrl-C or SIGTERM abort `stop` and call `onStop`, and the second end the process.
 * A closed terminal or pipe does the same: several signals and failed writes report it. The result
 * restores the signals.
 */
export function stopOnSignals(stop: AbortController, onStop: () => void = () => {}): () => void {
  let isCopy = false;
  const end = (): void => {
    if (!stop.signal.aborted) {
      isCopy = true;
      // A copy that came during a long step is read after the timers and before the immediates.
      setTimeout(() => setImmediate(() => (isCopy = false)), COPIES_MS).unref();
      stop.abort();
      onStop();
    }
  };
  const onSignal = (): void => {
    if (stop.signal.aborted && !isCopy) {
      process.exit(EXIT_INTERRUPTED);
    }
    end();
  };
  const onError = ({ code }: NodeJS.ErrnoException): void => {
    if (code === 'EPIPE' || code === 'EIO') {
      end(); // The reader or the terminal is gone. A full disk under the lines stops nothing.
    }
  };
  [process.stdout, process.stderr].forEach((stream) => stream.on('error', onError));
  const signals = ['SIGINT', 'SIGTERM'] as const;
  signals.forEach((signal) => process.on(signal, onSignal));
  process.on('SIGHUP', end);
  return () => {
    // Later writes fail, too, so the streams keep theirs.
    signals.forEach((signal) => process.off(signal, onSignal));
    process.off('SIGHUP', end);
  };
}
