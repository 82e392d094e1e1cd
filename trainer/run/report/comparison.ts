/** Builds one HTML page of several runs: figures, settings that differ, curves and last samples. */
import { escapeHtml } from '../../../shared/escape-html.ts';
import { formatCount } from '../../../shared/text.ts';
import { renderRunCharts } from './charts.ts';
import {
  describeStatus,
  encodePicture,
  flatten,
  listFigures,
  listQuality,
  nameRun,
  renderCurves,
  renderRows,
  renderSection,
  wrapPage,
  type RunRecord,
} from './page.ts';

/** A row of a table: a value for each run, "–" where a run has none. */
type Row = readonly [name: string, ...values: string[]];

/** @param records  At least two. */
export async function buildComparison(records: readonly RunRecord[]): Promise<string> {
  const names = nameApart(records);
  const charts = await renderRunCharts(
    records.map(({ metrics }, i) => ({ label: names[i] as string, metrics })),
  );
  const differences = listDifferences(records);
  const sections = [
    renderHeader(records),
    renderSection('figures', 'Figures', renderRows(listFigureRows(records), names)),
    renderSection(
      'config',
      'Settings that differ',
      differences.length === 0 ? '<p class="quiet">None.</p>' : renderRows(differences, names),
    ),
    renderGrids(records, names),
    renderCurves(charts),
  ];
  return wrapPage(`${records.length} runs compared: ${names.join(', ')}`, sections);
}

/** Short names of runs, which their folders may share. */
function nameApart(records: readonly RunRecord[]): string[] {
  const names = records.map(({ name }) => name);
  return names.map((name, i) => (names.indexOf(name) === i ? name : `${name} (${i + 1})`));
}

function renderHeader(records: readonly RunRecord[]): string {
  return `<header>
<p class="kind">Training runs side by side</p>
<h1>${records.length} runs compared</h1>
<p class="facts-line">${records.map((record) => escapeHtml(nameRun(record))).join(' · ')}</p>
</header>`;
}

function listFigureRows(records: readonly RunRecord[]): Row[] {
  const all = records.map((record) => ({
    model: record.model,
    status: describeStatus(record).text,
    data: record.options.dataset.name,
    ...listFigures(record.metrics, record.options.config),
    warnings: String(record.metrics.flatMap(({ warnings = [] }) => warnings).length),
    ...Object.fromEntries(listQuality(record)),
  }));
  return joinRows(all);
}

/** A row for each name of any run, in the order in which they appear. */
function joinRows(all: readonly Readonly<Record<string, string | undefined>>[]): Row[] {
  const names = [...new Set(all.flatMap((each) => Object.keys(each)))];
  return names
    .filter((name) => all.some((each) => each[name] !== undefined))
    .map((name): Row => [name, ...all.map((each) => each[name] ?? '–')]);
}

function listDifferences(records: readonly RunRecord[]): Row[] {
  const all = records.map(({ options }) => Object.fromEntries(flatten(options.config)));
  return joinRows(all).filter(([, ...values]) => new Set(values).size > 1);
}

function renderGrids(records: readonly RunRecord[], names: readonly string[]): string {
  const items = records.flatMap(({ grids }, i) => {
    const last = grids.at(-1);
    const name = escapeHtml(names[i] as string);
    return last === undefined
      ? []
      : `<li><figure><img src="${encodePicture(last.png)}" alt="Samples of ${name}">` +
          `<figcaption>${name} · step ${formatCount(last.step)}</figcaption></figure></li>`;
  });
  return items.length === 0
    ? ''
    : renderSection(
        'samples',
        'Last samples',
        `\n<ol class="side">${items.join('')}</ol>`,
        'samples',
      );
}
