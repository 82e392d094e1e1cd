/**
 * What the page at `/` knows of the model that serves.
 */
import type { Manifest } from '../../../shared/artifact.ts';
import type { GeneratorPlan } from '../../../shared/generator.ts';

export interface ModelView {
  readonly manifest: Manifest;
  readonly plan: GeneratorPlan;
  /** `r2` for a published model, `bundled` for the one inside the worker. */
  readonly source: string;
}

/** A picture's description: what it shows only the model's name tells. */
export function describePicture({ manifest }: ModelView): string {
  return `${manifest.name}, made by a neural network`;
}
