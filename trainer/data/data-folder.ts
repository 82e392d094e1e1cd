/**
 * What `--data` names: a folder of IDX files or of PNG pictures, told apart by what lies in it.
 */
import { readdir } from 'node:fs/promises';
import { DatasetError } from './dataset.ts';
import { isIdxFileName, loadIdxFolder } from './idx.ts';
import { loadPngFolder, type LoadedFolder, type PngFolderWatcher } from './png-folder.ts';

/**
 * Loads the training part of a folder.
 *
 * @throws DatasetError  When there is no such folder, or what it holds cannot be trained on.
 */
export async function loadDataFolder(
  folder: string,
  watcher: PngFolderWatcher = {},
): Promise<LoadedFolder> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reasons: Record<string, string> = {
      ENOENT: 'no such folder',
      ENOTDIR: 'is a file, expected a folder',
    };
    throw new DatasetError(
      `--data ${folder}: ${reasons[code ?? ''] ?? `cannot be read (${code})`}`,
      { cause },
    );
  }
  return names.some(isIdxFileName)
    ? { dataset: await loadIdxFolder(folder, 'train'), notes: [] }
    : await loadPngFolder(folder, watcher);
}
