/**
 * The API's parameters as flags, and its refusals in their terms.
 */
import { Option } from 'commander';
import { DIGIT_PARAMETERS } from '../../shared/contract/digit-query.ts';
import type { Parameter, ParameterSet } from '../../shared/contract/parameters.ts';
import { CliError, EXIT } from './cli-error.ts';

/** What commander makes of flags: camelCase, text or true. */
export type Flags = Readonly<Record<string, string | true | undefined>>;

/** What the documentation says otherwise, since there an answer has headers and a path. */
const WORDS: Readonly<Record<string, Partial<Pick<Parameter, 'about' | 'without'>>>> = {
  seed: { without: 'fresh ones every time' },
  format: {
    about: `${DIGIT_PARAMETERS.format.schema.description}, whatever --out says`,
    without: 'the extension of --out; without one txt on a screen, else png',
  },
  strict: { about: 'Refuses flags without effect in place of a warning' },
};

/** Makes a flag for each parameter, with the documentation's words. */
export function buildOptions(parameters: ParameterSet): Option[] {
  return Object.entries(parameters).map(([name, parameter]) => {
    const { about, without, schema } = { ...parameter, ...WORDS[name] };
    const what = isFlag(parameter)
      ? ''
      : ` <${schema.meta()?.['type'] === 'integer' ? 'number' : 'text'}>`;
    return new Option(`${nameFlag(name)}${what}`, `${about} (default: ${without})`);
  });
}

function isFlag({ schema }: Pick<Parameter, 'schema'>): boolean {
  return schema.description === '0 or 1';
}

/** `dark_fg` is `--dark-fg`. */
function nameFlag(name: string): string {
  return `--${name.replaceAll('_', '-')}`;
}

/** Writes flags as the query of a URL; the API says what is wrong with it. */
export function writeQuery(parameters: ParameterSet, flags: Flags): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of Object.keys(parameters)) {
    const value = flags[name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())];
    if (value !== undefined) {
      query.append(name, value === true ? '1' : value);
    }
  }
  return query;
}

interface Problem {
  readonly code: string;
  readonly status: number;
  readonly detail: string;
}

/**
 * What the app refused, in the command line's terms.
 * @param names  Parameters whose flag has another name.
 */
export async function readRefusal(
  answer: Response,
  names: Readonly<Record<string, string>> = {},
): Promise<CliError> {
  const { code, status, detail } = (await answer.json()) as Problem;
  return new CliError(
    describeRefusal(code, detail, names),
    status < 500 ? EXIT.usage : EXIT.failed,
  );
}

function describeRefusal(
  code: string,
  detail: string,
  names: Readonly<Record<string, string>>,
): string {
  switch (code) {
    case 'parameter_without_effect':
      return nameWarnedFlags(detail.replace('strict=1', '--strict'));
    case 'invalid_parameter':
    case 'parameter_not_supported':
      return detail
        .replace(/^\w+/, (name) => names[name] ?? nameFlag(name))
        .replace(/(?<=, expected none beside )\w+/, nameFlag);
    case 'label_not_supported':
      return `label: ${detail}`;
    case 'picture_too_large':
      return detail.replace(/(?<=lower ).*(?=\.$)/, (list) =>
        list.replaceAll(/\b(?!or\b)\w+/g, nameFlag),
      );
    default:
      return detail;
  }
}

/** Turns the names that stand after a colon into flags. */
export function nameWarnedFlags(text: string): string {
  return text.replace(/(?<=: )[a-z_]+(?:, [a-z_]+)*/, (names) =>
    names.split(', ').map(nameFlag).join(', '),
  );
}
