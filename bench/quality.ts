/**
 * Quality of models against what they cost at the edge: `npm run bench:quality -- --model DIR...`. Writes one JSON, one SVG
 * and one Markdown page. Figures come from `npm run evaluate -- --json` files where these have them, and are computed where
 * not; milliseconds are those of the worker in the local edge runtime. The machine should do nothing else meanwhile.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { buildPage } from '../dev/build-page.ts';
import { encodeManifest, MANIFEST_FILE } from '../shared/model/artifact.ts';
import { putArtifact, startWorker, type TestWorker } from '../test/support/hosts/workerd.ts';
import { WEIGHT_BYTES } from '../shared/model/weight-encoding.ts';
import { parseSeed, parseWhole } from '../trainer/cli/arguments.ts';
import { nameColumns } from '../trainer/evaluation/samples.ts';
import { evaluate } from '../trainer/evaluation/evaluation.ts';
import { SAMPLES_LIMITS, SPLITS, type Split } from '../trainer/evaluation/protocol.ts';
import { ExpectedError } from '../shared/expected-error.ts';
import { writeAtomically } from '../storage/files.ts';
import { readArtifactFolder, type ArtifactFolder } from '../trainer/publish/artifact-folder.ts';
import { summariseRequests, timeRequests, type TimedRequest } from './edge-timing.ts';
import {
  joinReports,
  QualityError,
  type MeasuredQuality,
  type QualityFigures,
} from './quality/figures.ts';
import { renderPlot } from './quality/plot.ts';
import { COUNTS, getPlottedMs, type QualityPoint, type QualityReport } from './quality/points.ts';
import { renderPage } from './quality/table.ts';

interface QualityFlags {
  readonly model: readonly string[];
  readonly figures: readonly string[];
  readonly data?: string;
  readonly split: Split;
  readonly n?: number;
  readonly seed: string;
  readonly quick?: true;
  readonly out: string;
}

/** A model that was read, with where it lies. */
interface FoundModel extends ArtifactFolder {
  readonly folder: string;
}

/** Models take turns, so that what else the machine does, or its heat, is no model's own. */
const BLOCKS = 4;
const REPEATS_A_BLOCK = 10;
/** Before each block: the worker may have freed the model meanwhile. */
const WARM_UP = 6;
/** Of the requests, the fastest: a mean is for the coarse clock, not for what else the machine did. */
const AVERAGED_PART = 0.5;

const program = new Command('bench:quality')
  .description(
    'Quality of models against their milliseconds at the edge, as JSON, SVG and Markdown.',
  )
  .requiredOption('--model <folder...>', 'models: folders with their manifest.json; a point each')
  .option(
    '--figures <file...>',
    'what `npm run --silent evaluate -- --json` printed; models that are in none are evaluated now',
    [],
  )
  .option('--out <path>', 'where to, without extension', 'docs/quality')
  .option('--data <folder>', "to evaluate: all of MNIST's training digits")
  .addOption(
    new Option('--split <digits>', 'to evaluate: what samples are held against')
      .choices(SPLITS)
      .default('test'),
  )
  .option(
    '--n <count>',
    'to evaluate: how many samples',
    parseWhole(SAMPLES_LIMITS.min, SAMPLES_LIMITS.max),
  )
  .option('--seed <text>', 'to evaluate: its seed', parseSeed, '1')
  .option('--quick', 'to evaluate: roughly')
  .action(run);

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof ExpectedError ? `digitmint: ${error.message}` : error);
  process.exitCode = 1;
}

async function run(flags: QualityFlags): Promise<void> {
  const models = await readModels(flags.model);
  const quality = await collectFigures(models, flags);
  const times = await timeModels(models);
  const points = models.map((model, i): QualityPoint => {
    const { manifest, plan } = model;
    return {
      label: labelModels(models)[i] as string,
      name: manifest.name,
      version: manifest.version,
      weightsType: manifest.weights.dtype,
      weightsBytes: countWeightsBytes(model),
      parameters: plan.parameters,
      multiplyAccumulates: plan.macs,
      figures: quality.models.get(identify(model)) as QualityFigures,
      times: times[i] as QualityPoint['times'],
    };
  });
  const { terms, floorFigures } = quality;
  const report: QualityReport = {
    schema: 1,
    terms,
    floorFigures,
    machine: {
      processor: cpus()[0]?.model.trim() ?? 'unknown',
      cores: cpus().length,
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
    },
    repeats: BLOCKS * REPEATS_A_BLOCK,
    points: points.toSorted((a, b) => getPlottedMs(a) - getPlottedMs(b)),
  };
  const page = renderPage(report, `${basename(flags.out)}.svg`);
  await mkdir(dirname(resolve(flags.out)), { recursive: true });
  await writeAtomically(`${flags.out}.json`, `${JSON.stringify(report, null, 2)}\n`);
  await writeAtomically(`${flags.out}.svg`, await renderPlot(report));
  await writeAtomically(`${flags.out}.md`, page);
  console.log(page);
}

/** @throws ExpectedError  When a folder is no model, or two hold the same one. */
async function readModels(folders: readonly string[]): Promise<FoundModel[]> {
  const models: FoundModel[] = [];
  for (const folder of folders) {
    const model = { ...(await readArtifactFolder(folder)), folder };
    const same = models.find((other) => identify(other) === identify(model));
    if (same !== undefined) {
      throw new QualityError(`--model ${folder}: is ${identify(model)}, as ${same.folder} is`);
    }
    models.push(model);
  }
  return models;
}

function identify({ manifest: { name, version } }: ArtifactFolder): string {
  return `${name}@${version}`;
}

function countWeightsBytes({ plan, manifest }: ArtifactFolder): number {
  return plan.parameters * WEIGHT_BYTES[manifest.weights.dtype];
}

/** Names as short as tell them apart. */
function labelModels(models: readonly FoundModel[]): string[] {
  const names = nameColumns(models).map(({ heading, label }) => ({
    short: heading[0] ?? label,
    label,
  }));
  return names.map(({ short, label }) =>
    names.filter((other) => other.short === short).length === 1 ? short : label,
  );
}

/** @throws ExpectedError  When files cannot be read, or figures are of different terms. */
async function collectFigures(
  models: readonly FoundModel[],
  flags: QualityFlags,
): Promise<MeasuredQuality> {
  const reports: { source: string; report: unknown }[] = [];
  for (const file of flags.figures) {
    reports.push({ source: `--figures ${file}`, report: await readJson(file) });
  }
  const known = reports.length === 0 ? undefined : joinReports(reports);
  const missing = models
    .filter((model) => known?.models.has(identify(model)) !== true)
    .map(({ folder }) => folder);
  if (missing.length > 0) {
    const { data, split, n, seed, quick } = flags;
    const request = {
      models: missing,
      split,
      seed,
      ...(data === undefined ? {} : { data }),
      ...(n === undefined ? {} : { n }),
      ...(quick === undefined ? {} : { quick }),
    };
    const report = await evaluate(
      request,
      (stage) => console.error(`${stage}…`),
      () => performance.now(),
    );
    reports.push({ source: `the evaluation of ${missing.join(', ')}`, report });
  }
  return joinReports(reports);
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    const why = (cause as Error).message;
    throw new QualityError(
      `--figures ${file}: cannot be read as JSON: ${why}; write it by \`npm run --silent evaluate -- … --json > FILE\``,
      { cause },
    );
  }
}

/** Times all models in one worker. */
async function timeModels(models: readonly FoundModel[]): Promise<QualityPoint['times'][]> {
  await buildPage();
  const worker = await startWorker(async (bucket) => {
    for (const { manifest, files } of models) {
      await putArtifact(bucket, {
        manifest,
        files: new Map([...files, [MANIFEST_FILE, encodeManifest(manifest)]]),
      });
    }
  });
  try {
    const samples = models.map(
      () => ({ 1: [], 16: [], 256: [] }) as Record<(typeof COUNTS)[number], TimedRequest[]>,
    );
    for (let block = 0; block < BLOCKS; block++) {
      console.error(`timing the worker, block ${block + 1} of ${BLOCKS}…`);
      for (const [i, model] of models.entries()) {
        await timeBlock(worker, identify(model), samples[i] as (typeof samples)[number]);
      }
    }
    return samples.map((own) => ({
      1: summariseRequests(own[1], AVERAGED_PART),
      16: summariseRequests(own[16], AVERAGED_PART),
      256: summariseRequests(own[256], AVERAGED_PART),
    }));
  } finally {
    await worker.close();
  }
}

async function timeBlock(
  worker: TestWorker,
  model: string,
  samples: Record<(typeof COUNTS)[number], TimedRequest[]>,
): Promise<void> {
  for (const count of COUNTS) {
    const path = `/digit.png?n=${count}&model=${model}`;
    samples[count].push(
      ...(await timeRequests(worker, path, { warmUp: WARM_UP, repeats: REPEATS_A_BLOCK })),
    );
  }
}
