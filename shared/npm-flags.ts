/**
 * Finds flags that `npm run` took for its own: without `--` before them, a program gets none of
 * them, and a dry run would be a real one. npm leaves them in the environment. Pure.
 */

/** A flag, such as `--steps`. */
export interface CommandFlag {
  readonly long: string;
  /** Its value's placeholder, such as `<count>`; absent: it takes none. */
  readonly value?: string;
}

/** The part of commander's Command that is read here. */
interface Command {
  name(): string;
  readonly options: readonly { readonly long?: string | undefined; readonly flags: string }[];
  readonly commands: readonly Command[];
}

interface Call {
  /** The words that the program got. */
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** npm completes a few flags to its own. */
const COMPLETED: Readonly<Record<string, string>> = { '--to': 'token_description' };

/** Lists the flags of a program's command that the words call. */
export function listFlags(program: Command, words: readonly string[]): CommandFlag[] {
  let command = program;
  for (const word of words) {
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) {
      break;
    }
    command = next;
  }
  return command.options.flatMap(({ long, flags }) => {
    const value = /<[^<>]+>/.exec(flags)?.[0];
    return long === undefined ? [] : [{ long, ...(value !== undefined && { value }) }];
  });
}

/**
 * @param base  How the program is called, up to the place of its flags; by default npm's script.
 * @returns  What happened and what to type instead; null when npm took none of the flags.
 */
export function describeSwallowed(
  flags: readonly CommandFlag[],
  { words, env }: Call,
  base?: string,
): string | null {
  const script = env['npm_lifecycle_event'];
  const swallowed = script === undefined ? [] : flags.flatMap((flag) => readFlag(flag, words, env));
  if (script === undefined || swallowed.length === 0) {
    return null;
  }
  // The script's own words, after its program, come before those of the user.
  const called = (env['npm_lifecycle_script'] ?? '').split(' ');
  const own = called.length - 1 - called.findLastIndex((word) => /\.m?[jt]s$/.test(word));
  const given = words.slice(base === undefined ? own : 0);
  const unknown = swallowed.filter(({ value }) => value === UNKNOWN);
  // npm left the value among the words. Of several values nobody knows which is whose.
  const left = unknown.length === 1 ? given.pop() : undefined;
  const kept = unknown.length > 1 ? [] : given;
  const typed = swallowed.map(({ long, value, placeholder }) =>
    describeFlag(long, value === UNKNOWN ? left : value, placeholder),
  );
  const names = swallowed.map(({ long }) => long).join(', ');
  const command = [base ?? `npm run ${script} --`, ...kept.map(quoteArgument), ...typed].join(' ');
  return (
    `npm kept ${names} for itself, because no \`--\` stands before it, so nothing was done. ` +
    `Type: ${command}`
  );
}

/** Quotes an argument for a POSIX shell. */
export function quoteArgument(text: string): string {
  return /^[\w./:@+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** npm's own flags of the same name have no value that says more. */
const UNKNOWN = 'true';

function describeFlag(long: string, value: string | undefined, placeholder: string): string {
  const shown = value === undefined ? placeholder : value && quoteArgument(value);
  return shown === '' ? long : `${long} ${shown}`;
}

function readFlag(
  { long, value: placeholder }: CommandFlag,
  words: Call['words'],
  env: Call['env'],
) {
  if (words.some((word) => word === long || word.startsWith(`${long}=`))) {
    return [];
  }
  const isNegated = long.startsWith('--no-');
  const key = long.slice(isNegated ? 5 : 2).replaceAll('-', '_');
  const raw = env[`npm_config_${key}`] ?? env[`npm_config_${COMPLETED[long]}`];
  if (placeholder === undefined) {
    return raw === (isNegated ? '' : 'true') ? [{ long, value: '', placeholder: '' }] : [];
  }
  // npm joins the values of a flag that is given more than once.
  const values = raw === undefined || raw === '' ? [] : raw.split('\n\n');
  return values.map((value) => ({ long, value, placeholder }));
}
