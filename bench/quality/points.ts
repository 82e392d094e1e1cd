/**
 * Models as points of the quality-against-milliseconds plot.
 */
import type { RequestTimes } from '../edge-timing.ts';
import type { QualityFigures, QualityTerms } from './figures.ts';

/** Digits a request that are timed. The plot is of `PLOTTED_COUNT`. */
export const COUNTS = [1, 16, 256] as const;
export const PLOTTED_COUNT = 16;
export type Count = (typeof COUNTS)[number];

/** A model: what it costs, and what it is worth. */
export interface QualityPoint {
  /** Unlike every other's. */
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
  readonly times: Readonly<Record<Count, RequestTimes>>;
}

/** All that was measured; what `quality.json` holds. */
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
  /** Requests that each time is taken from, after as many rounds of warming up as blocks. */
  readonly repeats: number;
  /** In the order of their time. */
  readonly points: readonly QualityPoint[];
}

/** Milliseconds within the worker: model at hand, digits drawn and encoded. */
export function computeWorkerMs({ stagesMs: { load, generate, encode } }: RequestTimes): number {
  return load + generate + encode;
}

/** Where a point stands on the plot's axis of time. */
export function getPlottedMs({ times }: QualityPoint): number {
  return computeWorkerMs(times[PLOTTED_COUNT]);
}
