/**
 * The types of the client's options and answers. Nothing here runs: `npm run check` compiles it. A
 * parameter that is added to the table is an error here until its option is listed.
 */
import type * as v from 'valibot';
import type {
  BaseOptions,
  DigitMintAttributes,
  DatasetOptions,
  DigitOptions,
  MorphOptions,
  NumberOptions,
} from '../../client/options.ts';
import type { Digit, Digits } from '../../client/fetch-digits.ts';
import type { digitsSchema } from '../../shared/contract/answers.ts';

type Text = string | number;

interface Sampling {
  seed: Text;
  start: number;
  model: string;
  truncation: number;
  hand: Text;
  vary: number;
  strict: boolean;
}

interface Look {
  scale: number;
  margin: number;
  width: number;
  height: number;
  dpr: number;
  fg: string;
  bg: string;
  smooth: boolean;
}

interface Picture extends Sampling, Look {
  darkFg: string;
  darkBg: string;
  pixels: 'array' | 'base64';
  latent: boolean;
  format: 'png' | 'json' | 'svg' | 'txt' | 'npy' | 'ndjson';
}

/**
 * An interface's options without `base`, which is no parameter, and without what makes them
 * optional.
 */
type Written<T> = { [K in keyof Omit<T, keyof BaseOptions>]-?: Exclude<T[K], undefined> };

type AreEqual<A, B> = [Flat<A>] extends [Flat<B>]
  ? [Flat<B>] extends [Flat<A>]
    ? true
    : never
  : never;
type Flat<T> = T extends object ? { [K in keyof T]: T[K] } : T;

export const proofs: readonly true[] = [
  true satisfies AreEqual<
    Written<DigitOptions>,
    Picture & { n: number; label: Text; cols: number; gap: number }
  >,
  true satisfies AreEqual<Written<NumberOptions>, Picture & { number: Text }>,
  true satisfies AreEqual<
    Written<MorphOptions>,
    Sampling &
      Look & {
        n: number;
        label: Text;
        digits: Text;
        to: Text;
        labels: Text;
        frames: number;
        fps: number;
        hold: number;
        format: 'png' | 'gif';
      }
  >,
  true satisfies AreEqual<
    Written<DatasetOptions>,
    Sampling & {
      n: number;
      label: Text;
      part: 'images' | 'labels';
      pixels: 'array' | 'base64';
      latent: boolean;
      format: 'idx' | 'idx.gz' | 'npy' | 'npz' | 'parquet' | 'csv' | 'ndjson';
    }
  >,
  true satisfies AreEqual<
    { [K in keyof Omit<Digits, 'digits'>]: Digits[K] },
    {
      readonly [K in keyof Omit<v.InferOutput<typeof digitsSchema>, 'digits'>]: v.InferOutput<
        typeof digitsSchema
      >[K];
    }
  >,
  true satisfies AreEqual<
    { [K in keyof DigitMintAttributes]-?: Exclude<DigitMintAttributes[K], undefined> },
    Record<'label' | 'seed' | 'number' | 'sample' | 'hand', Text> &
      Record<
        'start' | 'n' | 'cols' | 'gap' | 'scale' | 'margin' | 'dpr' | 'truncation' | 'vary',
        Text
      > &
      Record<'base' | 'alt' | 'fg' | 'bg' | 'dark-fg' | 'dark-bg' | 'model', string> & {
        smooth: boolean;
        format: 'png' | 'svg';
        loading: 'lazy' | 'eager';
      }
  >,
  true satisfies AreEqual<keyof Digit, keyof v.InferOutput<typeof digitsSchema>['digits'][number]>,
];
