/**
 * `digitmint 7`, `digitmint --number 2026`, `digitmint morph`: pictures, text and numbers of digits, and loops.
 */
import { extname } from 'node:path';
import { DIGIT_FORMATS, type DigitFormat } from '../../shared/contract/digit-formats.ts';
import { DIGIT_PARAMETERS, NUMBER_PARAMETERS } from '../../shared/contract/digit-query.ts';
import { MORPH_FORMATS, MORPH_PARAMETERS } from '../../shared/contract/morph-query.ts';
import { HEADERS } from '../../worker/http/headers.ts';
import { CliError } from './cli-error.ts';
import { nameWarnedFlags, readRefusal, writeQuery, type Flags } from './flags.ts';
import type { Ask } from './local-service.ts';
import { isScreen, isStandard, writeOutput } from './output.ts';

/** What a screen would show as noise. */
const BINARY: readonly DigitFormat[] = ['png', 'npy'];

/** Draws digits or a number, writes them, and says on standard error what was drawn. */
export async function draw(ask: Ask, flags: Flags, out: string | undefined): Promise<void> {
  const { format: _, ...others } = flags;
  const format = chooseFormat(DIGIT_FORMATS, flags, out, isScreen(out) ? 'txt' : 'png');
  if (BINARY.includes(format) && isScreen(out)) {
    refuseScreen(format, 'digit');
  }
  // Its path calls the number so.
  await writeAnswer(await ask(writePath(others), DIGIT_FORMATS[format]), out, {
    digits: '--number',
  });
}

/** The same for a loop in which digits turn into one another. */
export async function drawMorph(ask: Ask, flags: Flags, out: string | undefined): Promise<void> {
  const { format: _, ...others } = flags;
  const format = chooseFormat(MORPH_FORMATS, flags, out, 'png');
  if (isScreen(out)) {
    refuseScreen(format, 'loop');
  }
  await writeAnswer(
    await ask(`/morph?${writeQuery(MORPH_PARAMETERS, others).toString()}`, MORPH_FORMATS[format]),
    out,
  );
}

/** @param names  As {@link readRefusal} has them. */
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
  if (!isStandard(out) || isScreen(out)) {
    const seed = decodeURIComponent(answer.headers.get(HEADERS.seed) ?? '');
    process.stderr.write(
      `${isStandard(out) ? '' : `${out}: `}seed ${seed}, model ${answer.headers.get(HEADERS.model)}\n`,
    );
  }
}

/** The path says what it is, the query all else; the extension is left to Accept. */
function writePath(flags: Flags): string {
  const { number } = flags;
  if (number === undefined) {
    return `/digit?${writeQuery(DIGIT_PARAMETERS, flags).toString()}`;
  }
  const excluded = ['label', 'n', 'cols', 'gap'].filter((name) => flags[name] !== undefined);
  if (excluded.length > 0) {
    throw new CliError(
      `${excluded.map((name) => `--${name}`).join(', ')} beside --number: a number is one picture, leave one out`,
    );
  }
  return `/number/${encodeURIComponent(String(number))}?${writeQuery(NUMBER_PARAMETERS, flags).toString()}`;
}

/** `--format`, then the file's extension, then what is usual on standard output. */
function chooseFormat<F extends string>(
  formats: Readonly<Record<F, string>>,
  { format }: Flags,
  out: string | undefined,
  usual: F,
): F {
  const known = Object.keys(formats).join(', ');
  if (format !== undefined) {
    return (
      asFormat(formats, String(format)) ??
      refuse(`--format is ${JSON.stringify(format)}, expected one of ${known}`)
    );
  }
  if (isStandard(out)) {
    return usual;
  }
  return (
    asFormat(formats, extname(out).slice(1).toLowerCase()) ??
    refuse(`--out ${out}: its extension names no format, expected one of ${known}, or --format`)
  );
}

function asFormat<F extends string>(
  formats: Readonly<Record<F, string>>,
  text: string,
): F | undefined {
  return Object.hasOwn(formats, text) ? (text as F) : undefined;
}

function refuseScreen(format: string, name: string): never {
  refuse(
    `--format ${format}: not to a screen. Write it to a file: --out ${name}.${format}, or into a pipe`,
  );
}

function refuse(message: string): never {
  throw new CliError(message);
}
