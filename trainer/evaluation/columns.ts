/**
 * How the models of one evaluation are told apart: a name for each column of the table and of the JSON.
 */
import { resolve, sep } from 'node:path';
import type { Manifest } from '../../shared/model/artifact.ts';

/** What a column is called. */
export interface ColumnName {
  /** In one line, and unlike every other column's. */
  readonly label: string;
  /** The same for a table's narrow head, from top to bottom. */
  readonly heading: readonly string[];
}

/** A model and where it was read. */
export interface FoundModel {
  /** As the caller wrote it. */
  readonly folder: string;
  readonly manifest: Pick<Manifest, 'name' | 'version' | 'weights'>;
}

/** Of a version's 16 hex digits, in heads: enough to tell versions apart by eye. */
const SHOWN_VERSION = 8;

/**
 * Names models by name, version and form of the weights; those that share their name (seeds, sizes, other forms of the
 * weights) by their folders.
 *
 * @param models  In folders that all differ.
 * @returns       As many, in their order.
 */
export function nameColumns(models: readonly FoundModel[]): ColumnName[] {
  return models.map(({ folder, manifest: { name, version, weights } }) => {
    const namesakes = models
      .filter((other) => other.manifest.name === name)
      .map((other) => other.folder);
    const facts = `${name}@${version}, ${weights.dtype}`;
    const rest = [`@${version.slice(0, SHOWN_VERSION)}`, weights.dtype];
    if (namesakes.length === 1) {
      return { label: facts, heading: [name, ...rest] };
    }
    const place = shortenFolders(namesakes)[namesakes.indexOf(folder)] as string;
    return { label: `${place}: ${facts}`, heading: [place, ...rest] };
  });
}

/** The last part of the paths that tells all apart: of runs/1/model and runs/2/model, 1 and 2. */
function shortenFolders(folders: readonly string[]): readonly string[] {
  const paths = folders.map((folder) => resolve(folder).split(sep));
  for (let place = 1; place <= Math.min(...paths.map(({ length }) => length)); place++) {
    const parts = paths.map((path) => path.at(-place) as string);
    if (new Set(parts).size === parts.length) {
      return parts;
    }
  }
  return folders;
}
