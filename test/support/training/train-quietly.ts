/** Runs a whole training without output, in its own run folder. */
import { hashDataset, type Dataset } from '../../../trainer/data/dataset.ts';
import type { TrainingConfig } from '../../../trainer/gan/preset.ts';
import { SILENT_REPORTER, type Reporter } from '../../../trainer/run/log/reporter.ts';
import { createRunFolder, hashRun } from '../../../trainer/run/run-folder.ts';
import { runTraining, type TrainingResult } from '../../../trainer/run/training-loop.ts';

/**
 * Trains from the start on the current backend.
 * @param folder  Is created.
 * @param watch  Receives the run's events.
 */
export async function trainQuietly(
  folder: string,
  config: TrainingConfig,
  dataset: Dataset,
  watch: Partial<Reporter> = {},
  assureFolder?: () => Promise<void>,
  clock?: () => number,
): Promise<TrainingResult> {
  const record = {
    config,
    dataset: { name: dataset.name, images: dataset.count, sha256: hashDataset(dataset) },
  };
  await createRunFolder(folder, record);
  return runTraining({
    config,
    dataset,
    runSha256: hashRun(record),
    folder,
    checkpoint: null,
    reporter: { ...SILENT_REPORTER, ...watch },
    signal: new AbortController().signal,
    ...(assureFolder && { assureFolder }),
    ...(clock && { clock }),
  });
}
