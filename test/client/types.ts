/**
 * That the client's options are the API's parameters: nothing here runs, `npm run check` compiles it. A parameter that is
 * added to `shared/contract` and not to the client, or with another type, is an error on one of the last lines.
 */
import type * as z from 'zod';
import type {
  BaseOptions,
  DatasetFormat,
  DatasetOptions,
  DigitFormat,
  DigitOptions,
  MorphFormat,
  MorphOptions,
  NumberOptions,
} from '../../client/options.ts';
import type { Digit, Digits } from '../../client/fetch-digits.ts';
import type { digitsSchema } from '../../shared/contract/answers.ts';
import type { DATASET_FORMATS, DATASET_PARAMETERS } from '../../shared/contract/dataset-query.ts';
import type { DIGIT_FORMATS } from '../../shared/contract/digit-formats.ts';
import type {
  DIGIT_PARAMETERS,
  NUMBER_PARAMETERS,
  NUMBER_PATH,
} from '../../shared/contract/digit-query.ts';
import type { MORPH_FORMATS, MORPH_PARAMETERS } from '../../shared/contract/morph-query.ts';
import type { Parameter } from '../../shared/contract/parameters.ts';

type CamelCase<S> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;

/** What a caller gives for a parsed value: names, numbers and hex digits as text; words, numbers and flags as they are. */
type Given<T> = T extends boolean
  ? boolean
  : T extends number
    ? number
    : T extends readonly number[] | { readonly name: string }
      ? string
      : T extends string
        ? string extends T
          ? string | number
          : T
        : never;

type OptionsOf<P> = {
  [K in keyof P as CamelCase<K>]: P[K] extends Parameter<infer T> ? Given<T> : never;
};

/** An interface's options without `base`, which is no parameter, and without what makes them optional. */
type Written<T> = { [K in keyof Omit<T, keyof BaseOptions>]-?: Exclude<T[K], undefined> };

/** What is true of sets by their path alone. */
type WithFormat<T, F> = T & { format: F };

type AreEqual<A, B> = [Flat<A>] extends [Flat<B>]
  ? [Flat<B>] extends [Flat<A>]
    ? true
    : never
  : never;
type Flat<T> = T extends object ? { [K in keyof T]: T[K] } : T;

export const proofs: readonly true[] = [
  true satisfies AreEqual<DigitFormat, keyof typeof DIGIT_FORMATS>,
  true satisfies AreEqual<DatasetFormat, keyof typeof DATASET_FORMATS>,
  true satisfies AreEqual<Written<DigitOptions>, OptionsOf<typeof DIGIT_PARAMETERS>>,
  true satisfies AreEqual<
    Written<NumberOptions>,
    OptionsOf<
      typeof NUMBER_PARAMETERS & { number: Parameter<z.output<(typeof NUMBER_PATH)['schema']>> }
    >
  >,
  true satisfies AreEqual<MorphFormat, keyof typeof MORPH_FORMATS>,
  true satisfies AreEqual<Written<MorphOptions>, OptionsOf<typeof MORPH_PARAMETERS>>,
  true satisfies AreEqual<
    Written<DatasetOptions>,
    WithFormat<OptionsOf<typeof DATASET_PARAMETERS>, DatasetFormat>
  >,
  true satisfies AreEqual<
    { [K in keyof Omit<Digits, 'digits'>]: Digits[K] },
    {
      readonly [K in keyof Omit<z.output<typeof digitsSchema>, 'digits'>]: z.output<
        typeof digitsSchema
      >[K];
    }
  >,
  true satisfies AreEqual<keyof Digit, keyof z.output<typeof digitsSchema>['digits'][number]>,
];
