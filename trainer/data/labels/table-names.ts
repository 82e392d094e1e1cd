/** The classes that tables without labels have by their names. Pure. */
import { parse } from 'node:path';
import {
  areClassNames,
  areShards,
  findFileSplit,
  findSplit,
  namesLabels,
  nameSome,
  parseSplit,
  stripCommon,
} from '../layouts/source.ts';

interface TableRows {
  /** The path of its file. */
  readonly name: string;
  readonly rows: readonly { readonly label: string | number | null }[];
  /** Whether a column has the part of some rows. */
  readonly hasParts: boolean;
}

/** Labels the rows of tables by the tables' names, if no column has labels or parts. */
export function labelByNames<T extends TableRows>(
  tables: readonly T[],
): { tables: readonly T[]; notes: readonly string[] } {
  const isBare = tables.every(
    ({ rows, hasParts }) => !hasParts && rows.every(({ label }) => label === null),
  );
  const names = isBare ? nameClasses(tables.map(({ name }) => name)) : null;
  if (names === null) {
    return { tables, notes: describeJoined(tables) };
  }
  const labelled = tables.map((table, i) => ({
    ...table,
    rows: table.rows.map((row) => ({ ...row, label: names[i] as string })),
  }));
  const note = `The names of the tables are their classes: ${nameSome([...new Set(names)])}.`;
  return { tables: labelled, notes: [note] };
}

/** Says which tables are trained on together, although no name of a part or a shard says so. */
export function describeJoined(tables: readonly Omit<TableRows, 'rows'>[]): string[] {
  const paths = tables
    .filter(({ hasParts }) => !hasParts)
    .map(({ name }) => name)
    .filter((name) => name.split('/').every((part) => findSplit(part) === null));
  return paths.length < 2 || areShards(paths.map((path) => parse(path).name))
    ? []
    : [`Trained on together: ${nameSome(paths)}. Call parts of a set train, val and test.`];
}

/**
 * Names the class of each table: cat of cat.csv or cat/1.csv, also below train/ and test/. part-0
 * and part-1 are no classes.
 * @returns  Null when the paths name none.
 */
function nameClasses(paths: readonly string[]): readonly string[] | null {
  const splits = paths.map(findFileSplit);
  const folders = paths.map((path) =>
    path
      .split('/')
      .slice(0, -1)
      .filter((name) => parseSplit(name) === null && findSplit(name) === null),
  );
  // Partitions of Hive, Spark and Pandas are called label=cat.
  const tops = stripCommon(folders).paths.map(([top = '']) => top.replace(/^\w+=/, ''));
  const stems = paths.map((path) => parse(path).name);
  const isOnce = new Set(stems.map((stem, i) => `${splits[i]}/${stem}`)).size === stems.length;
  // Names that only differ in numbers are parts, unless they are numbers, as those of digits.
  const kinds = stems.map((stem) =>
    /^\d+$/.test(stem) || namesLabels(stem) ? stem : stem.replace(/\d+/g, ''),
  );
  const areKinds =
    new Set(kinds).size === new Set(stems).size && stems.every((stem) => findSplit(stem) === null);
  for (const [names, areNames] of [
    [tops, !tops.includes('')],
    [stems, isOnce && areKinds],
  ] as const) {
    if (areNames && areClassNames(names, splits)) {
      return names;
    }
  }
  return null;
}
