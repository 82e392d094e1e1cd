/**
 * `digitmint 7`, `digitmint --number 2026`: pictures, text and numbers of digits.
 */
import { extname } from 'node:path';
import { DIGIT_FORMATS, DIGIT_PARAMETERS, NUMBER_PARAMETERS, type DigitFormat } from '../../shared/contract/digit-query.ts';
import { HEADERS } from '../../worker/headers.ts';
import { CliError } from './cli-error.ts';
import { nameWarnedFlags, readRefusal, writeQuery, type Flags } from './flags.ts';
import type { Ask } from './local-service.ts';
import { isScreen, isStandard, writeOutput } from './output.ts';

/** What a screen would show as noise. */
const BINARY: readonly DigitFormat[] = ['png', 'npy'];

/** Draws, writes, and says on standard error what was drawn. */
export async function draw(ask: Ask, flags: Flags, out: string | undefined): Promise<void> {
  const { format: _, ...others } = flags;
  const format = chooseFormat(flags, out);
  if (BINARY.includes(format) && isScreen(out)) {
    throw new CliError(`--format ${format}: not to a screen. Write it to a file: --out digit.${format}, or into a pipe`);
  }
  const path = writePath(others);
  const answer = await ask(path, DIGIT_FORMATS[format]);
  if (!answer.ok) {
    throw await readRefusal(answer);
  }
  const warning = answer.headers.get(HEADERS.warning);
  if (warning !== null) {
    process.stderr.write(`digitmint: ${nameWarnedFlags(warning)}\n`);
  }
  await writeOutput(out, answer.body as unknown as AsyncIterable<Uint8Array>);
  if (!isStandard(out) || isScreen(out)) {
    const seed = decodeURIComponent(answer.headers.get(HEADERS.seed) ?? '');
    process.stderr.write(`${isStandard(out) ? '' : `${out}: `}seed ${seed}, model ${answer.headers.get(HEADERS.model)}\n`);
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

/** `--format`, then the file's extension, then what standard output is. */
function chooseFormat({ format }: Flags, out: string | undefined): DigitFormat {
  const known = Object.keys(DIGIT_FORMATS).join(', ');
  if (format !== undefined) {
    return asFormat(String(format)) ?? refuse(`--format is ${JSON.stringify(format)}, expected one of ${known}`);
  }
  if (isStandard(out)) {
    return isScreen(out) ? 'txt' : 'png';
  }
  return (
    asFormat(extname(out).slice(1).toLowerCase()) ??
    refuse(`--out ${out}: its extension names no format, expected one of ${known}, or --format`)
  );
}

function asFormat(text: string): DigitFormat | undefined {
  return Object.hasOwn(DIGIT_FORMATS, text) ? (text as DigitFormat) : undefined;
}

function refuse(message: string): never {
  throw new CliError(message);
}
