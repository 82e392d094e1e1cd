/**
 * The serving model as the page at `/` uses it.
 */
import type { Colour } from '../../../shared/picture/colour.ts';
import type { Manifest } from '../../../shared/model/artifact.ts';
import type { GeneratorPlan } from '../../../shared/model/generator.ts';

/** The page's own ink, in its light and its dark scheme: see page/style/base.css. */
export const INK: Colour = [0x1d, 0x24, 0x30, 255];
export const DARK_INK: Colour = [0xe8, 0xea, 0xee, 255];

export interface ModelView {
  readonly manifest: Manifest;
  readonly plan: GeneratorPlan;
  /** `r2` for a published model, `bundled` for the one inside the worker. */
  readonly source: string;
}

/** Whether the classes include every digit, so that numbers can be written. */
export function hasDigits(classes: readonly string[]): boolean {
  return [...'0123456789'].every((digit) => classes.includes(digit));
}

/** A picture's description. Only the model's name says what it shows. */
export function describePicture({ manifest }: ModelView): string {
  return `${manifest.name}, made by a neural network`;
}
