/**
 * The way of a request for digits: parsed, pinned to a model and a seed, answered from the caller's
 * copy where that is known to be current, drawn and rendered else.
 */
import * as z from 'zod';
import {
  digitSchema,
  digitsSchema,
  packedDigitSchema,
  packedDigitsSchema,
} from '../../shared/contract/answers.ts';
import type { ApiError } from '../../shared/contract/errors.ts';
import { DIGIT_FORMATS, type DigitFormat } from '../../shared/contract/formats.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import {
  pinQuery,
  settleQuery,
  type DigitQuery,
  type Parsed,
  type PinnedDigits,
} from '../../shared/contract/query.ts';
import { measureWidestJoined, writeNumber } from '../../shared/picture/number.ts';
import { measureSheet } from '../../shared/picture/sheet.ts';
import { admit, type Work } from '../http/admit.ts';
import type { AppContext, AppDependencies } from '../context.ts';
import { chooseFormat } from '../formats/digit-format.ts';
import { describeContent, describeDigits, describeTiming } from '../formats/digit-headers.ts';
import { createPartDrawer } from '../formats/draw-parts.ts';
import { hasCurrent, HEADERS } from '../http/headers.ts';
import { checkColours, findAsked } from '../models/match-model.ts';
import { QUERY_ERRORS, WORK_ERRORS, type Operation } from '../http/operation.ts';
import { renderDigits, type RenderContext } from '../formats/digits.ts';
import { streamSamples } from '../formats/sample-stream.ts';
import { respondError } from '../http/respond-error.ts';
import type { Generator } from '../models/sampler-cache.ts';
import { answerCurrent, withModel } from '../models/with-model.ts';

/** What every route says that `answerDigits` answers. */
export const DIGITS_ANSWER = {
  kind: 'api',
  conditional: true,
  answers: {
    [DIGIT_FORMATS.png]: 'bytes',
    [DIGIT_FORMATS.json]: z.union([digitsSchema, packedDigitsSchema]),
    [DIGIT_FORMATS.svg]: 'text',
    [DIGIT_FORMATS.txt]: 'text',
    [DIGIT_FORMATS.npy]: 'bytes',
    [DIGIT_FORMATS.ndjson]: z.union([digitSchema, packedDigitSchema]),
  },
  errors: [
    ...QUERY_ERRORS,
    'label_not_supported',
    'parameter_not_supported',
    'parameter_without_effect',
    'picture_too_large',
    'model_not_found',
    'not_acceptable',
    ...WORK_ERRORS,
  ],
} as const satisfies Partial<Operation>;

/**
 * Answers a request for digits.
 *
 * @param extension  The path's, which decides the format.
 * @param parsed     What the query and the rest of the path say.
 */
export async function answerDigits(
  c: AppContext,
  dependencies: AppDependencies,
  extension: DigitFormat | undefined,
  parsed: Parsed<DigitQuery>,
): Promise<Response> {
  const { drawSeed, clock } = dependencies;
  if (!parsed.ok) {
    return respondError(c, parsed.error);
  }
  const format = chooseFormat(
    DIGIT_FORMATS,
    extension,
    parsed.query.format,
    c.req.header('accept'),
  );
  if (typeof format !== 'string') {
    return respondError(c, format);
  }
  const settled = settleQuery('digit', parsed.query, format);
  if (!settled.ok) {
    return respondError(c, settled.error);
  }
  const { query } = settled;
  const { origin } = new URL(c.req.url);
  const negotiated = extension === undefined && query.format === undefined;

  const current = answerCurrent(c, query, (model, seed) =>
    describeDigits(pinDigits(query, format, model, seed), query, origin, negotiated),
  );
  if (current !== undefined) {
    return current;
  }

  const began = clock();
  return withModel(c, dependencies, query.model, (generator) => {
    const { classes, image } = generator.sampler.manifest;
    const labels = findAsked(query.label, query.number, generator);
    if ('code' in labels) {
      return respondError(c, labels);
    }
    const [label] = query.label === undefined ? [] : labels;
    const named = { ...query, label: label === undefined ? undefined : classes[label] };
    const digits = pinDigits(named, format, generator, query.seed ?? drawSeed());
    const error =
      checkLook(digits, query, generator) ??
      (digits.number === undefined ? checkSize(digits, image) : undefined);
    if (error !== undefined) {
      return respondError(c, error);
    }
    const headers: Record<string, string> = {
      ...describeDigits(digits, query, origin, negotiated),
      [HEADERS.modelSource]: generator.origin,
    };
    if (hasCurrent(c, headers['ETag'])) {
      return c.body(null, 304, headers);
    }
    const context = { digits, classes, origin, png: c.get('png') };
    const content = { ...headers, ...describeContent(digits) };
    // HEAD is spared the drawing: its answer may lack what only the content tells (RFC 9110,
    // section 9.3.2), the length.
    if (c.req.method === 'HEAD' && checkSize(digits, measureWidest(digits, image)) === undefined) {
      return c.body(null, 200, content);
    }
    return admit(c, dependencies, measureWork(digits, measureWidest(digits, image)), () => {
      if (format === 'ndjson' && digits.number === undefined) {
        return c.body(streamDigits(c, dependencies, context, label), 200, content);
      }
      const loaded = clock();
      const samples =
        digits.number === undefined
          ? generator.sampler.draw({
              seed: digits.seed,
              start: digits.start,
              count: digits.n,
              ...(label !== undefined && { label }),
            })
          : writeNumber(
              digits.number,
              generator.sampler.drawHand({ seed: digits.seed, start: digits.start, labels }),
              digits,
            );
      const drawn = clock();
      // Of a number only its digits tell how wide it is.
      const tooLarge = checkSize(digits, samples);
      if (tooLarge !== undefined) {
        return respondError(c, tooLarge);
      }
      const body = renderDigits(context, samples, digits.start);
      return c.body(body, 200, {
        ...content,
        'Content-Length': String(body.length),
        'Server-Timing': describeTiming({
          load: loaded - began,
          generate: drawn - loaded,
          encode: clock() - drawn,
        }),
      });
    });
  });
}

function pinDigits(
  query: DigitQuery,
  format: DigitFormat,
  model: { name: string; version: string },
  seed: string,
): PinnedDigits {
  return { ...pinQuery('digit', query, format, model, seed), number: query.number };
}

/** Streams digits a line each. */
function streamDigits(
  c: AppContext,
  dependencies: AppDependencies,
  context: RenderContext,
  label: number | undefined,
): ReadableStream {
  const { model, seed, start, n } = context.digits;
  const draw = createPartDrawer(c, dependencies, { model, seed, label });
  return streamSamples(new Uint8Array(), start, n, draw, (samples, first) =>
    renderDigits(context, samples, first),
  );
}

type Size = { readonly width: number; readonly height: number };

/** The size of a sample; of a number what it has at most. */
function measureWidest({ number }: PinnedDigits, image: Size): Size {
  return number === undefined ? image : measureWidestJoined(image, number.length);
}

/** What drawing takes. @param sample  A model's image, or a number's. */
function measureWork(digits: PinnedDigits, sample: Size): Work {
  const { width, height } = measureSheet(sample, digits.n, digits);
  return {
    digits: digits.number?.length ?? digits.n,
    pixels: digits.format === 'png' ? width * height : 0,
  };
}

/** @param sample  A model's image, or a number's. */
function checkSize(digits: PinnedDigits, sample: Size): ApiError | undefined {
  const { width, height } = measureSheet(sample, digits.n, digits);
  return digits.format === 'png' && width * height > LIMITS.maxPicturePixels
    ? { code: 'picture_too_large', width, height, maxPixels: LIMITS.maxPicturePixels }
    : undefined;
}

/** Whether a model's colours can be drawn so. */
function checkLook(
  digits: PinnedDigits,
  query: DigitQuery,
  generator: Generator,
): ApiError | undefined {
  const { name, sampler } = generator;
  if (digits.format === 'svg' && sampler.manifest.image.channels !== 1) {
    const reason = 'it draws in colour, and outlines are of ink';
    return {
      code: 'parameter_not_supported',
      parameter: 'format',
      received: digits.format,
      model: name,
      reason,
    };
  }
  return checkColours(query, generator);
}
