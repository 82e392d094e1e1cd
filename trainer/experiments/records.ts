/**
 * The records of finished runs, kept beside the document: a small JSON file and a grid each.
 */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeAtomically } from '../../storage/files.ts';
import { loadResult, locateExperiment, saveResult, type ExperimentResult } from './result.ts';

/** Where records are kept in the documents' folder. */
const RECORDS_FOLDER = join('experiments', 'runs');

/**
 * Copies the results of finished runs to the records. Other records stay.
 *
 * @param runs  The folder of the runs' folders; may be missing.
 * @param docs  The documents' folder.
 * @returns     The number of copied results.
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

/**
 * Reads all records, in the order of their names.
 *
 * @throws ExperimentResultError  When one cannot be read.
 */
export async function loadRecords(docs: string): Promise<ExperimentResult[]> {
  const records = join(docs, RECORDS_FOLDER);
  const names = existsSync(records)
    ? (await readdir(records)).filter((name) => name.endsWith('.json')).sort()
    : [];
  const loaded = await Promise.all(names.map((name) => loadResult(join(records, name))));
  return loaded.filter((result) => result !== null);
}

/** Makes the document from the records. @returns  Its path. */
export async function saveDocument(docs: string): Promise<string> {
  // Loaded only here: charts take a quarter of a second to load.
  const { buildDocument } = await import('./document.ts');
  for (const [name, text] of await buildDocument(await loadRecords(docs))) {
    await mkdir(dirname(join(docs, name)), { recursive: true });
    await writeAtomically(join(docs, name), text);
  }
  return join(docs, 'experiments.md');
}
