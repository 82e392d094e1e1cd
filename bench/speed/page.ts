/**
 * docs/speed.md: the records of the benchmarks as one page. Pure.
 */
import { formatFigure, type BenchRecord, type BenchTable, type Spread } from '../record.ts';

interface Best {
  readonly subject: string;
  readonly spread: Spread;
}

/**
 * Writes the page.
 *
 * @param records  In the page's order; at least one.
 * @param plotOf   Gives the path of a table's picture, relative to the page.
 */
export function renderSpeedPage(
  records: readonly BenchRecord[],
  plotOf: (table: BenchTable) => string,
): string {
  return `${[
    '# How fast it is',
    '',
    '<!-- Written by `npm run bench`: change it there. -->',
    '',
    'For users and contributors who ask how fast digitmint is, beside others and beside what is',
    'possible. `npm run bench` measures everything again; [bench/results](../bench/results) has the',
    'figures.',
    '',
    'Figures are medians, with the least and the largest of all runs in brackets. In each table all',
    'took turns on the same machine. Ratios are of medians. A limit is the best possible value,',
    'computed or measured as its table says.',
    '',
    '## In short',
    '',
    ...renderSummary(records),
    '',
    ...records.flatMap((record) => renderRecord(record, plotOf)),
  ]
    .join('\n')
    .trimEnd()}\n`;
}

function renderSummary(records: readonly BenchRecord[]): string[] {
  const lines = records.flatMap(({ tables }) =>
    tables.flatMap((table) =>
      table.cases.flatMap((name, column) => {
        const ours = table.rows.filter(({ isOurs }) => isOurs);
        const own = ours[0]?.values[column] ?? null;
        // A table of several of ours alone has no comparison to sum up.
        if (own === null || ours.length > 1) {
          return [];
        }
        const peer = findBest(table, column);
        const limit = table.limit?.values[column] ?? null;
        const goal = table.goals?.[column] ?? null;
        return [
          [
            `[${table.title}](#${toAnchor(table.title)}): ${name}`,
            `**${withUnit(own.median, table)}**`,
            goal === null
              ? ''
              : `${table.better === 'lower' ? '≤' : '≥'} ${withUnit(goal, table)}${isReached(own.median, goal, table) ? '' : ' (missed)'}`,
            peer === null ? '' : `${withUnit(peer.spread.median, table)}, ${peer.subject}`,
            peer === null ? '' : describeRatio(own.median, peer.spread.median, table),
            limit === null ? '' : `${formatFigure(own.median / limit)} ×`,
          ],
        ];
      }),
    ),
  );
  return [
    toLine(['', 'ours', 'to reach', 'best of the others', '', 'ours / limit']),
    toLine(['---', '--:', '--:', '--:', '--:', '--:']),
    ...lines.map(toLine),
  ];
}

function findBest({ rows, better }: BenchTable, column: number): Best | null {
  const others = rows.flatMap(({ subject, isOurs, values }) => {
    const spread = values[column] ?? null;
    return isOurs || spread === null ? [] : [{ subject, spread }];
  });
  const sign = better === 'lower' ? 1 : -1;
  return others.toSorted((a, b) => sign * (a.spread.median - b.spread.median))[0] ?? null;
}

function isReached(value: number, goal: number, { better }: BenchTable): boolean {
  return better === 'lower' ? value <= goal : value >= goal;
}

/** "4.2 × faster", "1.3 × slower". */
function describeRatio(own: number, peer: number, { better, unit }: BenchTable): string {
  const gain = better === 'lower' ? peer / own : own / peer;
  const [good, bad] =
    unit === 'ms' || unit === '/s' || unit === 'MB/s'
      ? ['faster', 'slower']
      : ['smaller', 'larger'];
  return gain >= 1 ? `${formatFigure(gain)} × ${good}` : `${formatFigure(1 / gain)} × ${bad}`;
}

function renderRecord(
  { suite, measuredAt, machine, versions, tables }: BenchRecord,
  plotOf: (table: BenchTable) => string,
): string[] {
  const { processor, cores, memoryGiB, system, loadBefore } = machine;
  const told = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    ...tables.flatMap((table) => renderTable(table, plotOf(table))),
    `<sub>\`npm run bench -- ${suite}\`, ${measuredAt.slice(0, 10)}: ${cores} cores of ${processor}, ${memoryGiB} GiB, ${system}; load before ${loadBefore.toFixed(2)}. ${told.join('; ')}.</sub>`,
    '',
  ];
}

function renderTable(table: BenchTable, plot: string): string[] {
  const { title, unit, better, cases, rows, limit, notes, goals } = table;
  const ours = rows.find(({ isOurs }) => isOurs);
  const isCompared = rows.filter(({ isOurs }) => isOurs).length === 1 && rows.length > 1;
  const cells = rows.map(({ subject, isOurs, values }) => [
    isOurs ? `**${subject}**` : subject,
    ...values.flatMap((spread, i) => {
      const own = ours?.values[i] ?? null;
      const ratio = spread === null || own === null ? '' : formatFigure(spread.median / own.median);
      return [describeSpread(spread), ...(isCompared ? [isOurs ? '1' : ratio] : [])];
    }),
  ]);
  const heads = ['', ...cases.flatMap((name) => (isCompared ? [name, 'ratio'] : [name]))];
  const extra = (name: string, values: readonly (number | null)[]): string[] => [
    name,
    ...values.flatMap((value, i) => {
      const own = ours?.values[i] ?? null;
      const ratio = value === null || own === null ? '' : formatFigure(value / own.median);
      return [value === null ? '' : formatFigure(value), ...(isCompared ? [ratio] : [])];
    }),
  ];
  return [
    `## ${title}`,
    '',
    `![${title}, ${unit}, ${better} is better](${plot})`,
    '',
    toLine(heads),
    toLine(heads.map((_, i) => (i === 0 ? '---' : '--:'))),
    ...cells.map(toLine),
    ...(limit === null ? [] : [toLine(extra('_limit_', limit.values))]),
    ...(goals === null ? [] : [toLine(extra('_to reach_', goals))]),
    '',
    `${unit}, ${better} is better.`,
    ...notes,
    ...(limit === null ? [] : [`Limit: ${limit.what}.`]),
    '',
  ];
}

function describeSpread(spread: Spread | null): string {
  if (spread === null) {
    return '–';
  }
  const { runs, min, median, max } = spread;
  return runs === 1
    ? formatFigure(median)
    : `${formatFigure(median)} (${formatFigure(min)}–${formatFigure(max)})`;
}

function withUnit(value: number, { unit }: BenchTable): string {
  return unit === '/s' ? `${formatFigure(value)}/s` : `${formatFigure(value)} ${unit}`;
}

/** The anchor that GitHub gives a heading. */
function toAnchor(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N} -]/gu, '')
    .replaceAll(' ', '-');
}

function toLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
}
