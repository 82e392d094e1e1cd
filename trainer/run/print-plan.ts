/** Prints the plan of a run before it starts. */
import { relative, sep } from 'node:path';
import { planGenerator } from '../../shared/model/generator.ts';
import { hideControls } from '../../shared/schema.ts';
import { alignColumns, formatCount } from '../../shared/text.ts';
import type { Dataset } from '../data/dataset.ts';
import { countLabels, describeFound, describeKept } from '../data/findings.ts';
import { describePresentation, planPresentation } from '../export/presentation.ts';
import type { Delivery } from './run-folder.ts';
import type { RunPlan } from './run-plan.ts';

/** @param replaced  Says what a publication replaces; may be empty. */
export function printPlan(
  { options, dataset, findings, folder, checkpoint, backend, notes }: RunPlan,
  replaced: string,
): void {
  const { config, dataset: data } = options;
  const { parameters, macs } = planGenerator(config.generator);
  const { count, width, height, channels } = dataset;
  const images = `${formatCount(count)} images of ${width} x ${height}, ${channels === 1 ? 'grey' : 'RGB'}`;
  const done = checkpoint === null ? '' : `${formatCount(checkpoint.step)} done, to `;
  const lines: [string, string][] = [
    ['preset', `${config.preset}, seed ${JSON.stringify(config.seed)}`],
    ['data', `${data.name}: ${images}, SHA-256 ${data.sha256.slice(0, 16)}…`],
    ['found', findings === null ? '' : describeFound(findings)],
    ['kept', findings === null ? '' : describeKept(findings)],
    ['classes', config.generator.classes === 0 ? '' : describeClassCounts(dataset)],
    ...describePresentation(planPresentation(dataset, options.delivery), options.delivery),
    [
      'generator',
      `${formatCount(parameters)} weights, ${formatCount(macs)} multiply-accumulates a sample`,
    ],
    ['steps', `${done}${formatCount(config.steps)} of ${config.batchSize} images`],
    ['run', showPath(folder)],
    ['publishes', describeDelivery(options.delivery)],
    ['', replaced],
    ['backend', `${backend.name}: ${backend.description}`],
    ...backend.considered
      .filter(({ usable }) => !usable)
      .map(({ name, reason }): [string, string] => ['', `not ${name}: ${reason}`]),
    ...notes.map((note): [string, string] => ['note', note]),
    ...(findings?.warnings ?? []).map((text): [string, string] => ['warning', text]),
  ];
  // Names of files and classes may be anybody's.
  const shown = alignColumns(lines.filter(([, value]) => value !== '')).map(hideControls);
  console.log(`${shown.join('\n')}\n`);
}

function describeDelivery({ publish, name, to, makeDefault }: Delivery): string {
  return publish ? `${name} to ${to}${makeDefault ? ', as the default' : ''}` : 'nothing';
}

const MAX_LISTED = 12;

/** Lists the number of images in each class, because a small class is learned badly. */
function describeClassCounts(dataset: Dataset): string {
  const { classes } = dataset;
  const counts = countLabels(dataset);
  const listed = classes
    .slice(0, MAX_LISTED)
    .map((name, label) => `${name} (${formatCount(counts[label] ?? 0)})`);
  const rest = classes.length - listed.length;
  return `${listed.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** Shortens a path within the working folder to a relative one. */
export function showPath(path: string): string {
  const fromHere = relative(process.cwd(), path) || '.';
  const shown = fromHere.startsWith('..') ? path : fromHere;
  return sep === '/' ? shown : shown.replaceAll(sep, '/'); // Needs no quotes in a command.
}
