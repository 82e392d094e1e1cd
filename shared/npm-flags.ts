/**
 * Finds flags that `npm run` took for its own: without `--` before them, a program gets none of
 * them, and a dry run would be a real one. npm leaves most of them in the environment: those that
 * differ from its own defaults and are not deprecated. Pure.
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

/**
 * Names of the API's parameters that npm takes without a trace: as a shorthand, and as the start of
 * a setting that is on. Commands with these flags require others, so they are found by those.
 */
const UNTRACED: readonly string[] = ['--n', '--format'];

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
  const untraced = UNTRACED.filter((long) => flags.some((flag) => flag.split(' ')[0] === long));
  const hidden = untraced.filter((long) => !isGiven(long, words));
  const hint = hidden.length > 0 ? `Add ${hidden.join(' or ')}, too, if you gave it. ` : '';
  const command = [base ?? `npm run ${script} --`, ...kept.map(quoteArgument), ...typed].join(' ');
  return (
    `npm kept ${names} for itself, because no \`--\` stands before it, so nothing was done. ` +
    `${hint}Type: ${command}`
  );
}

/** In double quotes these texts are the same to POSIX shells, cmd.exe and PowerShell. */
const QUOTABLE = /^(?:[^"$`!%\\]|\\(?!["$`\\]|$))+$/;

/** Quotes an argument for any shell, and where that is impossible for a POSIX one. */
export function quoteArgument(text: string): string {
  if (/^[\w./:@+-]+$/.test(text)) {
    return text;
  }
  return QUOTABLE.test(text) ? `"${text}"` : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** npm's own flags of the same name have no value that says more. */
const UNKNOWN = 'true';

function isGiven(long: string, words: readonly string[]): boolean {
  return words.some((word) => word === long || word.startsWith(`${long}=`));
}

function readFlag(flag: string, words: readonly string[], env: Process['env']) {
  const [long = '', placeholder = ''] = flag.split(' ');
  if (isGiven(long, words)) {
    return [];
  }
  const isNegated = long.startsWith('--no-');
  const key = long.slice(isNegated ? 5 : 2).replaceAll('-', '_');
  // npm reads --gamma as -g -a -m -m -a, where -m is an empty message.
  const isGamma = long === '--gamma' && env['npm_config_message'] === '';
  const raw =
    env[`npm_config_${key}`] ??
    env[`npm_config_${COMPLETED[long]}`] ??
    (isGamma ? UNKNOWN : undefined);
  if (placeholder === '') {
    return raw === (isNegated ? '' : 'true') ? [{ long, value: '', placeholder }] : [];
  }
  // npm joins the values of a flag that is given more than once.
  const values = raw === undefined || raw === '' ? [] : raw.split('\n\n');
  return values.map((value) => ({ long, value, placeholder }));
}
