/** Text for people: tables, counts and capital letters. Pure. */

type Rows = readonly (readonly string[])[];

/**
 * Pads the cells of rows to columns, two spaces apart. A column without text is left out.
 * @param isRight  Whether a column keeps to the right, as numbers do.
 */
export function alignColumns(
  rows: Rows,
  isRight: (column: number) => boolean = () => false,
): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, i) => (isRight(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .filter((cell) => cell !== '')
      .join('  ')
      .trimEnd(),
  );
}

/** Writes a table in Markdown. @param words  Columns that keep to the left; numbers follow. */
export function writeMarkdownTable(heads: readonly string[], rows: Rows, words = 1): string[] {
  const rule = heads.map((_, i) => (i < words ? '---' : '--:'));
  return [heads, rule, ...rows].map((cells) => `| ${cells.map(escapeCell).join(' | ')} |`);
}

/** Escapes what would end a cell of a Markdown table. */
export const escapeCell = (text: string): string => text.replaceAll('|', String.raw`\|`);

/** Writes a whole number with commas: "60,000". */
export function formatCount(count: number): string {
  return count.toLocaleString('en');
}

/** Cuts a text after `max` characters, never inside of one. An ellipsis stands for the rest. */
export function shorten(text: string, max: number): string {
  const characters = Array.from(text.slice(0, 2 * max + 2)); // Each takes one or two places.
  return characters.length > max ? `${characters.slice(0, max).join('')}…` : text;
}

/** Begins a text with a capital letter. */
export function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
