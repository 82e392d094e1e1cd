/**
 * The options of a request: the parameters of the API's table in camelCase. The published package
 * has these types written out, with a comment for each option: see `dev/build/option-types.ts`.
 */
import type { FormatOf, RouteName } from '../shared/contract/formats.ts';
import type { ParametersOf } from '../shared/contract/parameters.ts';

type CamelCase<
  S,
  Separator extends '_' | '-' = '_',
> = S extends `${infer Head}${Separator}${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail, Separator>>}`
  : S;

/** Numbers, flags and choices are given as they are, colours and models as text. */
type Given<P> = P extends { readonly kind: 'whole' | 'decimal' }
  ? number
  : P extends { readonly kind: 'flag' }
    ? boolean
    : P extends { readonly choices: readonly (infer C)[] }
      ? C
      : P extends { readonly kind: 'text' }
        ? string | number
        : string;

type OptionsOf<R extends RouteName> = {
  readonly [K in keyof ParametersOf<R> as CamelCase<K>]?: Given<ParametersOf<R>[K]> | undefined;
};

export type DigitFormat = FormatOf<'digit'>;
export type DatasetFormat = FormatOf<'dataset'>;
export type MorphFormat = FormatOf<'morph'>;

/** The address of the service. */
export interface BaseOptions {
  /**
   * The service's address, such as `https://digits.example`, with or without a path. Default: the
   * page's own origin.
   */
  readonly base?: string | URL | undefined;
}

export interface DigitOptions extends BaseOptions, OptionsOf<'digit'> {}

export interface NumberOptions extends BaseOptions, OptionsOf<'number'> {
  readonly number: string | number;
}

export interface DatasetOptions extends BaseOptions, OptionsOf<'dataset'> {
  readonly format?: DatasetFormat | undefined;
}

export interface MorphOptions extends BaseOptions, OptionsOf<'morph'> {}

type KebabCase<S> = S extends `${infer Head}_${infer Tail}` ? `${Head}-${KebabCase<Tail>}` : S;

/** Parameters of `/digit` without an effect on an element. */
type NoAttribute = 'pixels' | 'latent' | 'strict' | 'format' | 'width' | 'height';

type AttributeOf<P> = P extends { readonly kind: 'flag' }
  ? boolean
  : P extends { readonly kind: 'whole' | 'decimal' | 'text' }
    ? string | number
    : string;

type ParameterAttributes = {
  readonly [K in Exclude<keyof ParametersOf<'digit'>, NoAttribute> as KebabCase<K>]?:
    | AttributeOf<ParametersOf<'digit'>[K]>
    | undefined;
};

/** The attributes of `<digit-mint>`, for JSX. */
export interface DigitMintAttributes extends ParameterAttributes {
  readonly base?: string | undefined;
  readonly number?: string | number | undefined;
  readonly format?: 'png' | 'svg' | undefined;
  readonly alt?: string | undefined;
  readonly loading?: 'lazy' | 'eager' | undefined;
  readonly sample?: string | number | undefined;
}

/** The attributes of `<digit-mint>` as properties; null where an attribute is absent. */
export type DigitMintProperties = {
  -readonly [K in keyof DigitMintAttributes as CamelCase<K, '-'>]-?: DigitMintAttributes[K] | null;
};

export interface SamplingOptions extends Pick<DigitOptions, 'seed' | 'start' | 'model'> {}

export interface LookOptions extends Pick<
  DigitOptions,
  'scale' | 'margin' | 'dpr' | 'fg' | 'bg' | 'smooth' | 'darkFg' | 'darkBg'
> {}
