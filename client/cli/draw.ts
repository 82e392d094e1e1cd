/**
 * `digitmint 7`, `digitmint --number 2026` and `digitmint morph`: draws digits, a number or a loop.
 */
import { DIGIT_FORMATS, MORPH_FORMATS, type DigitFormat } from '../../shared/contract/formats.ts';
import { ROUTES } from '../../shared/contract/parameters.ts';
import { HEADERS } from '../../worker/http/headers.ts';
import { nameWarnedFlags, readRefusal, writeQuery, type Flags } from './flags.ts';
import type { Ask } from './local-service.ts';
import {
  chooseFormat,
  CliError,
  isScreen,
  refuseScreen,
  reportOutput,
  writeOutput,
} from './output.ts';

/** Formats that a terminal cannot show. */
const BINARY: readonly DigitFormat[] = ['png', 'npy'];

/** Draws digits or a number, writes them, and reports seed and model on standard error. */
export async function draw(ask: Ask, flags: Flags, out: string | undefined): Promise<void> {
  const { format: asked, ...others } = flags;
  const format = chooseFormat(DIGIT_FORMATS, asked, out, isScreen(out) ? 'txt' : 'png');
  if (BINARY.includes(format)) {
    refuseScreen(out, format, 'digit');
  }
  // The API calls the number in its path `digits`.
  await writeAnswer(await ask(writePath(others), DIGIT_FORMATS[format]), out, {
    digits: '--number',
  });
}

/** Draws a loop in which digits turn into one another. */
export async function drawMorph(ask: Ask, flags: Flags, out: string | undefined): Promise<void> {
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
  const warning = answer.headers.get(HEADERS.warning);
  if (warning !== null) {
    process.stderr.write(`digitmint: ${nameWarnedFlags(warning)}\n`);
  }
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
