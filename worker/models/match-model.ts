/**
 * Whether a model can draw what was asked for.
 */
import { findClass } from '../../shared/model/classes.ts';
import { formatColour, type Colour } from '../../shared/picture/colour.ts';
import type { ApiError } from '../../shared/contract/errors.ts';
import { pickDigits } from '../../shared/contract/number-text.ts';
import type { Generator } from './sampler-cache.ts';

/**
 * The labels that were asked for: of digits in one hand, or of the one class of all; else none.
 * @param label  A class's name or number.
 * @param hand   Digits that shall be written in one hand, which go before.
 */
export function findAsked(
  label: string | undefined,
  hand: string | undefined,
  generator: Generator,
): Uint8Array | ApiError {
  return hand === undefined
    ? findLabels(label === undefined ? [] : [label], generator)
    : findHand(hand, generator);
}

/** The labels of classes. @param texts  Names or numbers. */
function findLabels(texts: Iterable<string>, { name, sampler }: Generator): Uint8Array | ApiError {
  const { classes } = sampler.manifest;
  const labels: number[] = [];
  for (const text of texts) {
    const found = findClass(classes, text);
    if (found === undefined) {
      return { code: 'label_not_supported', model: name, received: text, classes };
    }
    labels.push(found);
  }
  return Uint8Array.from(labels);
}

/** The labels of digits that shall be written in one hand; signs among them have none. */
function findHand(digits: string, generator: Generator): Uint8Array | ApiError {
  const { name, sampler } = generator;
  if (sampler.manifest.classes.length === 0) {
    const reason = 'it was trained without labels';
    return {
      code: 'parameter_not_supported',
      parameter: 'digits',
      received: digits,
      model: name,
      reason,
    };
  }
  const drawn = pickDigits(digits);
  if (drawn !== digits && sampler.manifest.image.channels !== 1) {
    const reason = 'it draws in colours of its own, and signs are of ink';
    return {
      code: 'parameter_not_supported',
      parameter: 'digits',
      received: digits,
      model: name,
      reason,
    };
  }
  return findLabels(drawn, generator);
}

/** Refuses colours of ink and paper where a model has its own. */
export function checkColours(
  { fg, bg }: { readonly fg: Colour | undefined; readonly bg: Colour | undefined },
  { name, sampler }: Generator,
): ApiError | undefined {
  const [parameter, colour] = fg === undefined ? (['bg', bg] as const) : (['fg', fg] as const);
  if (colour !== undefined && sampler.manifest.image.channels !== 1) {
    const reason = 'it draws in colours of its own';
    return {
      code: 'parameter_not_supported',
      parameter,
      received: formatColour(colour),
      model: name,
      reason,
    };
  }
  return undefined;
}
