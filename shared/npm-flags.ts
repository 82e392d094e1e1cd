/**
 * Finds flags that `npm run` took for its own: without `--` before them, a program gets none of
 * them, and a dry run would be a real one. npm leaves them in the environment. Pure.
 */

/** The part of commander's Command that is read here. */
interface Command {
  name(): string;
  readonly options: readonly { readonly flags: string }[];
  readonly commands: readonly Command[];
}

/** The part of Node's `process` that is read here. */
interface Process {
  /** Node, the program, and the words that the program got. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** npm completes a few flags to its own. */
const COMPLETED: Readonly<Record<string, string>> = { '--to': 'token_description' };

/** Lists the flags of a program's command that the words call: `--steps <count>`, `--json`. */
export function listFlags(program: Command, words: readonly string[]): string[] {
  let command = program;
  for (const word of words) {
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) {
      break;
    }
    command = next;
  }
  return command.options.map(({ flags }) => flags.replace(/^-\w, /, ''));
}

/**
 * @param flags  Each with the placeholder of its value, if it takes one: `--steps <count>`.
 * @param base   How the program is called, up to the place of its flags; by default npm's script.
 * @returns  What happened and what to type instead; null when npm took none of the flags.
 */
export function describeSwallowed(
  flags: readonly string[],
  { argv, env }: Process,
  base?: string,
): string | null {
  const words = argv.slice(2);
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
  // npm left the value among the words. Several values cannot be matched to their flags.
  const left = unknown.length === 1 ? given.pop() : undefined;
  const kept = unknown.length > 1 ? [] : given;
  const typed = swallowed.map(({ long, value, placeholder }) => {
    const known = value === UNKNOWN ? left : value;
    const shown = known === undefined ? placeholder : known && quoteArgument(known);
    return shown === '' ? long : `${long} ${shown}`;
  });
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

function readFlag(flag: string, words: readonly string[], env: Process['env']) {
  const [long = '', placeholder = ''] = flag.split(' ');
  if (words.some((word) => word === long || word.startsWith(`${long}=`))) {
    return [];
  }
  const isNegated = long.startsWith('--no-');
  const key = long.slice(isNegated ? 5 : 2).replaceAll('-', '_');
  const raw = env[`npm_config_${key}`] ?? env[`npm_config_${COMPLETED[long]}`];
  if (placeholder === '') {
    return raw === (isNegated ? '' : 'true') ? [{ long, value: '', placeholder }] : [];
  }
  // npm joins the values of a flag that is given more than once.
  const values = raw === undefined || raw === '' ? [] : raw.split('\n\n');
  return values.map((value) => ({ long, value, placeholder }));
}
