/**
 * Whether a model can draw what was asked for.
 */
import { findClass } from '../shared/classes.ts';
import { formatColour, type Colour } from '../shared/colour.ts';
import type { ApiError } from '../shared/contract/errors.ts';
import type { Generator } from './sampler-cache.ts';

/** The labels of classes. @param texts  Names or numbers. */
export function findLabels(texts: Iterable<string>, { name, sampler }: Generator): Uint8Array | ApiError {
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

/** The labels of digits that shall be written in one hand. */
export function findHand(digits: string, generator: Generator): Uint8Array | ApiError {
  const { name, sampler } = generator;
  if (sampler.manifest.classes.length === 0) {
    const reason = 'it was trained without labels';
    return { code: 'parameter_not_supported', parameter: 'digits', received: digits, model: name, reason };
  }
  return findLabels(digits, generator);
}

/** Refuses colours of ink and paper where a model has its own. */
export function checkColours(
  { fg, bg }: { readonly fg: Colour | undefined; readonly bg: Colour | undefined },
  { name, sampler }: Generator,
): ApiError | undefined {
  const [parameter, colour] = fg === undefined ? (['bg', bg] as const) : (['fg', fg] as const);
  if (colour !== undefined && sampler.manifest.image.channels !== 1) {
    const reason = 'it draws in colours of its own';
    return { code: 'parameter_not_supported', parameter, received: formatColour(colour), model: name, reason };
  }
  return undefined;
}
