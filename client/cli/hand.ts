/** `digitmint hand photo.png …`: reads the handwriting of digits, on this machine. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { Command } from 'commander';
import { ROUTES } from '../../shared/contract/parameters.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import type { ParameterSet } from '../../shared/contract/query.ts';
import { PICTURE_FIELD } from '../../shared/hand/digit-body.ts';
import type { Hand } from '../hand-from.ts';
import { buildOptions, readRefusal, writeQuery, type Flags } from './flags.ts';
import type { Ask } from './local-service.ts';
import { CliError, describeFault, EXIT } from './output.ts';

/** The service's default is 0, because others wait for its thread. */
const REFINE = '10';

const PARAMETERS = {
  label: {
    ...ROUTES.digit.label,
    about: 'Which digit each picture is',
    without: 'guessed; an error when it is not sure',
  },
  refine: {
    kind: 'whole',
    min: 0,
    max: LIMITS.maxRefine,
    default: REFINE,
    about: 'Steps that make the hand more like the written digits',
    example: REFINE,
  },
} as const satisfies ParameterSet;

/** @param open  Makes the service of the flag `--model`. */
export function buildHandCommand(open: (flags: Flags) => Ask): Command {
  const command = new Command('hand')
    .description('Reads the handwriting of written digits; --hand writes in it.')
    .argument(
      '<picture...>',
      'a PNG or JPEG of one digit on light or dark paper, or several of one person, each as it is or as LABEL=FILE; - is standard input',
    )
    .helpOption('-h, --help', 'Prints this help');
  buildOptions(PARAMETERS).forEach((option) => command.addOption(option));
  return command
    .option('--model <folder>', 'your own model (default: the model that ships)')
    .option('--json', 'prints label, certainty and error too, as JSON')
    .action(async (pictures: string[], { model, json, ...flags }: Flags) => {
      if (
        flags['label'] !== undefined &&
        pictures.every((each) => splitLabel(each) !== undefined)
      ) {
        throw new CliError('--label beside LABEL=FILE: the label is given twice, leave one out');
      }
      const query = writeQuery(PARAMETERS, { refine: REFINE, ...flags });
      const answer = await open({ model })(`/hand?${query}`, undefined, await readAll(pictures));
      if (!answer.ok) {
        const { message, exitCode } = await readRefusal(answer);
        const [only = ''] = pictures;
        const name = pictures.length > 1 || only === '-' ? 'The body' : only;
        throw new CliError(
          message.replace(/^The body/, () => name),
          exitCode,
        );
      }
      const hand = (await answer.json()) as Hand;
      const told = json === true ? JSON.stringify(hand) : hand.hand;
      process.stdout.write(`${told}\n`);
      for (const { class: name, certainty, error } of hand.digits ?? [hand]) {
        const share = Math.round(100 * certainty);
        process.stderr.write(
          `digitmint: read as ${name} (${share}% sure); redrawn, it differs by ${error} of 255 grey levels\n`,
        );
      }
    });
}

/** Reads one picture, or fills a form with several. */
async function readAll(pictures: readonly string[]): Promise<Uint8Array | FormData> {
  const [only = ''] = pictures;
  const isOne = pictures.length === 1 && splitLabel(only) === undefined;
  if (isOne) {
    return read(only);
  }
  const form = new FormData();
  for (const each of pictures) {
    const [label, file] = splitLabel(each) ?? [PICTURE_FIELD, each];
    form.append(label, new Blob([(await read(file)) as Uint8Array<ArrayBuffer>]));
  }
  return form;
}

/** Splits LABEL=FILE; undefined where that is a file's own name. */
function splitLabel(text: string): readonly [label: string, file: string] | undefined {
  const at = text.indexOf('=');
  return at > 0 && !existsSync(text) ? [text.slice(0, at), text.slice(at + 1)] : undefined;
}

async function read(picture: string): Promise<Uint8Array> {
  if (picture === '-') {
    return buffer(process.stdin);
  }
  return readFile(picture).catch((cause: unknown) => {
    throw new CliError(`${picture} cannot be read (${describeFault(cause)})`, EXIT.usage, {
      cause,
    });
  });
}
