/**
 * `GET /digit`, `/digit.png`, `/digit.json`, `/digit/7.png`: freshly sampled digits, or those that a seed stands for.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import {
  buildDigitUrl,
  DIGIT_FORMATS,
  DIGIT_PARAMETERS,
  parseDigitQuery,
  type DigitFormat,
  type DigitQuery,
  type PinnedDigits,
} from '../../shared/contract/digit-query.ts';
import { digitsSchema } from '../../shared/contract/answers.ts';
import type { ApiError } from '../../shared/contract/errors.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { PARAMETERS, type Parameter } from '../../shared/contract/parameters.ts';
import { findClass } from '../../shared/classes.ts';
import { chooseCols, measureSheet } from '../../shared/sheet.ts';
import { getDefer, type App, type AppContext, type AppDependencies } from '../context.ts';
import { API_HEADERS, CACHE_CONTROL, hasCurrent, HEADERS } from '../headers.ts';
import { chooseMediaType } from '../negotiate.ts';
import { QUERY_ERRORS, type Operation } from '../operation.ts';
import { renderDigits } from '../render/digits.ts';
import { respondError } from '../respond-error.ts';
import type { Generator } from '../sampler-cache.ts';

const PATHS: Readonly<Record<string, DigitFormat | undefined>> = {
  '/digit': undefined,
  '/digit.png': 'png',
  '/digit.json': 'json',
};

/** Part of every ETag: rises when the same digits get other bytes, as with another PNG encoder. */
const RENDERING = 2;

const SHARED = {
  kind: 'api',
  query: DIGIT_PARAMETERS,
  conditional: true,
  errors: [...QUERY_ERRORS, 'label_not_supported', 'picture_too_large', 'model_not_found', 'not_acceptable', 'model_unavailable'],
} as const satisfies Partial<Operation>;

const { label: _, ...BESIDE_LABEL } = DIGIT_PARAMETERS;

const OF_A_CLASS = {
  query: BESIDE_LABEL,
  answers: { [DIGIT_FORMATS.png]: 'bytes', [DIGIT_FORMATS.json]: digitsSchema },
} as const satisfies Partial<Operation>;

const EXTENSION: Parameter = {
  schema: DIGIT_PARAMETERS.format.schema,
  about: 'The answer’s format',
  without: '',
  example: 'png',
};

export const DIGIT_OPERATIONS: readonly Operation[] = [
  {
    ...SHARED,
    id: 'drawDigits',
    path: '/digit',
    routes: ['/digit'],
    summary: 'Freshly drawn digits, or those of a seed, in the format that format= or Accept asks for',
    answers: { [DIGIT_FORMATS.png]: 'bytes', [DIGIT_FORMATS.json]: digitsSchema },
    examples: ['/digit?n=16', '/digit?seed=Ada&format=json'],
  },
  {
    ...SHARED,
    id: 'drawDigitsAsPng',
    path: '/digit.png',
    routes: ['/digit.png'],
    summary: 'The digits on one sheet',
    answers: { [DIGIT_FORMATS.png]: 'bytes' },
    examples: ['/digit.png?n=16&scale=4', '/digit.png?label=7&seed=Ada&scale=8'],
  },
  {
    ...SHARED,
    id: 'drawDigitsAsJson',
    path: '/digit.json',
    routes: ['/digit.json'],
    summary: 'The digits’ pixels as numbers from 0 to 255',
    answers: { [DIGIT_FORMATS.json]: digitsSchema },
    examples: ['/digit.json?n=16'],
  },
  {
    ...SHARED,
    ...OF_A_CLASS,
    id: 'drawDigitsOfClass',
    path: '/digit/{label}',
    routes: ['/digit/:label'],
    pathParameters: { label: { ...PARAMETERS.label, without: '' } },
    summary: 'Digits of one class, in the format that format= or Accept asks for',
    examples: ['/digit/7'],
  },
  {
    ...SHARED,
    ...OF_A_CLASS,
    id: 'drawDigitsOfClassAs',
    path: '/digit/{label}.{extension}',
    routes: ['/digit/:label'],
    pathParameters: { label: { ...PARAMETERS.label, without: '' }, extension: EXTENSION },
    summary: 'Digits of one class, in the extension’s format',
    examples: ['/digit/7.png?scale=4', '/digit/7.json?n=16'],
  },
];

export function addDigitRoutes(app: App, dependencies: AppDependencies): void {
  for (const [path, extension] of Object.entries(PATHS)) {
    app.get(path, (c) => answerDigits(c, dependencies, extension, new URL(c.req.url).searchParams));
  }
  app.get('/digit/:label', (c) => {
    const { label, extension } = splitExtension(c.req.param('label'));
    // As if it stood in the query: one that stands there too is given twice.
    const search = new URL(c.req.url).searchParams;
    search.append('label', label);
    return answerDigits(c, dependencies, extension, search);
  });
}

/** A class's name may hold dots: only a format's own extension is one. */
function splitExtension(text: string): { label: string; extension: DigitFormat | undefined } {
  const dot = text.lastIndexOf('.');
  const extension = text.slice(dot + 1);
  return dot >= 0 && Object.hasOwn(DIGIT_FORMATS, extension)
    ? { label: text.slice(0, dot), extension: extension as DigitFormat }
    : { label: text, extension: undefined };
}

async function answerDigits(
  c: AppContext,
  { generators, drawSeed, clock }: AppDependencies,
  extension: DigitFormat | undefined,
  search: URLSearchParams,
): Promise<Response> {
  const parsed = parseDigitQuery(search);
  if (!parsed.ok) {
    return respondError(c, parsed.error);
  }
  const { query } = parsed;
  const format = chooseFormat(query, extension, c.req.header('accept'));
  if (typeof format !== 'string') {
    return respondError(c, format);
  }
  const { origin } = new URL(c.req.url);
  const negotiated = extension === undefined && query.format === undefined;

  // A URL that says it all is its own answer's name: whoever has that answer needs no model.
  const name = query.model?.name;
  const version = query.model?.version;
  if (query.seed !== undefined && name !== undefined && version !== undefined) {
    const digits = pinDigits(query, format, { name, version }, query.seed);
    if (hasCurrent(c, computeEtag(digits, origin))) {
      return c.body(null, 304, { ...describeDigits(digits, query, origin, negotiated) });
    }
  }

  const began = clock();
  const acquired = await generators.acquire(query.model, getDefer(c));
  if (!acquired.ok) {
    return respondError(c, acquired.error);
  }
  const { generator, release } = acquired.lease;
  try {
    const { classes } = generator.sampler.manifest;
    const label = query.label === undefined ? undefined : findClass(classes, query.label);
    if (query.label !== undefined && label === undefined) {
      return respondError(c, { code: 'label_not_supported', model: generator.name, received: query.label, classes });
    }
    const named = { ...query, label: label === undefined ? undefined : classes[label] };
    const digits = pinDigits(named, format, generator, query.seed ?? drawSeed());
    const error = checkPictureSize(digits, generator);
    if (error !== undefined) {
      return respondError(c, error);
    }
    const headers = { ...describeDigits(digits, query, origin, negotiated), [HEADERS.modelSource]: generator.origin };
    if (query.seed !== undefined && hasCurrent(c, computeEtag(digits, origin))) {
      return c.body(null, 304, headers);
    }
    const loaded = clock();
    const samples = generator.sampler.draw({
      seed: digits.seed,
      start: digits.start,
      count: digits.n,
      ...(label !== undefined && { label }),
    });
    const drawn = clock();
    const body = renderDigits(digits, samples, classes, origin);
    return c.body(body, 200, {
      ...headers,
      'Content-Type': DIGIT_FORMATS[format],
      'Content-Length': String(body.length),
      'Content-Disposition': `inline; filename="${nameFile(digits)}"`,
      'Server-Timing': describeTiming({ load: loaded - began, generate: drawn - loaded, encode: clock() - drawn }),
    });
  } finally {
    release();
  }
}

/** Extension, then `format=`, then Accept. */
function chooseFormat(query: DigitQuery, extension: DigitFormat | undefined, accept: string | undefined): DigitFormat | ApiError {
  if (extension !== undefined && query.format !== undefined && query.format !== extension) {
    return {
      code: 'invalid_parameter',
      parameter: 'format',
      received: query.format,
      expected: `${extension}, as the path says, or no format at all`,
    };
  }
  const told = extension ?? query.format;
  if (told !== undefined) {
    return told;
  }
  const mediaType = chooseMediaType(accept, Object.values(DIGIT_FORMATS));
  const format = (Object.keys(DIGIT_FORMATS) as DigitFormat[]).find((key) => DIGIT_FORMATS[key] === mediaType);
  return format ?? { code: 'not_acceptable', accept: accept ?? '', available: Object.values(DIGIT_FORMATS) };
}

function pinDigits(
  query: DigitQuery,
  format: DigitFormat,
  { name, version }: { name: string; version: string },
  seed: string,
): PinnedDigits {
  const n = query.n ?? 1;
  return {
    format,
    model: { name, version },
    seed,
    start: query.start ?? 0,
    n,
    label: query.label,
    cols: query.cols ?? chooseCols(n),
    scale: query.scale ?? 1,
  };
}

function checkPictureSize(digits: PinnedDigits, { sampler }: Generator): ApiError | undefined {
  const { width, height } = measureSheet(sampler.manifest.image, digits.n, digits);
  if (digits.format === 'png' && width * height > LIMITS.maxPicturePixels) {
    return { code: 'picture_too_large', width, height, maxPixels: LIMITS.maxPicturePixels };
  }
  return undefined;
}

/** The headers that a 200 and a 304 share. */
function describeDigits(digits: PinnedDigits, query: DigitQuery, origin: string, negotiated: boolean): Record<string, string> {
  const permalink = buildDigitUrl(digits);
  const freshness = query.seed === undefined ? 'fresh' : query.model?.version === undefined ? 'seeded' : 'pinned';
  return {
    ...API_HEADERS,
    'Cache-Control': CACHE_CONTROL[freshness],
    'Content-Location': permalink,
    Link: `<${origin}${permalink}>; rel="canonical"`,
    [HEADERS.seed]: encodeURIComponent(digits.seed),
    [HEADERS.model]: `${digits.model.name}@${digits.model.version}`,
    ...(freshness !== 'fresh' && { ETag: computeEtag(digits, origin) }),
    ...(negotiated && { Vary: 'Accept' }),
    ...(query.unknown.length > 0 && { [HEADERS.warning]: describeUnknown(query.unknown) }),
  };
}

/** Known before a digit is drawn: all that the bytes depend on. JSON holds absolute URLs, and so depends on the origin. */
function computeEtag(digits: PinnedDigits, origin: string): string {
  const text = `${RENDERING} ${digits.format === 'json' ? origin : ''} ${buildDigitUrl(digits)}`;
  return `"${bytesToHex(sha256(utf8ToBytes(text)).subarray(0, 16))}"`;
}

const MAX_NAMED = 8;

function describeUnknown(names: readonly string[]): string {
  const named = names.slice(0, MAX_NAMED).map((name) => encodeURIComponent([...name].slice(0, 32).join('')));
  return `unknown parameters: ${named.join(', ')}${names.length > MAX_NAMED ? ', ...' : ''}`;
}

function nameFile({ format, seed, start, n }: PinnedDigits): string {
  const last = n === 1 ? '' : `-${start + n - 1}`;
  return `digitmint-${seed.replace(/[^A-Za-z0-9_-]+/g, '_').slice(0, 40)}-${start}${last}.${format}`;
}

function describeTiming(durations: Readonly<Record<string, number>>): string {
  return Object.entries(durations)
    .map(([name, ms]) => `${name};dur=${ms.toFixed(1)}`)
    .join(', ');
}
