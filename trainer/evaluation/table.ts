/**
 * Rows as text for a terminal: aligned, one line a figure. Pure.
 */
import type { Row } from './rows.ts';

const GAP = '  ';
/** A longer line of a head is broken: columns are to be no wider than numbers are. */
const HEADING_WIDTH = 12;

/**
 * Lays out a table: names to the left, numbers to the right. What the figures say stands beside them when there is one
 * column of samples, and below when there are more, so that three or four fit into 80 to 100 characters.
 *
 * @param headings  One a column of samples, from top to bottom; any when there is one column.
 */
export function formatTable(
  rows: readonly Row[],
  headings: readonly (readonly string[])[],
): string {
  const isNarrow = headings.length > 1;
  const broken = isNarrow
    ? headings.map((heading) => heading.flatMap(breakHeading))
    : [['samples']];
  const height = Math.max(...broken.map(({ length }) => length));
  const head = (...texts: string[]): string[] => [
    ...Array.from({ length: height - texts.length }, () => ''),
    ...texts,
  ];
  const columns: { readonly cells: readonly string[]; readonly isNumber: boolean }[] = [
    { cells: [...head('figure'), ...rows.map(({ title }) => title)], isNumber: false },
    ...broken.map((heading, i) => ({
      cells: [...head(...heading), ...rows.map(({ values }) => tighten(values[i] ?? '', isNarrow))],
      isNumber: true,
    })),
    {
      cells: [...head('real digits'), ...rows.map(({ floor }) => tighten(floor, isNarrow))],
      isNumber: true,
    },
    { cells: [...head('better'), ...rows.map(({ better }) => better)], isNumber: false },
    ...(isNarrow
      ? []
      : [
          {
            cells: [...head('what it says'), ...rows.map(({ explanation }) => explanation)],
            isNumber: false,
          },
        ]),
  ];
  const widths = columns.map(({ cells }) => Math.max(...cells.map(({ length }) => length)));
  const lines = Array.from({ length: height + rows.length }, (_, line) =>
    columns
      .map(({ cells, isNumber }, i) => {
        const cell = cells[line] as string;
        return isNumber ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number);
      })
      .join(GAP)
      .trimEnd(),
  );
  const rule = '─'.repeat(Math.max(...lines.map(({ length }) => length)));
  const table = [...lines.slice(0, height), rule, ...lines.slice(height)];
  return [...table, ...(isNarrow ? ['', ...explainRows(rows)] : [])].join('\n');
}

function explainRows(rows: readonly Row[]): string[] {
  const width = Math.max(...rows.map(({ title }) => title.length));
  return rows.map(({ title, explanation }) => `${title.padEnd(width)}${GAP}${explanation}`);
}

/** After a separator where there is one. */
function breakHeading(line: string): readonly string[] {
  return (
    line.match(new RegExp(`.{1,${HEADING_WIDTH}}(?:(?<=[-._])|$)|.{1,${HEADING_WIDTH}}`, 'g')) ?? []
  );
}

function tighten(value: string, isNarrow: boolean): string {
  return isNarrow ? value.replace(' ± ', '±') : value;
}
