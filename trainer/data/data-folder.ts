/** The training data of `--data`: each layout of a folder has a reader. */
import { readdir } from 'node:fs/promises';
import { DatasetError, type LoadedDataset, type LoadWatcher } from './dataset.ts';
import { isIdxFileName, loadIdxFolder } from './idx.ts';
import { loadPngFolder } from './png-folder.ts';

/** Reads one layout of a folder. */
interface DataReader {
  /** Recognises the layout by the names in the folder. */
  readonly fits: (names: readonly string[]) => boolean;
  readonly load: (folder: string, watcher: LoadWatcher) => Promise<LoadedDataset>;
}

/** The first reader that fits a folder loads it. Add a layout here. */
const READERS: readonly DataReader[] = [
  {
    fits: (names) => names.some(isIdxFileName),
    load: async (folder) => ({ dataset: await loadIdxFolder(folder, 'train'), notes: [] }),
  },
  // Last: it says what was expected when the folder has no known layout.
  { fits: () => true, load: loadPngFolder },
];

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
  const reader = READERS.find(({ fits }) => fits(names)) as DataReader;
  return reader.load(folder, watcher);
}
