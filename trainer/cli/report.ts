/**
 * `npm run trainer -- report`: writes the report of a run, which may be under way.
 */
import { basename, resolve } from 'node:path';
import { Command } from 'commander';
import { writeAtomically } from '../../storage/files.ts';
import { loadGrids, loadMetrics, loadRunOptions, loadSessions, locate } from '../run/run-folder.ts';

/** Builds the command. */
export function buildReportCommand(): Command {
  return new Command('report')
    .description(
      'Makes the report of a run: curves, pictures, warnings and settings on one HTML page.',
    )
    .requiredOption('--run <folder>', "the run's folder; it may be under way")
    .action(async ({ run }: { run: string }) => {
      console.log(await saveReport(run));
    });
}

/**
 * Writes a run's report.html.
 *
 * @returns                Its path.
 * @throws RunFolderError  When the folder holds no run.
 */
export async function saveReport(folder: string): Promise<string> {
  // Loaded only here: charts take a quarter of a second to load.
  const { buildReport } = await import('../run/report/page.ts');
  const [options, sessions, metrics, grids] = await Promise.all([
    loadRunOptions(folder, '--run'),
    loadSessions(folder),
    loadMetrics(folder),
    loadGrids(folder),
  ]);
  const name = basename(resolve(folder));
  const { report } = locate(folder);
  await writeAtomically(report, await buildReport({ name, options, sessions, metrics, grids }));
  return report;
}
