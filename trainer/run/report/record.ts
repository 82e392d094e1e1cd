/** Reads the records of runs and writes their pages: a report of one, or a comparison. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { MANIFEST_FILE, nameVersion, parseManifest } from '../../../shared/model/artifact.ts';
import { recover, writeAtomically } from '../../../storage/files.ts';
import { loadQuality } from '../../evaluation/saved-quality.ts';
import { thinMetrics } from '../log/metrics.ts';
import { loadGrids, loadMetrics, loadRunOptions, loadSessions, locate } from '../run-folder.ts';
import type { RunRecord } from './page.ts';

/** @throws ExpectedError */
async function loadRecord(folder: string): Promise<RunRecord> {
  const options = await loadRunOptions(folder, 'report');
  const grids = await loadGrids(folder);
  return {
    name: basename(resolve(folder)),
    model: await loadModelName(folder),
    options,
    quality: await loadQuality(folder),
    sessions: await loadSessions(folder),
    metrics: thinMetrics(await loadMetrics(folder), new Set(grids.map(({ step }) => step))),
    grids,
    writtenAt: new Date().toISOString(),
    contactSheet:
      (await recover(readFile(locate(folder).contactSheet), ['ENOENT'], null)) ?? undefined,
  };
}

/** Finds the name and version of a run's model; undefined before it is exported. */
async function loadModelName(folder: string): Promise<string | undefined> {
  const path = join(locate(folder).model, MANIFEST_FILE);
  const bytes = await recover(readFile(path), ['ENOENT'], null);
  return bytes === null
    ? undefined
    : nameVersion(parseManifest(bytes, { inAnyForm: true }).manifest);
}

/** Writes a run's report.html. @returns  Its path. @throws ExpectedError */
export async function saveReport(folder: string): Promise<string> {
  // Loaded only here: charts take a quarter of a second to load.
  const { buildReport } = await import('./page.ts');
  const { report } = locate(folder);
  await writeAtomically(report, await buildReport(await loadRecord(folder)));
  return report;
}

/**
 * Writes the comparison of at least two runs.
 * @param out  Default: `comparison.html` beside the first run.
 * @returns    Its path.
 * @throws ExpectedError
 */
export async function saveComparison(folders: readonly string[], out?: string): Promise<string> {
  const { buildComparison } = await import('./comparison.ts');
  const paths = folders.map((folder) => resolve(folder));
  const repeated = folders.find((_, i) => paths.indexOf(paths[i] as string) !== i);
  if (repeated !== undefined) {
    throw new ExpectedError(`report ${repeated}: is given twice`);
  }
  const records = await Promise.all(folders.map(loadRecord));
  const path = out ?? join(dirname(paths[0] as string), 'comparison.html');
  await writeAtomically(path, await buildComparison(records));
  return path;
}
