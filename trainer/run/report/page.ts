/**
 * Builds the report of a run as one HTML page that needs no network. Its script only enlarges
 * pictures: everything can be read without it.
 */
import { readFileSync } from 'node:fs';
import { writeTokens } from '../../../shared/design/tokens.ts';
import { escapeHtml } from '../../../shared/escape-html.ts';
import { capitalize, formatCount } from '../../../shared/text.ts';
import { listClasses } from '../../../shared/model/classes.ts';
import { planGenerator } from '../../../shared/model/generator.ts';
import { formatNumber } from '../../charts/chart.ts';
import type { MetricsLine } from '../log/metrics.ts';
import type { TrainingConfig } from '../../gan/preset.ts';
import { describeSeconds } from '../log/reporter.ts';
import type { Quality } from '../../evaluation/saved-quality.ts';
import { MAX_GRIDS, type RunOptions, type SavedGrid, type Session } from '../run-folder.ts';
import { renderCharts } from './charts.ts';

/** The records of a run. Runs of experiments have fewer. */
export interface RunRecord {
  /** The name of the run's folder. */
  readonly name: string;
  /** Name and version of its model, once it is exported. */
  readonly model?: string | undefined;
  /** Its measured quality, if it was saved. */
  readonly quality?: Quality | undefined;
  readonly options: Pick<RunOptions, 'config' | 'dataset'>;
  readonly sessions: readonly Session[];
  readonly metrics: readonly MetricsLine[];
  readonly grids: readonly SavedGrid[];
  /** Real pictures as the networks see them, as PNG. Absent in runs of experiments. */
  readonly contactSheet?: Uint8Array | undefined;
  /** When the report was written, as ISO 8601. */
  readonly writtenAt: string;
}

const [STYLE, SCRIPT] = ['page.css', 'page.js'].map((name) =>
  readFileSync(new URL(name, import.meta.url), 'utf8'),
);

export async function buildReport(record: RunRecord): Promise<string> {
  const { metrics, options } = record;
  return wrapPage(`${nameRun(record)}: training report`, [
    renderHeader(record),
    renderWarnings(metrics),
    renderGrids(record),
    renderContactSheet(record),
    renderQuality(record),
    renderCurves(await renderCharts(metrics, options.config)),
    renderEnvironment(record),
    renderConfig(options.config),
  ]);
}

/** Names a run by its model and its folder. */
export function nameRun({ name, model }: Pick<RunRecord, 'name' | 'model'>): string {
  return model === undefined ? name : `${model}, ${name}`;
}

export function wrapPage(title: string, sections: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${writeTokens()}${STYLE}</style>
</head>
<body>
<main>
${sections.filter((section) => section !== '').join('\n')}
</main>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

function renderHeader(record: RunRecord): string {
  const { options, metrics } = record;
  const { config, dataset } = options;
  const status = describeStatus(record);
  const facts = [
    `preset ${config.preset}`,
    `seed ${JSON.stringify(config.seed)}`,
    `${dataset.name}, ${formatCount(dataset.images)} images`,
    `written ${formatTime(record.writtenAt)}`,
  ];
  return `<header>
<p class="kind">Training report</p>
<h1>${escapeHtml(nameRun(record))} <span class="status ${status.tone}">${escapeHtml(status.text)}</span></h1>
<p class="facts-line">${escapeHtml(facts.join(' · '))}</p>
${renderFigures(metrics, config)}
</header>`;
}

/** `tone` is a class of the stylesheet. */
export function describeStatus({ options, metrics }: RunRecord): { text: string; tone: string } {
  const last = metrics.at(-1);
  if (last === undefined) {
    return { text: 'nothing logged yet', tone: 'open' };
  }
  const fatal = last.warnings?.find(({ code }) => code === 'diverged' || code === 'collapsed');
  if (fatal !== undefined) {
    return { text: `${fatal.code} at step ${formatCount(last.step)}`, tone: 'bad' };
  }
  const { steps } = options.config;
  if (last.step < steps - 1) {
    return { text: `${Math.floor(((last.step + 1) / steps) * 100)}% done`, tone: 'open' };
  }
  return { text: 'finished', tone: 'good' };
}

function renderFigures(metrics: readonly MetricsLine[], config: TrainingConfig): string {
  const items = Object.entries(listFigures(metrics, config)).flatMap(([label, value]) =>
    value === undefined ? [] : [`<div><dt>${label}</dt><dd>${value}</dd></div>`],
  );
  return items.length === 0 ? '' : `<dl class="figures">${items.join('')}</dl>`;
}

/** Lists a run's last figures by name. */
export function listFigures(
  metrics: readonly MetricsLine[],
  { steps }: TrainingConfig,
): Readonly<Record<string, string | undefined>> {
  const last = metrics.at(-1);
  if (last === undefined) {
    return {};
  }
  const seconds = metrics.findLast((line) => line.seconds !== undefined)?.seconds;
  const diversity = metrics.findLast((line) => line.diversity !== undefined)?.diversity;
  const done = formatCount(last.step + 1);
  return {
    steps: steps > last.step + 1 ? `${done} of ${formatCount(steps)}` : done,
    'images seen': formatCount(last.imagesSeen),
    time: seconds === undefined ? undefined : describeSeconds(seconds),
    'images/s': seconds === undefined ? undefined : formatNumber(last.imagesSeen / seconds),
    'D loss': formatNumber(last.discriminatorLoss),
    'G loss': formatNumber(last.generatorLoss),
    diversity: diversity === undefined ? undefined : formatNumber(diversity),
  };
}

function renderWarnings(metrics: readonly MetricsLine[]): string {
  const items = metrics.flatMap(({ step, warnings = [] }) =>
    warnings.map(
      ({ code, message, advice }) =>
        `<li><p><strong>Step ${formatCount(step)}</strong> <code>${escapeHtml(code)}</code></p>` +
        `<p>${escapeHtml(capitalize(message))}</p>` +
        `<p class="advice">${escapeHtml(advice)}</p></li>`,
    ),
  );
  if (items.length === 0) {
    return metrics.length === 0 ? '' : '<p class="quiet">No warnings were raised.</p>';
  }
  return renderSection('warnings', 'Warnings', `<ol>${items.join('')}</ol>`, 'warnings');
}

function renderGrids({ grids, metrics }: RunRecord): string {
  if (grids.length === 0) {
    return '';
  }
  const diversities = new Map(metrics.map(({ step, diversity }) => [step, diversity]));
  const items = grids.map(({ step, png }) => {
    const diversity = diversities.get(step);
    const caption = `step ${formatCount(step)}${diversity === undefined ? '' : ` · diversity ${diversity.toFixed(2)}`}`;
    return `<li><figure><img src="${encodePicture(png)}" alt="Samples at step ${formatCount(step)}"><figcaption>${caption}</figcaption></figure></li>`;
  });
  const some =
    grids.length < MAX_GRIDS
      ? ''
      : ` At most ${MAX_GRIDS} are here, spread over the run; the run’s folder has all.`;
  const content = `
<p class="note">Every picture has the same latent vectors, so each place shows how one sample develops.${some}</p>
<div class="gallery"><div id="viewer" hidden><img alt=""><div class="controls"><button type="button" aria-pressed="false">Play</button><input type="range" min="0" max="${grids.length - 1}" value="${grids.length - 1}" aria-label="Picture"><output></output></div></div>
<ol class="strip" tabindex="0" aria-label="All pictures, in order">${items.join('')}</ol></div>`;
  return renderSection('samples', 'Samples over time', content, 'samples');
}

function renderContactSheet({ contactSheet, options }: RunRecord): string {
  const { classes = [] } = options.dataset;
  const rows = classes.length > 1 ? `, a row for each class: ${listClasses(classes)}` : '';
  const note = `Pictures of the data set as the networks see them${escapeHtml(rows)}.`;
  return contactSheet === undefined
    ? ''
    : renderSection(
        'data',
        'Real pictures',
        `<p class="note">${note}</p><div class="scroll" tabindex="0"><img src="${encodePicture(contactSheet)}" alt="Real pictures"></div>`,
      );
}

/** Lists the figures of an evaluation, each with that of real pictures. */
export function listQuality({ quality }: Pick<RunRecord, 'quality'>): [string, string][] {
  return (quality?.rows ?? []).map(({ title, value, real }) => [title, `${value} (real: ${real})`]);
}

function renderQuality(record: RunRecord): string {
  const { quality } = record;
  if (quality === undefined) {
    return '';
  }
  const rows: [string, string][] = [
    ['model', quality.model],
    ['samples', formatCount(quality.n)],
    ['against', quality.against],
    ['features', quality.features],
    ...listQuality(record),
  ];
  return renderSection('quality', 'Quality', renderRows(rows));
}

/** Encodes a PNG as the source of an image. */
export function encodePicture(png: Uint8Array): string {
  const bytes = Buffer.from(png.buffer, png.byteOffset, png.byteLength);
  return `data:image/png;base64,${bytes.toString('base64')}`;
}

/** Renders a section of the page. @param className  The stylesheet's class, if it has one. */
export function renderSection(id: string, title: string, content: string, className = ''): string {
  const attribute = className === '' ? '' : ` class="${className}"`;
  return `<section${attribute} aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${content}</section>`;
}

/** Renders charts as a section; nothing without charts. */
export function renderCurves(charts: readonly string[]): string {
  return charts.length === 0
    ? ''
    : renderSection('curves', 'Curves', `\n<div class="charts">${charts.join('\n')}</div>`);
}

const formatTime = (iso: string): string => iso.replace('T', ' ').replace(/\.\d+Z$/, ' UTC');

function renderEnvironment({ options, sessions }: RunRecord): string {
  const { name, images, sha256 } = options.dataset;
  const rows: [string, string][] = [
    ['data set', `${name}, ${formatCount(images)} images`],
    ['data set’s SHA-256', sha256],
  ];
  for (const { startedAt, step, backend: used, versions, machine } of sessions) {
    const what = step === 0 ? 'started' : `resumed at step ${formatCount(step)}`;
    const { digitmint, node, tfjs } = versions;
    const { processor, cores, memoryGiB, system } = machine;
    rows.push(
      [what, formatTime(startedAt)],
      ['backend', `${used.name}: ${used.description}`],
      ['versions', `digitmint ${digitmint}, Node ${node}, TensorFlow.js ${tfjs}`],
      ['machine', `${processor}, ${cores} cores, ${memoryGiB} GiB, ${system}`],
    );
  }
  return renderSection('environment', 'Data and environment', renderRows(rows));
}

function renderConfig(config: TrainingConfig): string {
  const { parameters, macs } = planGenerator(config.generator);
  const size = `${formatCount(parameters)} weights, ${formatCount(macs)} multiply-accumulates a sample`;
  const rows = [...flatten(config), ['generator in all', size] as const];
  return renderSection('config', 'Configuration', renderRows(rows));
}

/** Flattens settings. A list of plain values takes one row, a list of objects a row each. */
export function flatten(value: object, prefix = ''): [string, string][] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]): [string, string][] => {
    const name = `${prefix}${key}`;
    if (Array.isArray(inner) && inner.some((item) => typeof item === 'object')) {
      return inner.map((item, i) => [`${name} ${i + 1}`, describeValue(item)]);
    }
    return typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? flatten(inner, `${name}.`)
      : [[name, describeValue(inner)]];
  });
}

function describeValue(value: unknown): string {
  if (Array.isArray(value)) {
    return value.map(describeValue).join(', ');
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([key, inner]) =>
        key === 'type'
          ? String(inner)
          : `${key} ${Array.isArray(inner) ? inner.join(' × ') : String(inner)}`,
      )
      .join(', ');
  }
  return typeof value === 'number'
    ? value.toLocaleString('en', { maximumSignificantDigits: 12 })
    : String(value);
}

/** Renders a table of facts. @param heads  Heads of the columns after the first; default: none. */
export function renderRows(
  rows: readonly (readonly [name: string, ...values: string[]])[],
  heads: readonly string[] = [],
): string {
  const body = rows.map(([name, ...values]) => {
    // Long names may break before each of their words.
    const breakable = escapeHtml(name).replace(/(?<=[a-z])(?=[A-Z])|(?<=\.)/g, '<wbr>');
    const cells = values.map((value) => `<td>${escapeHtml(value)}</td>`);
    return `<tr><th scope="row">${breakable}</th>${cells.join('')}</tr>`;
  });
  const names = heads.map((name) => `<th scope="col">${escapeHtml(name)}</th>`);
  const head = names.length === 0 ? '' : `<thead><tr><td></td>${names.join('')}</tr></thead>`;
  return (
    `<div class="scroll" tabindex="0"><table class="facts">${head}` +
    `<tbody>${body.join('')}</tbody></table></div>`
  );
}
