/**
 * Reads the quality figures of the model that ships from its card, for the page at `/`. No manifest
 * holds them.
 */

/** One figure, in the card's own words. */
export interface QualityFigure {
  readonly name: string;
  readonly value: string;
  /** The same figure of as many real digits. */
  readonly real: string;
}

export interface QualityCard {
  /** The model that was measured, `name@version`. */
  readonly model: string;
  readonly figures: readonly QualityFigure[];
}

const MODEL = /`([a-z][a-z0-9-]*@[0-9a-f]{16})`/;
const SHIPPED = /as it ships/;
const REAL = /^real digits$/;

/**
 * Reads the card's first table with columns "as it ships" and "real digits".
 *
 * @param markdown  The text of models/digits/README.md.
 * @throws Error    When it names no version or has no such table.
 */
export function readQualityCard(markdown: string): QualityCard {
  const model = MODEL.exec(markdown)?.[1];
  const rows = markdown.split('\n').map(splitRow);
  const head = rows.findIndex(
    (cells) => cells.some((cell) => SHIPPED.test(cell)) && cells.some((cell) => REAL.test(cell)),
  );
  if (model === undefined || head < 0) {
    throw new Error(
      'the model card has no `name@version`, or no table with columns "as it ships" and "real digits"',
    );
  }
  const columns = rows[head] as string[];
  const [shipped, real] = [SHIPPED, REAL].map((name) =>
    columns.findIndex((cell) => name.test(cell)),
  ) as [number, number];
  const body = rows.slice(head + 2);
  const end = body.findIndex((cells) => cells.length === 0);
  const figures = body
    .slice(0, end < 0 ? body.length : end)
    .map((cells) => ({
      name: cells[0] ?? '',
      value: cells[shipped] ?? '',
      real: cells[real] ?? '',
    }))
    .filter(({ value, real: floor }) => value !== '' && floor !== '');
  return { model, figures };
}

/** The cells of a table's line, without emphasis. Other lines have none. */
function splitRow(line: string): string[] {
  return line.startsWith('|')
    ? line
        .replace(/^\||\|\s*$/g, '')
        .split('|')
        .map((cell) => cell.replaceAll('**', '').trim())
    : [];
}
