/**
 * What the card of the model that ships says of its quality: figures that no manifest holds, for the page at `/`.
 */

/** One figure, in the card's own words. */
export interface QualityFigure {
  readonly name: string;
  /** Of the model that ships. */
  readonly value: string;
  /** Of as many real digits. */
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
 * Reads the card's first table that has a column "as it ships" beside one "real digits".
 *
 * @param markdown  The text of models/digits/README.md.
 * @throws Error    When it names no version, or has no such table: the page would lose its figures in silence.
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
  const figures: QualityFigure[] = [];
  for (const cells of rows.slice(head + 2)) {
    if (cells.length === 0) {
      break;
    }
    const [name = ''] = cells;
    const figure = { name, value: cells[shipped] ?? '', real: cells[real] ?? '' };
    if (figure.value !== '' && figure.real !== '') {
      figures.push(figure);
    }
  }
  return { model, figures };
}

/** The cells of a table's line, without emphasis; none for any other line. */
function splitRow(line: string): string[] {
  return line.startsWith('|')
    ? line
        .replace(/^\||\|\s*$/g, '')
        .split('|')
        .map((cell) => cell.replaceAll('**', '').trim())
    : [];
}
