/**
 * The command line: its flags, made from the API's own parameters, and what becomes of them.
 */
import { Command, CommanderError, Option } from 'commander';
import { version } from '../../package.json';
import { DIGIT_PARAMETERS, NUMBER_PATH } from '../../shared/contract/digit-query.ts';
import { MORPH_PARAMETERS } from '../../shared/contract/morph-query.ts';
import { CliError, EXIT } from './cli-error.ts';
import { drawSet, SET_PARAMETERS } from './dataset.ts';
import { draw, drawMorph } from './draw.ts';
import { buildOptions, type Flags } from './flags.ts';
import { createLocalService, type Ask } from './local-service.ts';
import { openModelFolder } from './model-folder.ts';

/** Where absolute URLs in JSON lead when nobody says: the address of a service on this machine. */
const DEFAULT_BASE = 'http://localhost:8787';

const BASE_OPTION = [
  '--base <url>',
  `what URLs in JSON begin with (default: ${DEFAULT_BASE})`,
] as const;

const EXAMPLES = `
Examples:
  digitmint 7                                        a seven, drawn in the terminal
  digitmint 7 --scale 8 --out seven.png              the same kind of thing as a picture
  digitmint --n 16 --seed Ada --format svg > ada.svg sixteen, the same every time
  digitmint --number 2026 --fg 1d2430 --bg transparent --out 2026.svg
  digitmint --n 2 --json                             pixels, row by row
  digitmint morph --digits 9876543210 --scale 4 --out countdown.gif
  digitmint dataset --n 60000 --seed Ada --out digits.npy --labels labels.npy

Nothing is asked of any server: it draws here, the same bytes as the API.
Exit status: 0, 1 when it could not be done, 2 when it was asked for wrongly.`;

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
      return error.exitCode === 0 ? 0 : EXIT.usage; // It has said what is wrong.
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
    .description('Handwritten digits that nobody wrote, drawn offline: the same bytes as the API.')
    .argument('[label]', 'the class of all of them: a digit, or a class’s name')
    .version(version, '--version', 'Says the version')
    .helpOption('--help', 'Says this')
    .helpCommand(false)
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(--help tells what is allowed)')
    .enablePositionalOptions() // What stands after `dataset` or `morph` belongs to it.
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(`digitmint: ${text.replace(/^error: /, '')}`),
    });
  const { model: _, label, ...parameters } = DIGIT_PARAMETERS;
  program.addOption(
    new Option(
      '--number <digits>',
      `${NUMBER_PATH.about}, in one hand: ${NUMBER_PATH.schema.description}`,
    ),
  );
  addOptions(program, buildOptions({ label, ...parameters }));
  program
    .option(...BASE_OPTION)
    .option('--json', 'the same as --format json')
    .option('--out <file>', 'where to; its extension decides the format (default: standard output)')
    .action(async (given: string | undefined, flags: Flags) => {
      if (given !== undefined && flags['label'] !== undefined) {
        throw new CliError(`--label beside ${given}: the label is given twice, leave one out`);
      }
      if (flags['json'] === true && (flags['format'] ?? 'json') !== 'json') {
        throw new CliError(`--json beside --format ${flags['format']}: leave one out`);
      }
      const { json, label: named, format, model: _folder, ...others } = flags; // No parameter: what draws has one model.
      const all = { ...others, label: given ?? named, format: json === true ? 'json' : format };
      await draw(open(flags), all, readText(flags['out']));
    });
  program.addCommand(buildMorphCommand().copyInheritedSettings(program));
  program.addCommand(buildDatasetCommand().copyInheritedSettings(program));
  return program;
}

function buildMorphCommand(): Command {
  // Of strict there is nothing left: each flag has an effect in both formats, and what is no flag is refused before.
  const { model: _model, format: _format, strict: _strict, ...parameters } = MORPH_PARAMETERS;
  const command = new Command('morph')
    .description('A loop in which digits turn into one another, as animated png or gif.')
    .helpOption('--help', 'Says this');
  addOptions(command, buildOptions(parameters));
  return command
    .option(
      '--format <format>',
      `${MORPH_PARAMETERS.format.schema.description} (default: by the extension of --out, else png)`,
    )
    .option('--out <file>', 'where to (default: standard output)')
    .action(({ model, ...flags }: Flags) =>
      drawMorph(open({ model }), flags, readText(flags['out'])),
    );
}

function buildDatasetCommand(): Command {
  const { model: _, ...parameters } = SET_PARAMETERS;
  const command = new Command('dataset')
    .description('A labelled set of any size, as idx, npy, csv or ndjson.')
    .helpOption('--help', 'Says this');
  addOptions(command, buildOptions(parameters));
  return command
    .option(...BASE_OPTION)
    .option('--format <format>', 'idx, npy, csv or ndjson (default: by the extension of --out)')
    .option('--out <file>', 'where to (default: standard output)')
    .option('--labels <file>', 'idx, npy: writes the labels too')
    .action(({ model, ...flags }: Flags) =>
      drawSet(open({ ...flags, model }), flags, readText(flags['out']), readText(flags['labels'])),
    );
}

function addOptions(command: Command, options: readonly Option[]): void {
  for (const option of options) {
    command.addOption(option);
  }
  command.option(
    '--model <folder>',
    'a model of your own: the folder with its manifest.json (default: the one that ships)',
  );
}

function open(flags: Flags): Ask {
  const { model, base = DEFAULT_BASE } = flags;
  if (!URL.canParse(String(base)) || !/^https?:/i.test(String(base))) {
    throw new CliError(
      `--base is ${JSON.stringify(base)}, expected an address such as https://digits.example`,
    );
  }
  return createLocalService(
    new URL(String(base)),
    typeof model === 'string' ? openModelFolder(model) : undefined,
  );
}

function readText(value: string | true | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
