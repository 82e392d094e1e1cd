/**
 * Renders docs/speed.md from the benchmarks' records. Pure.
 */
import { formatFigure, type BenchRecord, type BenchTable, type Spread } from '../record.ts';

const ABSENT = '–';

/**
 * Renders the page.
 *
 * @param records  In the order of the page; at least one.
 * @param plotOf   Returns the path of a table's picture, relative to the page.
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
    ...wrap(
      'This page is for readers who want to know how fast digitmint is, beside other software and ' +
        'beside the limits of the machine.',
    ),
    '',
    ...wrap(
      'Figures are medians; brackets hold the least and the largest of all runs. The subjects of a ' +
        'table took turns on one machine. Ratios compare medians. A limit cannot be passed on that ' +
        'machine; its table says how it was computed or measured. `npm run bench` measures ' +
        'everything again. The raw figures are in [bench/results](../bench/results).',
    ),
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
        // A table of several of ours compares nothing, so it has no line here.
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

function findBest({ rows, better }: BenchTable, column: number) {
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
  const tools = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    ...tables.flatMap((table) => renderTable(table, plotOf(table))),
    ...wrap(
      `<sub>\`npm run bench -- ${suite}\`, ${measuredAt.slice(0, 10)}: ${cores} cores of ${processor}, ` +
        `${memoryGiB} GiB, ${system}; load before ${loadBefore.toFixed(2)}. ${tools.join('; ')}.</sub>`,
    ),
    '',
  ];
}

function renderTable(table: BenchTable, plot: string): string[] {
  const { title, unit, better, cases, rows, limit, notes, goals } = table;
  const ours = rows.filter(({ isOurs }) => isOurs);
  const isCompared = ours.length === 1 && rows.length > 1;
  /** A cell for each case, and its ratio to ours where subjects are compared. */
  const toCells = (values: readonly (Spread | number | null)[]): string[] =>
    values.flatMap((value, i) => {
      const median = typeof value === 'number' ? value : (value?.median ?? null);
      const own = ours[0]?.values[i] ?? null;
      const ratio = median === null || own === null ? '' : formatFigure(median / own.median);
      const text = typeof value === 'number' ? formatFigure(value) : describeSpread(value);
      return isCompared ? [text, ratio] : [text];
    });
  const hide = (cells: readonly string[]): string[] =>
    cells.map((cell) => (cell === ABSENT ? '' : cell));
  const lines = rows.map(({ subject, isOurs, values }) => {
    const cells = toCells(values);
    // The ratio of ours to itself is exactly 1.
    const shown = isOurs && isCompared ? cells.map((cell, i) => (i % 2 === 1 ? '1' : cell)) : cells;
    return [isOurs ? `**${subject}**` : subject, ...shown];
  });
  const heads = ['', ...cases.flatMap((name) => (isCompared ? [name, 'ratio'] : [name]))];
  const limitNote = limit === null ? '' : `Limit: ${limit.what}.`;
  return [
    `## ${title}`,
    '',
    `![${title}, ${unit}, ${better} is better](${plot})`,
    '',
    toLine(heads),
    toLine(heads.map((_, i) => (i === 0 ? '---' : '--:'))),
    ...lines.map(toLine),
    ...(limit === null ? [] : [toLine(['_limit_', ...hide(toCells(limit.values))])]),
    ...(goals === null ? [] : [toLine(['_to reach_', ...hide(toCells(goals))])]),
    '',
    ...[`${unit}, ${better} is better.`, ...notes, limitNote].flatMap(wrap),
    '',
  ];
}

function describeSpread(spread: Spread | null): string {
  if (spread === null) {
    return ABSENT;
  }
  const { runs, min, median, max } = spread;
  return runs === 1
    ? formatFigure(median)
    : `${formatFigure(median)} (${formatFigure(min)}–${formatFigure(max)})`;
}

function withUnit(value: number, { unit }: BenchTable): string {
  return unit === '/s' ? `${formatFigure(value)}/s` : `${formatFigure(value)} ${unit}`;
}

/** Makes the anchor that GitHub gives a heading. */
function toAnchor(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N} -]/gu, '')
    .replaceAll(' ', '-');
}

function toLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
}

/** Breaks prose into lines of at most 100 columns. */
function wrap(text: string): string[] {
  return (text.match(/.{1,100}(?=\s|$)|\S+/g) ?? []).map((line) => line.trim());
}
