/**
 * What `POST /jobs` can be asked for: sets that are too large for one answer, drawn by many consumers of a queue.
 */
import * as z from 'zod';
import { LIMITS } from './limits.ts';
import {
  PARAMETERS,
  parseParameters,
  REQUIRED,
  wholeNumber,
  type ParameterSet,
  type ParameterValues,
} from './parameters.ts';
import type { ApiError } from './errors.ts';

/** The formats of shards, by extension, with their media types. Text formats have no bound a digit, and so none a shard. */
export const JOB_FORMATS = { npy: 'application/x-npy', idx: 'application/octet-stream' } as const;
export type JobFormat = keyof typeof JOB_FORMATS;

/** What a shard's files hold. */
export const JOB_PARTS = ['images', 'labels'] as const;
export type JobPart = (typeof JOB_PARTS)[number];

const FORMATS = Object.keys(JOB_FORMATS) as [JobFormat, ...JobFormat[]];

export const JOB_PARAMETERS = {
  n: {
    schema: wholeNumber(1, LIMITS.maxJobDigits),
    about: 'How many digits',
    without: REQUIRED,
    example: '1000000',
  },
  seed: {
    ...PARAMETERS.seed,
    about: 'Any text: with the model it decides every digit, so that the same job is the same set',
    without: REQUIRED,
  },
  start: PARAMETERS.start,
  label: PARAMETERS.label,
  format: {
    schema: z.enum(FORMATS).meta({ description: FORMATS.join(' or ') }),
    about: 'What each shard is written in, images and labels as two files',
    without: FORMATS[0],
    example: 'idx',
  },
  model: {
    ...PARAMETERS.model,
    about: 'Which model draws: the job is pinned to the version that serves when it is started',
  },
} as const satisfies ParameterSet;

export type JobQuery = Omit<ParameterValues<typeof JOB_PARAMETERS>, 'n' | 'seed'> & {
  readonly n: number;
  readonly seed: string;
};

/** What decides a job, with nothing left to chance or to defaults that may change. */
export interface PinnedJob {
  readonly model: { readonly name: string; readonly version: string };
  readonly seed: string;
  readonly start: number;
  readonly n: number;
  /** The class's name. */
  readonly label: string | undefined;
  readonly format: JobFormat;
}

/** Parses a job's query. What is paid for is not guessed at: anything unknown is refused, and `n` and `seed` must be there. */
export function parseJobQuery(
  search: URLSearchParams,
):
  | { readonly ok: true; readonly query: JobQuery }
  | { readonly ok: false; readonly error: ApiError } {
  const parsed = parseParameters(JOB_PARAMETERS, search);
  if (!parsed.ok) {
    return parsed;
  }
  const { values, unknown } = parsed;
  if (unknown.length > 0) {
    return {
      ok: false,
      error: { code: 'unknown_parameter', parameters: unknown, known: Object.keys(JOB_PARAMETERS) },
    };
  }
  const { n, seed } = values;
  if (n === undefined || seed === undefined) {
    const parameter = n === undefined ? 'n' : 'seed';
    const expected = JOB_PARAMETERS[parameter].schema.description ?? 'a value';
    return { ok: false, error: { code: 'missing_parameter', parameter, expected } };
  }
  return { ok: true, query: { ...values, n, seed } };
}

/** Writes the one query of a job: parameters in a fixed order, those that change nothing left out. */
export function buildJobUrl({ model, seed, start, n, label, format }: PinnedJob): string {
  const told = [
    `seed=${encodeURIComponent(seed)}`,
    ...(start === 0 ? [] : [`start=${start}`]),
    `n=${n}`,
    ...(label === undefined ? [] : [`label=${encodeURIComponent(label)}`]),
    `format=${format}`,
    `model=${model.name}@${model.version}`,
  ];
  return `/jobs?${told.join('&')}`;
}
