/**
 * The command line: its flags are made from the API's parameters. `digitmint 7`, `digitmint
 * --number 2026` and `digitmint morph` draw here.
 */
import { Command, CommanderError, Option } from 'commander';
import { version } from '../../package.json';
import { describeExpected, type ParameterSet } from '../../shared/contract/query.ts';
import {
  DATASET_FORMATS,
  DIGIT_FORMATS,
  MORPH_FORMATS,
  type DigitFormat,
} from '../../shared/contract/formats.ts';
import { NUMBER, ROUTES } from '../../shared/contract/parameters.ts';
import { watchFlags } from '../../shared/flag-values.ts';
import { HEADERS } from '../../worker/http/headers.ts';
import { drawSet, SET_PARAMETERS } from './dataset.ts';
import { buildHandCommand } from './hand.ts';
import {
  buildOptions,
  checkBase,
  readRefusal,
  reportWarning,
  writeQuery,
  type Flags,
} from './flags.ts';
import { createLocalService, openModelFolder, type Ask } from './local-service.ts';
import {
  chooseFormat,
  CliError,
  EXIT,
  isScreen,
  refuseScreen,
  reportOutput,
  writeOutput,
} from './output.ts';

const BASE_OPTION = [
  '--base <url>',
  'adds to JSON the URL of each sample’s picture at this address (default: none)',
] as const;

const EXAMPLES = `
Examples:
  digitmint 7                                        a seven, drawn in the terminal
  digitmint 7 --scale 8 --out seven.png              a seven as a picture
  digitmint --n 16 --seed Ada --format svg > ada.svg sixteen, the same every time
  digitmint --number 2026 --fg 1d2430 --bg transparent --out 2026.svg
  digitmint --n 2 --json                             pixels, row by row
  digitmint morph --digits 9876543210 --scale 4 --out countdown.gif
  digitmint hand seven.png 2=two.png                 the hand of written digits, for --hand
  digitmint dataset --n 60000 --seed Ada --out digits.npy --labels labels.npy

It draws on this machine without any server: the same bytes as the API.
Exit status: 0, 1 after a failure, 2 for a wrong flag or argument.`;

/**
 * Runs the command line.
 * @param argv  Without Node and the script.
 * @returns     The exit status.
 */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    await buildProgram().parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? 0 : EXIT.usage; // Commander has printed the error.
    }
    const isExpected = error instanceof CliError;
    process.stderr.write(
      `digitmint: ${isExpected ? error.message : String((error as Error).stack ?? error)}\n`,
    );
    return isExpected ? error.exitCode : EXIT.failed;
  }
}

function buildProgram(): Command {
  const program = new Command('digitmint')
    .description(
      'Samples of a neural network, such as handwritten digits, drawn offline: the same bytes as the API.',
    )
    .argument('[label]', 'the class of every sample: its name or number')
    .version(version, '--version', 'Prints the version')
    .helpOption('-h, --help', 'Prints this help')
    .helpCommand('help [command]', 'Prints the help of a command')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(--help lists what is allowed)')
    .enablePositionalOptions() // Flags after `dataset` or `morph` belong to that command.
    .hook('preSubcommand', refuseEarlyFlags)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(`digitmint: ${text.replace(/^error: /, '')}`),
    });
  const { model: _, label, ...parameters } = ROUTES.digit;
  program.addOption(
    new Option(
      '--number <digits>',
      `${NUMBER.about}, in one handwriting: ${describeExpected(NUMBER)}`,
    ),
  );
  addOptions(program, { label, ...parameters });
  program
    .option(...BASE_OPTION)
    .option('--json', 'the same as --format json')
    .option('--out <file>', 'the file; its extension decides the format (default: standard output)')
    .action(async (given: string | undefined, flags: Flags) => {
      if (given !== undefined && flags['label'] !== undefined) {
        throw new CliError(`--label beside ${given}: the label is given twice, leave one out`);
      }
      if (flags['json'] === true && (flags['format'] ?? 'json') !== 'json') {
        throw new CliError(`--json beside --format ${flags['format']}: leave one out`);
      }
      // The local service has one model.
      const { json, label: named, format, model: _folder, ...others } = flags;
      const all = { ...others, label: given ?? named, format: json === true ? 'json' : format };
      await draw(open(flags), all, readText(flags['out']));
    });
  program.addCommand(buildMorphCommand().copyInheritedSettings(program));
  program.addCommand(buildHandCommand(open).copyInheritedSettings(program));
  program.addCommand(buildDatasetCommand().copyInheritedSettings(program));
  [program, ...program.commands].forEach((command) =>
    watchFlags(command, (message) => {
      throw new CliError(message);
    }),
  );
  return program;
}

/** Refuses flags before a command, where commander takes them for the program's own. */
function refuseEarlyFlags(program: Command, command: Command): void {
  const early = program.options.filter((option) => option.attributeName() in program.opts());
  if (early.length > 0) {
    const flags = early.map(({ long }) => long).join(', ');
    throw new CliError(
      `${flags} before ${command.name()}: flags of a command stand after its name`,
    );
  }
}

function buildMorphCommand(): Command {
  // `strict` would do nothing: every flag has an effect in both formats, and commander refuses
  // others.
  const { model: _model, format: _format, strict: _strict, ...parameters } = ROUTES.morph;
  const command = new Command('morph')
    .description('A loop in which samples turn into one another, as animated png or gif.')
    .helpOption('-h, --help', 'Prints this help');
  addOptions(command, parameters);
  return command
    .option(
      '--format <format>',
      `${describeExpected(ROUTES.morph.format)} (default: by the extension of --out, else png)`,
    )
    .option('--out <file>', 'the file (default: standard output)')
    .action(({ model, ...flags }: Flags) =>
      drawMorph(open({ model }), flags, readText(flags['out'])),
    );
}

function buildDatasetCommand(): Command {
  const { model: _, ...parameters } = SET_PARAMETERS;
  const command = new Command('dataset')
    .description('A labelled set, of any size in most formats.')
    .helpOption('-h, --help', 'Prints this help');
  addOptions(command, parameters);
  return command
    .option(...BASE_OPTION)
    .option(
      '--format <format>',
      `${Object.keys(DATASET_FORMATS).join(', ')} (default: by the extension of --out)`,
    )
    .option('--out <file>', 'the file (default: standard output)')
    .option('--labels <file>', 'a second file for the labels of idx, idx.gz or npy')
    .action(({ model, ...flags }: Flags) =>
      drawSet(open({ ...flags, model }), flags, readText(flags['out']), readText(flags['labels'])),
    );
}

function addOptions(command: Command, parameters: ParameterSet): void {
  buildOptions(parameters).forEach((option) => command.addOption(option));
  command.option(
    '--model <folder>',
    'your own model: the folder with its manifest.json (default: the model that ships)',
  );
}

function open(flags: Flags): Ask {
  const { model, base } = flags;
  if (base !== undefined && (!URL.canParse(String(base)) || !/^https?:/i.test(String(base)))) {
    throw new CliError(
      `--base is ${JSON.stringify(base)}, expected an address such as https://digits.example`,
    );
  }
  return createLocalService(
    base === undefined ? undefined : new URL(String(base)),
    typeof model === 'string' ? openModelFolder(model) : undefined,
  );
}

function readText(value: string | true | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Formats that a terminal cannot show. */
const BINARY: readonly DigitFormat[] = ['png', 'npy'];

/** Draws digits or a number, writes them, and reports seed and model on standard error. */
async function draw(ask: Ask, flags: Flags, out: string | undefined): Promise<void> {
  const { format: asked, ...others } = flags;
  const format = chooseFormat(DIGIT_FORMATS, asked, out, isScreen(out) ? 'txt' : 'png');
  if (BINARY.includes(format)) {
    refuseScreen(out, format, 'digit');
  }
  checkBase(flags, format);
  // The API calls the number in its path `digits`.
  await writeAnswer(await ask(writePath(others), DIGIT_FORMATS[format]), out, {
    digits: '--number',
  });
}

/** Draws a loop in which samples turn into one another. */
async function drawMorph(ask: Ask, flags: Flags, out: string | undefined): Promise<void> {
  const { format: asked, ...others } = flags;
  const format = chooseFormat(MORPH_FORMATS, asked, out, 'png');
  refuseScreen(out, format, 'loop');
  const path = `/morph?${writeQuery(ROUTES.morph, others).toString()}`;
  await writeAnswer(await ask(path, MORPH_FORMATS[format]), out);
}

async function writeAnswer(
  answer: Response,
  out: string | undefined,
  names?: Readonly<Record<string, string>>,
): Promise<void> {
  if (!answer.ok) {
    throw await readRefusal(answer, names);
  }
  reportWarning(answer);
  await writeOutput(out, answer.body as unknown as AsyncIterable<Uint8Array>);
  const seed = decodeURIComponent(answer.headers.get(HEADERS.seed) ?? '');
  reportOutput(out, `seed ${seed}, model ${answer.headers.get(HEADERS.model)}`);
}

/** The path without an extension: Accept asks for the format. */
function writePath(flags: Flags): string {
  const { number } = flags;
  if (number === undefined) {
    return `/digit?${writeQuery(ROUTES.digit, flags).toString()}`;
  }
  const excluded = Object.keys(ROUTES.digit).filter(
    (name) => !(name in ROUTES.number) && flags[name] !== undefined,
  );
  if (excluded.length > 0) {
    throw new CliError(
      `${excluded.map((name) => `--${name}`).join(', ')} beside --number: a number is one picture, leave one out`,
    );
  }
  return `/number/${encodeURIComponent(String(number))}?${writeQuery(ROUTES.number, flags).toString()}`;
}
