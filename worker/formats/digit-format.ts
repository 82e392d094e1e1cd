/**
 * Which format an answer has: what the path, the query and Accept say of it.
 */
import { DIGIT_FORMATS, type DigitFormat } from '../../shared/contract/formats.ts';
import type { ApiError } from '../../shared/contract/errors.ts';
import { chooseMediaType } from '../http/negotiate.ts';

/**
 * Extension, then `format=`, then Accept.
 *
 * @param formats  The media types that there are, by format, in the order of preference.
 * @param asked    What `format=` says.
 */
export function chooseFormat<F extends string>(
  formats: Readonly<Record<F, string>>,
  extension: F | undefined,
  asked: F | undefined,
  accept: string | undefined,
): F | ApiError {
  if (extension !== undefined && asked !== undefined && asked !== extension) {
    return {
      code: 'invalid_parameter',
      parameter: 'format',
      received: asked,
      expected: `${extension}, as the path says, or no format at all`,
    };
  }
  const told = extension ?? asked;
  if (told !== undefined) {
    return told;
  }
  const available: string[] = Object.values(formats);
  const mediaType = chooseMediaType(accept, available);
  const format = (Object.keys(formats) as F[]).find((key) => formats[key] === mediaType);
  return format ?? { code: 'not_acceptable', accept: accept ?? '', available };
}

/** Parts the last segment of a path, whose text may hold dots itself: only a format's own extension is one. */
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
