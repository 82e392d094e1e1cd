/** The API's parameters as flags, and its errors in terms of flags. */
import { Option } from 'commander';
import {
  describeDefault,
  describeExpected,
  type ParameterSet,
} from '../../shared/contract/query.ts';
import { ROUTES } from '../../shared/contract/parameters.ts';
import { HEADERS } from '../../worker/http/headers.ts';
import { toCamelCase } from '../option-text.ts';
import { CliError, EXIT } from './output.ts';

/** Commander's values by camelCase name: a text, or true. */
export type Flags = Readonly<Record<string, string | true | undefined>>;

/** Words that replace those of the documentation, since there are no headers and no path here. */
const WORDS: Readonly<Record<string, { readonly about?: string; readonly without: string }>> = {
  seed: { without: 'new samples every time' },
  format: {
    about: describeExpected(ROUTES.digit.format),
    without: 'the extension of --out; without it txt on a screen, else png',
  },
  strict: { about: 'Refuses flags without effect instead of warning', without: '0' },
};

/** Makes a flag of each parameter. */
export function buildOptions(parameters: ParameterSet): Option[] {
  return Object.entries(parameters).map(([name, parameter]) => {
    const { about = parameter.about, without = describeDefault(parameter) } = WORDS[name] ?? {};
    const value = ['whole', 'decimal'].includes(parameter.kind) ? ' <number>' : ' <text>';
    // A flag has no default to tell: people would write the 0 after it.
    return parameter.kind === 'flag'
      ? new Option(nameFlag(name), about)
      : new Option(`${nameFlag(name)}${value}`, `${about} (default: ${without})`);
  });
}

/** `dark_fg` is `--dark-fg`. */
function nameFlag(name: string): string {
  return `--${name.replaceAll('_', '-')}`;
}

/** Writes flags as the query of a URL. The API checks them. */
export function writeQuery(parameters: ParameterSet, flags: Flags): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of Object.keys(parameters)) {
    const value = flags[toCamelCase(name)];
    if (value !== undefined) {
      query.append(name, value === true ? '1' : value);
    }
  }
  return query;
}

/** Reads an error of the API. @param names  Flags of parameters that have another name. */
export async function readRefusal(
  answer: Response,
  names: Readonly<Record<string, string>> = {},
): Promise<CliError> {
  const { code, detail } = (await answer.json()) as { code: string; detail: string };
  const exitCode = answer.status < 500 ? EXIT.usage : EXIT.failed;
  return new CliError(describeRefusal(code, detail, names), exitCode);
}

/** Replaces the names of parameters by flags. */
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
    // The hand is of a model that is not here, or `to` is not of the same one as `hand`.
    case 'model_not_found':
    case 'hand_of_other_model':
      return detail
        .replace(/ is published, and (\w+)/, (_, name: string) => ` is here, and ${nameFlag(name)}`)
        .replace('leave model out, or make', 'make')
        .replace('POST /hand', 'digitmint hand');
    case 'answer_too_large':
    case 'picture_too_large':
      return detail.replace(/(?<=lower ).*(?=\.$)/, (list) =>
        list.replaceAll(/\b(?!or\b)\w+/g, nameFlag),
      );
    default:
      return detail;
  }
}

/** Replaces the names after a colon by flags. */
function nameWarnedFlags(text: string): string {
  return text.replace(/(?<=: )[a-z_, ]+/, (names) =>
    names.replaceAll(/\b(?!without\b)[a-z_]+/g, nameFlag),
  );
}

/** Reports the flags that had no effect in an answer. */
export function reportWarning(answer: Response): void {
  const warning = answer.headers.get(HEADERS.warning);
  if (warning !== null) {
    process.stderr.write(`digitmint: ${nameWarnedFlags(warning)}\n`);
  }
}

/** Reports, or with `--strict` refuses, `--base` in a format without URLs. @throws CliError */
export function checkBase({ base, strict }: Flags, format: string): void {
  if (base === undefined || format === 'json' || format === 'ndjson') {
    return;
  }
  if (strict === true) {
    throw new CliError(`--strict refuses what has no effect in ${format}: --base. Leave it out.`);
  }
  process.stderr.write(`digitmint: without effect in ${format}: --base\n`);
}
