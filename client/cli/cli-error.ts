/**
 * Errors of the command line and their exit status.
 */

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
