/**
 * The records that the document is made of, kept beside it: of each finished run its small JSON and its grid.
 */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeAtomically } from '../../storage/files.ts';
import { loadResult, locateExperiment, saveResult, type ExperimentResult } from './result.ts';

/** Where records are kept under the documents' folder. */
export const RECORDS_FOLDER = join('experiments', 'runs');

/**
 * Copies what finished runs left behind to the records. Records of runs that are not there stay.
 *
 * @param runs  The folder of the runs' folders; may be missing.
 * @param docs  The documents' folder.
 * @returns     How many were copied.
 */
export async function collectRecords(runs: string, docs: string): Promise<number> {
  const names = existsSync(runs) ? (await readdir(runs)).sort() : [];
  const records = join(docs, RECORDS_FOLDER);
  await mkdir(records, { recursive: true });
  let count = 0;
  for (const name of names) {
    const paths = locateExperiment(join(runs, name));
    const result = await loadResult(paths.result);
    if (result !== null) {
      const path = join(records, `${result.arm}-${result.seed}`);
      await saveResult(`${path}.json`, result);
      await copyFile(paths.grid, `${path}.png`);
      count++;
    }
  }
  return count;
}

/** Reads all records, by the order of their names. @throws ExperimentResultError  When one cannot be read. */
export async function loadRecords(docs: string): Promise<ExperimentResult[]> {
  const records = join(docs, RECORDS_FOLDER);
  const names = existsSync(records)
    ? (await readdir(records)).filter((name) => name.endsWith('.json')).sort()
    : [];
  const loaded = await Promise.all(names.map((name) => loadResult(join(records, name))));
  return loaded.filter((result) => result !== null);
}

/** Makes the document of the records. @returns  Its path. */
export async function saveDocument(docs: string): Promise<string> {
  // Loaded only here: charts take a quarter of a second to load.
  const { buildDocument } = await import('./document.ts');
  for (const [name, text] of await buildDocument(await loadRecords(docs))) {
    await mkdir(dirname(join(docs, name)), { recursive: true });
    await writeAtomically(join(docs, name), text);
  }
  return join(docs, 'experiments.md');
}
