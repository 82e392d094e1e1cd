/**
 * Models as points of the quality-against-milliseconds plot.
 */
import type { RequestTimes } from './request-times.ts';
import type { QualityFigures, QualityTerms } from './figures.ts';

/** Digits a request that are timed. The plot shows PLOTTED_COUNT. */
export const COUNTS = [1, 16, 256] as const;
export const PLOTTED_COUNT = 16;

/** A model: its cost and its quality. */
export interface QualityPoint {
  /** No other point has it. */
  readonly label: string;
  readonly name: string;
  readonly version: string;
  readonly weightsType: string;
  readonly weightsBytes: number;
  readonly parameters: number;
  /** Of one digit. */
  readonly multiplyAccumulates: number;
  readonly figures: QualityFigures;
  /** By the number of digits, as PNG. */
  readonly times: Readonly<Record<(typeof COUNTS)[number], RequestTimes>>;
}

/** The content of docs/quality.json. */
export interface QualityReport {
  readonly schema: 1;
  readonly terms: QualityTerms;
  readonly floorFigures: QualityFigures;
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    readonly node: string;
    readonly platform: string;
  };
  /** Requests behind each time. */
  readonly repeats: number;
  /** The fastest first. */
  readonly points: readonly QualityPoint[];
}

/** Milliseconds within the worker: it gets the model, draws and encodes. */
export function computeWorkerMs({ stagesMs: { load, generate, encode } }: RequestTimes): number {
  return load + generate + encode;
}

/** Where a point stands on the plot's axis of time. */
export function getPlottedMs({ times }: QualityPoint): number {
  return computeWorkerMs(times[PLOTTED_COUNT]);
}
