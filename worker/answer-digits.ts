/**
 * The way of a request for digits: parsed, pinned to a model and a seed, answered from the caller's copy where that is
 * known to be current, drawn and rendered else.
 */
import { findClass } from '../shared/classes.ts';
import { formatColour } from '../shared/colour.ts';
import {
  DEFAULT_LOOK,
  DIGIT_FORMATS,
  findWithoutEffect,
  parseDigitQuery,
  type DigitFormat,
  type DigitQuery,
  type PinnedDigits,
} from '../shared/contract/digit-query.ts';
import type { ApiError } from '../shared/contract/errors.ts';
import { LIMITS } from '../shared/contract/limits.ts';
import type { Samples } from '../shared/sampler.ts';
import { chooseCols, measureSheet } from '../shared/sheet.ts';
import { getDefer, type AppContext, type AppDependencies } from './context.ts';
import { computeEtag, describeContent, describeDigits } from './digit-headers.ts';
import { hasCurrent, HEADERS } from './headers.ts';
import { chooseMediaType } from './negotiate.ts';
import { renderDigits, type RenderContext } from './render/digits.ts';
import { streamSamples } from './render/sample-stream.ts';
import { respondError } from './respond-error.ts';
import type { Generator } from './sampler-cache.ts';

/**
 * Answers a request for digits.
 *
 * @param extension  The path's, which decides the format.
 * @param search     The query's pairs, with whatever else the path says.
 */
export async function answerDigits(
  c: AppContext,
  dependencies: AppDependencies,
  extension: DigitFormat | undefined,
  search: URLSearchParams,
): Promise<Response> {
  const { generators, drawSeed, clock } = dependencies;
  const parsed = parseDigitQuery(search);
  if (!parsed.ok) {
    return respondError(c, parsed.error);
  }
  const { query } = parsed;
  const format = chooseFormat(query, extension, c.req.header('accept'));
  if (typeof format !== 'string') {
    return respondError(c, format);
  }
  const withoutEffect = findWithoutEffect(query, format);
  if (query.strict === true && withoutEffect.length > 0) {
    return respondError(c, { code: 'parameter_without_effect', parameters: withoutEffect, format });
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
    const error = checkLook(digits, query, generator);
    if (error !== undefined) {
      return respondError(c, error);
    }
    const headers = { ...describeDigits(digits, query, origin, negotiated), [HEADERS.modelSource]: generator.origin };
    if (query.seed !== undefined && hasCurrent(c, computeEtag(digits, origin))) {
      return c.body(null, 304, headers);
    }
    const context = { digits, classes, origin };
    const content = { ...headers, ...describeContent(digits) };
    if (format === 'ndjson') {
      return c.req.method === 'HEAD'
        ? c.body(null, 200, content)
        : c.body(streamDigits(c, dependencies, context, label), 200, content);
    }
    const loaded = clock();
    const samples = drawRange(generator, digits, digits.start, digits.n, label);
    const drawn = clock();
    const body = renderDigits(context, samples, digits.start);
    return c.body(body, 200, {
      ...content,
      'Content-Length': String(body.length),
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
    scale: query.scale ?? DEFAULT_LOOK.scale,
    gap: query.gap ?? DEFAULT_LOOK.gap,
    margin: query.margin ?? DEFAULT_LOOK.margin,
    fg: query.fg ?? DEFAULT_LOOK.fg,
    bg: query.bg ?? DEFAULT_LOOK.bg,
    smooth: query.smooth ?? DEFAULT_LOOK.smooth,
    darkFg: query.dark_fg,
    darkBg: query.dark_bg,
  };
}

function drawRange(
  { sampler }: Generator,
  { seed }: PinnedDigits,
  start: number,
  count: number,
  label: number | undefined,
): Samples {
  return sampler.draw({ seed, start, count, ...(label !== undefined && { label }) });
}

/**
 * Streams digits a line each. The model is taken hold of for each part anew, by its version: a reader who goes away
 * holds nothing.
 */
function streamDigits(
  c: AppContext,
  { generators }: AppDependencies,
  context: RenderContext,
  label: number | undefined,
): ReadableStream {
  const { digits } = context;
  const draw = async (first: number, count: number): Promise<Samples> => {
    const acquired = await generators.acquire(digits.model, getDefer(c));
    if (!acquired.ok) {
      throw new Error(`the model went away in the middle of an answer: ${acquired.error.code}`);
    }
    try {
      return drawRange(acquired.lease.generator, digits, first, count, label);
    } finally {
      acquired.lease.release();
    }
  };
  return streamSamples(new Uint8Array(), digits.start, digits.n, draw, (samples, first) => renderDigits(context, samples, first));
}

/** What only the model can tell: whether the picture is too large, or its colours cannot be drawn so. */
function checkLook(digits: PinnedDigits, query: DigitQuery, { sampler, name }: Generator): ApiError | undefined {
  const { image } = sampler.manifest;
  const { width, height } = measureSheet(image, digits.n, digits);
  if (digits.format === 'png' && width * height > LIMITS.maxPicturePixels) {
    return { code: 'picture_too_large', width, height, maxPixels: LIMITS.maxPicturePixels };
  }
  if (digits.format === 'svg' && image.channels !== 1) {
    const reason = 'it draws in colour, and outlines are of ink';
    return { code: 'parameter_not_supported', parameter: 'format', received: digits.format, model: name, reason };
  }
  const [parameter, colour] = query.fg === undefined ? (['bg', query.bg] as const) : (['fg', query.fg] as const);
  if (colour !== undefined && image.channels !== 1) {
    const reason = 'it draws in colours of its own';
    return { code: 'parameter_not_supported', parameter, received: formatColour(colour), model: name, reason };
  }
  return undefined;
}

function describeTiming(durations: Readonly<Record<string, number>>): string {
  return Object.entries(durations)
    .map(([name, ms]) => `${name};dur=${ms.toFixed(1)}`)
    .join(', ');
}
