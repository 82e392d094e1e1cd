/**
 * A run's log for TensorBoard: a folder with one event file for each start or resumption.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { appendToLog, writeAtomically } from '../../../storage/files.ts';
import type { MetricsLine } from './metrics.ts';
import { encodeEvent, encodeHead, trimEvents, type EventImage } from './tensorboard.ts';

/** The figure of each tag. TensorBoard groups tags by the part before the slash. */
const TAGS = {
  'loss/discriminator': 'discriminatorLoss',
  'loss/generator': 'generatorLoss',
  'gradient_norm/discriminator': 'discriminatorGradientNorm',
  'gradient_norm/generator': 'generatorGradientNorm',
  'penalty/r1': 'r1',
  'penalty/r2': 'r2',
  'samples/diversity': 'diversity',
  'schedule/learning_rate_factor': 'learningRateFactor',
  'speed/images_per_second': 'imagesPerSecond',
  'memory/tensors': 'tensors',
  'memory/resident_bytes': 'residentBytes',
} as const satisfies Record<string, keyof MetricsLine>;

const GRID_TAG = 'samples/grid';
/** TensorBoard looks for names with "tfevents". */
const PREFIX = 'events.out.tfevents.';

/**
 * Opens the log of a run that starts or goes on at `step`. It removes this step and later ones, so
 * that no step is logged twice.
 *
 * @param folder  Created if missing.
 * @param clock   Milliseconds since 1970.
 */
export async function openEventLog(
  folder: string,
  step: number,
  clock: () => number = Date.now,
): Promise<{ append(line: MetricsLine, grid: EventImage | null): Promise<void> }> {
  await mkdir(folder, { recursive: true });
  for (const name of (await readdir(folder)).filter((file) => file.startsWith(PREFIX))) {
    const path = join(folder, name);
    const bytes = await readFile(path);
    const kept = trimEvents(bytes, step);
    if (kept === null) {
      await rm(path);
    } else if (kept.length < bytes.length) {
      await writeAtomically(path, kept);
    }
  }
  const path = chooseName(folder, clock());
  await appendToLog(path, encodeHead({ wallTimeMs: clock(), step }));
  return {
    append(line, grid) {
      const scalars = Object.entries(TAGS).flatMap(([tag, figure]) =>
        line[figure] === undefined ? [] : [[tag, line[figure]]],
      );
      const event = {
        wallTimeMs: clock(),
        step: line.step,
        scalars: Object.fromEntries(scalars),
        images: grid === null ? {} : { [GRID_TAG]: grid },
      };
      return appendToLog(path, encodeEvent(event));
    },
  };
}

/**
 * TensorBoard reads files in the order of their names, which by custom start with seconds since
 * 1970.
 */
function chooseName(folder: string, nowMs: number): string {
  for (let seconds = Math.floor(nowMs / 1000); ; seconds++) {
    const path = join(folder, `${PREFIX}${String(seconds).padStart(10, '0')}.digitmint`);
    if (!existsSync(path)) {
      return path;
    }
  }
}
