/** Tables of pictures as Hugging Face writes them, `image.bytes` and `label`: Parquet and Arrow. */
import { ExpectedError } from '../../../shared/expected-error.ts';
import {
  describeObjects,
  describeUnreadParts,
  findLabelColumns,
  findParts,
  namesParts,
  normaliseLabel,
  readPart,
  toText,
  unwrapLabel,
  unwrapLabels,
  type Column,
} from '../labels/label-column.ts';
import type { PixelRange } from '../../../shared/picture/pixels.ts';
import { describeJoined } from '../labels/table-names.ts';
import { parseJson } from '../labels/text-encoding.ts';
import { inTable, IS_ARROW, openTables, type PictureTable } from './picture-tables.ts';
import { readPixelTables, selectPixelTables } from './pixel-columns.ts';
import {
  isRole,
  nameSome,
  parseSplit,
  UnusablePicture,
  type Problem,
  type Sample,
  type Source,
} from './source.ts';
import { folderOf, MAX_FILES, type TreeFile } from './tree.ts';

/** The names of a table's columns. */
interface Columns {
  readonly image: string;
  readonly label: string | null;
  /** The part of each row. */
  readonly parts?: Column | undefined;
  readonly names?: readonly string[];
  readonly others: readonly string[];
}

/** @throws ExpectedError  When a file is damaged, or has no pictures. */
export async function readHuggingFace(
  files: readonly TreeFile[],
  range: PixelRange | undefined,
): Promise<Source> {
  const kind = files.some(({ path }) => IS_ARROW.test(path)) ? 'Arrow' : 'Parquet';
  const tables = await openTables(files);
  const ofPixels = await selectPixelTables(tables);
  if (ofPixels.length === tables.length) {
    const features = Object.values(tables[0] ? readFeatures(tables[0].table) : {});
    const [described, ...more] = features.filter((one) => one?.['_type'] === 'ClassLabel');
    const names = more.length === 0 ? described?.['names'] : null;
    const source = await readPixelTables(ofPixels, range);
    return { ...source, kind, ...(Array.isArray(names) && { classNames: names.map(String) }) };
  }
  const samples: Sample[] = [];
  const problems: Problem[] = [];
  const notes: string[] = [];
  const joined: { name: string; hasParts: boolean }[] = [];
  let classNames: readonly string[] | undefined;
  const places = new Set(
    tables.filter(({ split }) => split === 'train').map(({ path }) => folderOf(path)),
  );
  if (places.size > 1) {
    throw new ExpectedError(
      `holds several sets (${nameSome([...places])}): name the folder that you mean`,
    );
  }
  for (const { table, split: own, path } of tables) {
    const take = async (): Promise<void> => {
      const { image, label, parts, names, others } = await findColumns(table);
      notes.push(...(parts ? describeUnreadParts(path, parts.name, parts.cells) : []));
      joined.push({ name: path, hasParts: parts !== undefined });
      classNames ??= names;
      if (
        classNames !== undefined &&
        names !== undefined &&
        classNames.join('\n') !== names.join('\n')
      ) {
        throw new ExpectedError(`names other classes than the other files: give one set`);
      }
      if (others.length > 0 && notes.length === 0) {
        const found =
          label === null ? 'No column has classes' : `The column ${label} has the classes`;
        notes.push(`${found}, ${image} the pictures; not used: ${others.join(', ')}.`);
      }
      const cells = label === null ? [] : await table.readColumn(label);
      notes.push(...describeObjects(`${path}, column ${label}`, cells));
      const labels = unwrapLabels(cells);
      const readCell = table.openCells(image);
      for (let row = 0; row < table.count; row++) {
        const name = `${path}, row ${row}`;
        const split = (parts && readPart(parts.name, parts.cells[row] ?? '')) ?? own;
        const value = label === null ? null : readLabel(labels[row]);
        if (value !== null && names !== undefined && Number(value) >= names.length) {
          const reason = `has the label ${value}, but only ${names.length} classes have names`;
          problems.push({ name, reason, split });
          continue;
        }
        samples.push({
          name,
          split,
          label: value,
          read: async () => takeBytes(await readCell(row)),
        });
      }
      if (samples.length > MAX_FILES) {
        throw new ExpectedError(`holds more than ${MAX_FILES} rows: take a part of them`);
      }
    };
    await inTable(path, take);
  }
  notes.push(...describeJoined(joined));
  return { kind, samples, problems, notes, ...(classNames && { classNames }) };
}

/** Finds the columns by Hugging Face's description of them, else by their types and names. */
async function findColumns(table: PictureTable): Promise<Columns> {
  const { columns: names, holdsBytes } = table;
  const features = readFeatures(table);
  const kindOf = (name: string) => features[name]?.['_type'];
  const withBytes = names.filter(holdsBytes);
  const described = withBytes.filter((name) => kindOf(name) === 'Image');
  const pictures = described.length > 0 ? described : withBytes;
  // The first column may have masks.
  const image = pictures.find(isRole) ?? pictures[0];
  if (image === undefined) {
    throw new ExpectedError(
      `has the columns ${nameSome(names)}; expected one with the bytes of picture files, as image.bytes, one with lists of pixels, or columns pixel0, pixel1, … of a square`,
    );
  }
  const columns: Column[] = [];
  for (const name of names.filter((one) => !holdsBytes(one))) {
    const first = table.count === 0 ? '' : toText(await table.openCells(name)(0));
    if (namesParts(name) || parseSplit(first.trim()) !== null) {
      const cells = await table.readColumn(name);
      columns.push({ name, cells: cells.map(toText) });
    }
  }
  const parts = findParts(columns);
  const rest = names.filter((name) => name !== image && name !== parts?.name);
  const classes = rest.filter((name) => kindOf(name) === 'ClassLabel');
  const label =
    classes.find((name) => name === 'label') ??
    classes[0] ??
    (await findOther(
      table,
      rest.filter((name) => !holdsBytes(name)),
    ));
  const others = (label === null ? rest : [...classes, ...pictures]).filter(
    (name) => name !== label && name !== image,
  );
  const known = label === null ? undefined : features[label]?.['names'];
  return { image, label, parts, others, ...(Array.isArray(known) && { names: known.map(String) }) };
}

/** Finds labels by a column's name, or in the only other column. */
async function findOther(table: PictureTable, names: readonly string[]): Promise<string | null> {
  const [only = ''] = names;
  const cells = names.length === 1 ? await table.readColumn(only) : [];
  const texts = cells.map((cell) => readLabel(cell) ?? '');
  return findLabelColumns(names.map((name) => ({ name, cells: texts })))[0]?.name ?? null;
}

type Features = Record<string, Readonly<Record<string, unknown>> | undefined>;

/** Without a description, the types and names of the columns decide. */
function readFeatures({ description = '{}' }: PictureTable): Features {
  const content = parseJson(description) as { info?: { features?: Features } } | null;
  return content?.info?.features ?? {};
}

/** Hugging Face writes -1 for a label that is not known. Measures are no labels. */
function readLabel(cell: unknown): string | null {
  const value = unwrapLabel(cell);
  const number = typeof value === 'number' || typeof value === 'bigint' ? Number(value) : 0;
  const isLabel = Number.isInteger(number) && number >= 0;
  return (isLabel && normaliseLabel(toText(value))) || null;
}

/** @throws UnusablePicture */
function takeBytes(cell: unknown): Uint8Array {
  const bytes = cell instanceof Uint8Array ? cell : (cell as { bytes?: unknown } | null)?.bytes;
  if (!(bytes instanceof Uint8Array)) {
    const { path } = (cell ?? {}) as { path?: unknown };
    const isPath = typeof path === 'string' || path instanceof Uint8Array;
    throw new UnusablePicture(
      isPath
        ? 'has the path of a picture, but not its bytes: save the set with its pictures embedded'
        : 'has no bytes of a picture',
    );
  }
  return bytes;
}
