/**
 * Answers requests for digits, for `/digit` and `/number`.
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
  buildDigitUrl,
  parseDigitQuery,
  pinQuery,
  settleQuery,
  type DigitQuery,
  type Parsed,
  type PinnedDigits,
} from '../../shared/contract/query.ts';
import { measureWidestJoined, writeNumber } from '../../shared/picture/number.ts';
import { measureSheet } from '../../shared/picture/sheet.ts';
import type { AppContext } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import {
  answerDrawing,
  checkColours,
  chooseFormat,
  nameFile,
  refuse,
  streamDrawing,
} from '../drawing.ts';
import { renderDigits } from '../formats/digits.ts';
import { QUERY_ERRORS, WORK_ERRORS, type Operation } from '../http/operation.ts';
import { respondError } from '../http/respond-error.ts';
import type { Generator } from '../models/model-cache.ts';

/** The common part of the operations that `answerDigits` answers. */
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

/** Makes the handler of `/digit` with a format's extension, or without one. */
export function createDigitHandler(dependencies: AppDependencies, extension?: DigitFormat) {
  return (c: AppContext): Promise<Response> =>
    answerDigits(c, dependencies, extension, parseDigitQuery(c.get('url').searchParams));
}

/**
 * Splits the last segment of a path. Its text may hold dots: only a known extension is split off.
 */
export function splitExtension(segment: string): {
  text: string;
  extension: DigitFormat | undefined;
} {
  const dot = segment.lastIndexOf('.');
  const extension = segment.slice(dot + 1);
  return dot >= 0 && Object.hasOwn(DIGIT_FORMATS, extension)
    ? { text: segment.slice(0, dot), extension: extension as DigitFormat }
    : { text: segment, extension: undefined };
}

/**
 * Answers a request for digits.
 *
 * @param extension  The path's extension, which decides the format.
 * @param parsed     The parameters of the query and of the rest of the path.
 */
export async function answerDigits(
  c: AppContext,
  dependencies: AppDependencies,
  extension: DigitFormat | undefined,
  parsed: Parsed<DigitQuery>,
): Promise<Response> {
  if (!parsed.ok) {
    return respondError(c, parsed.error);
  }
  const chosen = chooseFormat(c, DIGIT_FORMATS, extension, parsed.query.format);
  if ('code' in chosen) {
    return respondError(c, chosen);
  }
  const { format } = chosen;
  const settled = settleQuery('digit', parsed.query, format);
  if (!settled.ok) {
    return respondError(c, settled.error);
  }
  const { query } = settled;
  return answerDrawing<PinnedDigits>(c, dependencies, {
    ...chosen,
    query,
    hand: query.number,
    holdsUrls: format === 'json' || format === 'ndjson',
    pin: (model, seed, label) => ({
      ...pinQuery('digit', { ...query, label }, format, model, seed),
      number: query.number,
    }),
    buildUrl: buildDigitUrl,
    check: (digits, generator) => check(digits, query, generator),
    describeContent,
    measureWork(digits, generator) {
      const { width, height } = measureWidest(digits, generator);
      const pixels = format === 'png' ? width * height : 0;
      return { digits: digits.number?.length ?? digits.n, pixels };
    },
    mustDraw: (digits, generator) =>
      checkSize(digits, measureWidest(digits, generator)) !== undefined,
    render(digits, { sampler }, labels, markDrawn) {
      const { seed, start, n: count, number } = digits;
      const context = {
        digits,
        classes: sampler.manifest.classes,
        origin: c.get('url').origin,
        png: c.get('png'),
      };
      if (number !== undefined) {
        const hand = sampler.drawHand({ seed, start, labels });
        const samples = writeNumber(number, hand, digits);
        markDrawn();
        const error = checkSize(digits, measureSheet(samples, 1, digits));
        return error ?? renderDigits(context, samples, start);
      }
      const [label] = labels;
      if (format === 'ndjson') {
        return streamDrawing(c, dependencies, digits, label, new Uint8Array(), (part, first) =>
          renderDigits(context, part, first),
        );
      }
      const chosenLabel = label === undefined ? {} : { label };
      const samples = sampler.draw({ seed, start, count, ...chosenLabel });
      markDrawn();
      return renderDigits(context, samples, start);
    },
  });
}

type Size = { readonly width: number; readonly height: number };

/** Measures the picture. A number's digits decide its width, so this is the widest it can be. */
function measureWidest(digits: PinnedDigits, { sampler }: Generator): Size {
  const { image } = sampler.manifest;
  const { number, n } = digits;
  const sample = number === undefined ? image : measureWidestJoined(image, number.length);
  return measureSheet(sample, n, digits);
}

function checkSize({ format }: PinnedDigits, { width, height }: Size): ApiError | undefined {
  return format === 'png' && width * height > LIMITS.maxPicturePixels
    ? { code: 'picture_too_large', width, height, maxPixels: LIMITS.maxPicturePixels }
    : undefined;
}

/** Returns the reason why a model cannot draw digits in this look and size. */
function check(
  digits: PinnedDigits,
  query: DigitQuery,
  generator: Generator,
): ApiError | undefined {
  if (digits.format === 'svg' && generator.sampler.manifest.image.channels !== 1) {
    return refuse('format', 'svg', generator.name, 'it draws in colour, and outlines are of ink');
  }
  const error = checkColours(query, generator);
  // The size of a number is known when its digits are drawn.
  return error !== undefined || digits.number !== undefined
    ? error
    : checkSize(digits, measureWidest(digits, generator));
}

/** For a picture that is opened as a document: its style element serves the dark scheme. */
const SVG_POLICY = "default-src 'none'; style-src 'unsafe-inline'";

function describeContent(digits: PinnedDigits): Record<string, string> {
  const { format, number, seed, start, n } = digits;
  const mediaType = DIGIT_FORMATS[format];
  const prefix = number === undefined ? '' : `${number.replaceAll(' ', '_')}-`;
  const name = nameFile(prefix, seed, start, n, format);
  return {
    'Content-Type': mediaType === 'text/plain' ? `${mediaType}; charset=utf-8` : mediaType,
    'Content-Disposition': `inline; filename="${name}"`,
    ...(format === 'svg' && { 'Content-Security-Policy': SVG_POLICY }),
  };
}
