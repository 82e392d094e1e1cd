/**
 * `npm run trainer -- report`: makes the report of a run, one HTML page, out of what its folder holds. It may be under way.
 */
import { basename, resolve } from 'node:path';
import { Command } from 'commander';
import { writeAtomically } from '../../storage/files.ts';
import { buildReport } from '../run/report/page.ts';
import { loadGrids, loadMetrics, loadRunOptions, loadSessions, locate } from '../run/run-folder.ts';

interface ReportFlags {
  readonly run: string;
}

/** Builds the command. */
export function buildReportCommand(): Command {
  return new Command('report')
    .description(
      'Makes the report of a run: curves, pictures, warnings and settings on one HTML page.',
    )
    .requiredOption('--run <folder>', "the run's folder; it may be under way")
    .action(async ({ run }: ReportFlags) => {
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
  const [options, sessions, metrics, grids] = await Promise.all([
    loadRunOptions(folder, '--run'),
    loadSessions(folder),
    loadMetrics(folder),
    loadGrids(folder),
  ]);
  const { report } = locate(folder);
  await writeAtomically(
    report,
    buildReport({ name: basename(resolve(folder)), options, sessions, metrics, grids }),
  );
  return report;
}
