/** The training data of `--data`: file names choose the reader of a folder's layout. */
import { readdir } from 'node:fs/promises';
import { DatasetError, type LoadedDataset, type LoadWatcher } from './dataset.ts';
import { IDX_FILE_NAME, loadIdxFolder } from './idx.ts';
import { loadPngFolder } from './png-folder.ts';

/**
 * Loads the training data of a folder.
 * @throws DatasetError  When there is no such folder, or its content cannot be trained on.
 */
export async function loadDataFolder(
  folder: string,
  watcher: LoadWatcher = {},
): Promise<LoadedDataset> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    const reasons: Record<string, string> = {
      ENOENT: 'no such folder',
      ENOTDIR: 'is a file, expected a folder',
    };
    const reason = reasons[cause.code ?? ''] ?? `cannot be read (${cause.code})`;
    throw new DatasetError(`--data ${folder}: ${reason}`, { cause });
  });
  if (names.some((name) => IDX_FILE_NAME.test(name))) {
    return { dataset: await loadIdxFolder(folder, 'train'), notes: [] };
  }
  // Last: it says what was expected when the folder has no known layout.
  return loadPngFolder(folder, watcher);
}
