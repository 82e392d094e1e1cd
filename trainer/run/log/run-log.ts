/**
 * All that a run writes down while it trains: figures as JSON lines and for TensorBoard, pictures, and the warnings that
 * the figures give rise to.
 */
import type { Samples } from '../../../shared/model/sampler.ts';
import { buildSheet, encodePng } from '../../../shared/picture/sheet.ts';
import { openEventLog } from './event-log.ts';
import { pngEncoder } from '../../node-kernels.ts';
import type { MetricsLine, Warning } from './metrics.ts';
import { appendMetrics, loadMetrics, locate, saveGrid } from '../run-folder.ts';
import { GRID } from '../sample-grid.ts';
import { findWarnings } from './warnings.ts';

/** A line before the log adds what it knows from the lines before. */
export type MetricsEntry = Omit<MetricsLine, 'imagesPerSecond' | 'seconds' | 'warnings'>;

/** What a step hands to the log. */
export interface LogEntry {
  readonly figures: MetricsEntry;
  /** Of this start or resumption so far. */
  readonly elapsedMs: number;
  /** Samples to save as a picture; null for none. */
  readonly grid: Samples | null;
  /** Why the run ends here, when it goes wrong beyond repair; null otherwise. */
  readonly failure: Warning | null;
}

/** Where a run's figures go. */
export interface RunLog {
  /** @returns  The warnings that this step raised first. */
  record(entry: LogEntry): Promise<readonly Warning[]>;
}

/**
 * Opens the log of a run's folder.
 *
 * @param firstStep  Where the run starts or goes on. metrics.jsonl holds earlier steps only: see `reopenRunFolder`.
 */
export async function openRunLog(
  folder: string,
  { firstStep, batchSize }: { firstStep: number; batchSize: number },
): Promise<RunLog> {
  const history = await loadMetrics(folder);
  const events = await openEventLog(locate(folder).events, firstStep);
  const secondsBefore = history.at(-1)?.seconds ?? 0;
  let last = { seconds: secondsBefore, imagesSeen: firstStep * batchSize };
  return {
    async record({ figures, elapsedMs, grid, failure }) {
      const seconds = secondsBefore + elapsedMs / 1000;
      const imagesPerSecond =
        (figures.imagesSeen - last.imagesSeen) / Math.max(1e-3, seconds - last.seconds);
      const line: MetricsLine = { ...figures, imagesPerSecond, seconds };
      last = { seconds, imagesSeen: figures.imagesSeen };
      const raised = failure === null ? findWarnings([...history, line]) : [failure];
      const whole: MetricsLine = raised.length === 0 ? line : { ...line, warnings: [...raised] };
      history.push(whole);
      const sheet = grid && buildSheet(grid, GRID.layout);
      const png = sheet && encodePng(pngEncoder, sheet);
      if (png !== null) {
        await saveGrid(folder, figures.step, png);
      }
      await appendMetrics(folder, whole);
      await events.append(whole, sheet && png && { ...sheet, png });
      return raised;
    },
  };
}
