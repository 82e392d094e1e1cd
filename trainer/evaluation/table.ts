/**
 * Rows as text for a terminal: aligned, one line a figure. Pure.
 */
import type { Row } from './rows.ts';

const HEAD = { title: 'figure', value: 'samples', floor: 'real digits', better: 'better', explanation: 'what it says' } as const;

/** Lays out a table: names and explanations to the left, numbers to the right. */
export function formatTable(rows: readonly Row[]): string {
  const all = [HEAD, ...rows];
  const widthOf = (column: keyof typeof HEAD): number => Math.max(...all.map((row) => row[column].length));
  const [title, value, floor, better] = [widthOf('title'), widthOf('value'), widthOf('floor'), widthOf('better')];
  const lines = all.map((row) =>
    [
      row.title.padEnd(title),
      row.value.padStart(value),
      row.floor.padStart(floor),
      row.better.padEnd(better),
      row.explanation,
    ].join('  '),
  );
  const [head = '', ...body] = lines;
  return [head, '─'.repeat(Math.max(...lines.map((line) => line.length))), ...body].join('\n');
}
