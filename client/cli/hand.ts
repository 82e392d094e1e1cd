/** `digitmint hand photo.png`: reads the handwriting of a digit, on this machine. */
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { ROUTES } from '../../shared/contract/parameters.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import type { ParameterSet } from '../../shared/contract/query.ts';
import { buildOptions, readRefusal, writeQuery, type Flags } from './flags.ts';
import type { Ask } from './local-service.ts';
import { CliError, EXIT } from './output.ts';

/** The service's default is 0, because others wait for its thread. */
const REFINE = '10';

const PARAMETERS = {
  label: {
    ...ROUTES.digit.label,
    about: 'Which digit it is',
    without: 'guessed; an error when it is not sure',
  },
  refine: {
    kind: 'whole',
    min: 0,
    max: LIMITS.maxRefine,
    default: REFINE,
    about: 'Steps that make the hand more like the written digit',
    example: REFINE,
  },
} as const satisfies ParameterSet;

/** @param open  Makes the service of the flag `--model`. */
export function buildHandCommand(open: (flags: Flags) => Ask): Command {
  const command = new Command('hand')
    .description('Reads the handwriting of one written digit; --hand writes in it.')
    .argument('<picture>', 'a PNG or JPEG of one digit on light or dark paper; - is standard input')
    .helpOption('--help', 'Prints this help');
  buildOptions(PARAMETERS).forEach((option) => command.addOption(option));
  return command
    .option('--model <folder>', 'your own model (default: the model that ships)')
    .option('--json', 'prints label, certainty and error too, as JSON')
    .action(async (picture: string, { model, json, ...flags }: Flags) => {
      const query = writeQuery(PARAMETERS, { refine: REFINE, ...flags });
      const answer = await open({ model })(`/hand?${query}`, undefined, await read(picture));
      if (!answer.ok) {
        throw await readRefusal(answer);
      }
      const hand = (await answer.json()) as {
        hand: string;
        class: string;
        certainty: number;
        error: number;
      };
      const told = json === true ? JSON.stringify(hand) : hand.hand;
      process.stdout.write(`${told}\n`);
      const certainty = Math.round(100 * hand.certainty);
      process.stderr.write(
        `digitmint: a ${hand.class} (${certainty}%), differs by ${hand.error} of 255\n`,
      );
    });
}

async function read(picture: string): Promise<Uint8Array> {
  if (picture !== '-') {
    return readFile(picture).catch((cause: NodeJS.ErrnoException) => {
      throw new CliError(`${picture} cannot be read (${cause.code})`, EXIT.usage, { cause });
    });
  }
  const pieces: Uint8Array[] = [];
  for await (const piece of process.stdin) {
    pieces.push(piece as Uint8Array);
  }
  return Buffer.concat(pieces);
}
