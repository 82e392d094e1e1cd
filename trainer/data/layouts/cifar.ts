/** CIFAR-10 and CIFAR-100 as published: the binary version, and the pickles for Python. */
import { ExpectedError } from '../../../shared/expected-error.ts';
import { findBytes, readPickle } from '../pickle.ts';
import { MAX_ARRAY_BYTES } from '../array-file.ts';
import { listPictures, type PictureRows } from './arrays.ts';
import { nameSome, within, type Source } from './source.ts';
import { folderOf, readFile, type Tree, type TreeFile } from './tree.ts';

const NAMES = /(?:^|\/)(?:batches\.meta(?:\.txt)?|meta|fine_label_names\.txt)$/;
const BATCH = /(?:^|\/)(?:(data_batch_\d+|train)|(test(?:_batch)?))(?:\.bin)?$/;
/** A picture has 32 rows of 32 red values, then the green ones, then the blue ones. */
const [SIDE, PIXELS] = [32, 3072];

/** The files that name the classes, one of each set; none: the files are not those of CIFAR. */
function findNames({ files }: Tree): TreeFile[] {
  return files.filter(
    ({ path }) =>
      NAMES.test(path) &&
      files.some((file) => BATCH.test(file.path) && folderOf(file.path) === folderOf(path)),
  );
}

export function isCifar(tree: Tree): boolean {
  return findNames(tree).length > 0;
}

/**
 * Reads the one set that there is. Training does without the test file.
 * @throws ExpectedError  When there are several sets, or a file is damaged.
 */
export async function readCifar(tree: Tree, part: 'train' | 'test'): Promise<Source> {
  const names = findNames(tree);
  const folders = [...new Set(names.map(({ path }) => folderOf(path)))];
  if (folders.length > 1) {
    throw new ExpectedError(`holds several sets of CIFAR: give one of ${nameSome(folders)}`);
  }
  const [listing] = names as [TreeFile];
  const [folder = ''] = folders;
  const batches = tree.files.filter(({ path }) => folderOf(path) === folder && BATCH.test(path));
  const isHundred = !listing.path.includes('batches.meta');
  const sets: PictureRows[] = [];
  const notes: string[] = [];
  for (const file of batches) {
    const split = BATCH.exec(file.path)?.[2] === undefined ? 'train' : 'test';
    try {
      const { images, labels } = await inFile(file, (content) =>
        file.path.endsWith('.bin') ? readBinary(content, isHundred) : readPython(content),
      );
      sets.push({
        name: file.path,
        array: { format: 'CIFAR', shape: [labels.length, 3, SIDE, SIDE], values: images },
        rows: labels.map((label, i) => ({ name: `${file.path}, picture ${i}`, split, label })),
      });
    } catch (error) {
      if (split === 'train' || part === 'test' || !(error instanceof ExpectedError)) {
        throw error;
      }
      notes.push(`The test file is left out: ${error.message}`); // Training needs none.
    }
  }
  const pictures = listPictures(sets);
  const classNames = await inFile(listing, (content) => {
    const lines = content.toString('utf8').split(/\r?\n/);
    return listing.path.endsWith('.txt')
      ? lines.filter((line) => line.trim() !== '')
      : readNames(content);
  });
  const unnamed = pictures.samples.find(({ label }) => classNames[Number(label)] === undefined);
  if (unnamed !== undefined) {
    throw new ExpectedError(
      `${unnamed.name} has the label ${unnamed.label}; ${listing.path} has names for ${classNames.length}: ${nameSome(classNames)}`,
    );
  }
  const fine = 'The classes are the 100 fine ones; the 20 coarse ones are not used.';
  return {
    ...pictures,
    layout: `CIFAR-${isHundred ? 100 : 10}, train`,
    notes: [...(isHundred ? [fine] : []), ...notes],
    classNames,
  };
}

function inFile<T>(file: TreeFile, read: (content: Buffer) => T): Promise<T> {
  return within(
    `${file.path} `,
    async () => read(await readFile(file, MAX_ARRAY_BYTES)),
    (message) => `is no file of CIFAR: ${message}`,
  );
}

/** Records of a label, or of a coarse and a fine one, and the pixels. */
function readBinary(content: Uint8Array, isHundred: boolean) {
  const [record, place] = isHundred ? [PIXELS + 2, 1] : [PIXELS + 1, 0];
  const count = content.length / record;
  if (!Number.isInteger(count) || count === 0) {
    throw new Error(`it has ${content.length} bytes, expected a multiple of ${record}`);
  }
  const images = new Uint8Array(count * PIXELS);
  const labels = Array.from({ length: count }, (_, i) => {
    images.set(content.subarray((i + 1) * record - PIXELS, (i + 1) * record), i * PIXELS);
    return content[i * record + place] as number;
  });
  return { images, labels };
}

function readPython(content: Buffer) {
  const batch = readMap(content);
  const images = findBytes(batch.get('data'));
  const labels = batch.get('fine_labels') ?? batch.get('labels');
  if (images === null || !Array.isArray(labels) || images.length !== labels.length * PIXELS) {
    throw new Error('it lacks data of 3,072 bytes a picture, or a label for each');
  }
  return { images: new Uint8Array(images), labels: labels.map(Number) };
}

function readNames(content: Buffer): string[] {
  const meta = readMap(content);
  const names = meta.get('fine_label_names') ?? meta.get('label_names');
  if (!Array.isArray(names)) {
    throw new Error('it lacks the names of the classes');
  }
  return names.map(String);
}

function readMap(content: Buffer): Map<string, unknown> {
  const value = readPickle(content);
  if (!(value instanceof Map)) {
    throw new Error('it holds no dictionary');
  }
  return value as Map<string, unknown>;
}
