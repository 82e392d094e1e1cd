/**
 * The declarations of `client/options.ts` as they are published: written out, with a comment for
 * each option, which the mapped types of the source cannot have.
 */
import { toCamelCase } from '../../client/option-text.ts';
import { describeDefault, describeExpected } from '../../shared/contract/query.ts';
import { FORMATS, type RouteName } from '../../shared/contract/formats.ts';
import { capitalize } from '../../shared/text.ts';
import { NUMBER, ROUTES, type Parameter } from '../../shared/contract/parameters.ts';

export function writeOptionTypes(): string {
  return [
    ...(['digit', 'dataset', 'morph'] as const).map(
      (route) => `export type ${capitalize(route)}Format = ${joinTypes(FORMATS[route])};`,
    ),
    '/** Where the service is. */',
    'export interface BaseOptions {',
    '    /** The service’s address, such as `https://digits.example`, with or without a path. Default: the page’s own origin. */',
    '    readonly base?: string | URL | undefined;',
    '}',
    ...writeInterface('digit', '/** Digits: `/digit`. */'),
    ...writeInterface('number', '/** A number in one handwriting: `/number`. */', [
      describe(NUMBER),
      '    readonly number: string | number;',
    ]),
    ...writeInterface('dataset', '/** Labelled digits to train and to test on: `/dataset`. */', [
      '    /** Default: idx. */',
      '    readonly format?: DatasetFormat | undefined;',
    ]),
    ...writeInterface('morph', '/** A loop in which digits turn into one another: `/morph`. */'),
    ...writeAttributes(),
    '/** The options that decide which digits are drawn. */',
    "export type SamplingOptions = Pick<DigitOptions, 'seed' | 'start' | 'model'>;",
    '/** How digits look. */',
    "export type LookOptions = Pick<DigitOptions, 'scale' | 'margin' | 'dpr' | 'fg' | 'bg' | 'smooth' | 'darkFg' | 'darkBg'>;",
    '',
  ].join('\n');
}

function writeInterface(
  route: RouteName,
  comment: string,
  more: readonly string[] = [],
): readonly string[] {
  const options = Object.entries<Parameter>(ROUTES[route]).flatMap(([name, parameter]) => [
    describe(parameter),
    `    readonly ${toCamelCase(name)}?: ${describeType(parameter)} | undefined;`,
  ]);
  const header = `export interface ${capitalize(route)}Options extends BaseOptions {`;
  return [comment, header, ...more, ...options, '}'];
}

/** The attributes of `<digit-mint>`: `parseAttributes` in client/element.ts reads them. */
function writeAttributes(): readonly string[] {
  const attributes = Object.entries<Parameter>(ROUTES.digit)
    .filter(([name]) => !['pixels', 'latent', 'strict', 'format', 'width', 'height'].includes(name))
    .flatMap(([name, parameter]) => [
      describe(parameter),
      `    readonly '${name.replaceAll('_', '-')}'?: ${describeAttribute(parameter)} | undefined;`,
    ]);
  return [
    '/** The attributes of `<digit-mint>`, for JSX. */',
    'export interface DigitMintAttributes {',
    '    /** The service’s address. Default: the page’s own origin. */',
    '    readonly base?: string | undefined;',
    '    /** A number in one handwriting, instead of label, n, cols and gap. */',
    '    readonly number?: string | number | undefined;',
    ...attributes,
    '    /** Default: png; svg with colours for the dark. */',
    "    readonly format?: 'png' | 'svg' | undefined;",
    '    /** The text for screen readers. Default: what the picture shows. */',
    '    readonly alt?: string | undefined;',
    '    /** Default: lazy. */',
    "    readonly loading?: 'lazy' | 'eager' | undefined;",
    '    /** Pixels of one digit of the model, such as 28 or 32x24. Default: 28. */',
    '    readonly sample?: string | number | undefined;',
    '}',
    '/** The attributes of `<digit-mint>` as properties; null where an attribute is absent. */',
    'export type DigitMintProperties = {',
    '    -readonly [K in keyof DigitMintAttributes as K extends `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<Tail>}` : K]-?: DigitMintAttributes[K] | null;',
    '};',
  ];
}

function describeAttribute(parameter: Parameter): string {
  if (parameter.kind === 'flag') {
    return 'boolean';
  }
  return 'min' in parameter || parameter.kind === 'text' ? 'string | number' : 'string';
}

function describe(parameter: Parameter): string {
  const without = describeDefault(parameter);
  const isFlag = parameter.kind === 'flag';
  const expected = isFlag ? '' : ` (${describeExpected(parameter)})`;
  const value = isFlag ? String(without === '1') : without;
  return `    /** ${parameter.about}${expected}.${without === '' ? '' : ` Default: ${value}.`} */`;
}

function describeType(parameter: Parameter): string {
  const types = { whole: 'number', decimal: 'number', flag: 'boolean', text: 'string | number' };
  const type: string | undefined = types[parameter.kind as keyof typeof types];
  return parameter.kind === 'choice' ? joinTypes(parameter.choices) : (type ?? 'string');
}

function joinTypes(choices: readonly string[]): string {
  return choices.map((choice) => `'${choice}'`).join(' | ');
}
