/** Finds values of flags that were not meant. Pure. */

/** The part of commander's Command that is used here. */
interface Command {
  readonly options: readonly Option[];
  on(event: string, listener: (value: string) => void): unknown;
}

interface Option {
  readonly long?: string | undefined;
  /** Whether it takes a value. */
  readonly required: boolean;
  readonly variadic: boolean;
  readonly argChoices?: readonly string[] | undefined;
  readonly parseArg?: ((value: string, earlier: never) => unknown) | undefined;
  name(): string;
}

/**
 * Watches the flags of a command while commander parses it. An unset variable leaves an empty
 * value, or makes the next flag the value: `--out $OUT --dry-run` would train in the folder
 * `--dry-run`. If a flag is given twice, commander would take the last value.
 * @param refuse  Throws; gets what is wrong and what to do.
 */
export function watchFlags(command: Command, refuse: (message: string) => never): void {
  const flags = new Set(['--help', ...command.options.map(({ long }) => long)]);
  for (const option of command.options.filter(({ required }) => required)) {
    let isGiven = false;
    command.on(`option:${option.name()}`, (value) => {
      if (value === '') {
        refuse(`${option.long} is empty: give a value, or leave it out`);
      }
      if (flags.has(value.split('=', 1)[0])) {
        refuse(`${option.long} has no value before ${value}: give one, or leave it out`);
      }
      if (isGiven && !takesSeveral(option)) {
        refuse(`${option.long} is given twice: leave one out`);
      }
      isGiven = true;
    });
  }
}

/** Whether a flag collects its values: its parser gets the earlier ones, too. */
function takesSeveral({ variadic, argChoices, parseArg }: Option): boolean {
  return variadic || (argChoices === undefined && parseArg?.length === 2);
}
