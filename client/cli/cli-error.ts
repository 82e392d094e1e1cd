/**
 * What can go wrong on the command line, and what the shell is told of it.
 */

/** 0 is for all that went well. */
export const EXIT = {
  /** It could not be done: a file that cannot be written, a model that is broken. */
  failed: 1,
  /** It was asked for wrongly: the message names the flag. */
  usage: 2,
} as const;

/** A failure that a user can mend; its message says what was expected, what came and what to do. */
export class CliError extends Error {
  override name = 'CliError' as const;
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.usage, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
