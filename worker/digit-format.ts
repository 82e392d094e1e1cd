/**
 * Which format an answer has: what the path, the query and Accept say of it.
 */
import { DIGIT_FORMATS, type DigitFormat, type DigitQuery } from '../shared/contract/digit-query.ts';
import type { ApiError } from '../shared/contract/errors.ts';
import { chooseMediaType } from './negotiate.ts';

/** Extension, then `format=`, then Accept. */
export function chooseFormat(
  query: DigitQuery,
  extension: DigitFormat | undefined,
  accept: string | undefined,
): DigitFormat | ApiError {
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

/** Parts the last segment of a path, whose text may hold dots itself: only a format's own extension is one. */
export function splitExtension(segment: string): { text: string; extension: DigitFormat | undefined } {
  const dot = segment.lastIndexOf('.');
  const extension = segment.slice(dot + 1);
  return dot >= 0 && Object.hasOwn(DIGIT_FORMATS, extension)
    ? { text: segment.slice(0, dot), extension: extension as DigitFormat }
    : { text: segment, extension: undefined };
}
