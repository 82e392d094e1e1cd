/**
 * Quality of models against their cost at the edge, as one JSON, one SVG and one Markdown page.
 * Figures come from files of `npm run evaluate -- --json`; those of other models are computed.
 * Milliseconds are the worker's in the local edge runtime.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import { Option } from 'commander';
import { writeAtomically } from '../../storage/files.ts';
import { WEIGHT_BYTES } from '../../shared/model/weight-encoding.ts';
import { putArtifact } from '../../test/support/hosts/workerd.ts';
import { parseSeed, parseWhole } from '../../trainer/cli/arguments.ts';
import { nameColumns } from '../../trainer/evaluation/samples/samples.ts';
import { evaluate } from '../../trainer/evaluation/evaluation.ts';
import { SAMPLES_LIMITS, SPLITS, type Split } from '../../trainer/evaluation/protocol.ts';
import { readArtifactFolder, type ArtifactFolder } from '../../trainer/publish/artifact-folder.ts';
import { toFixture, withEdge } from '../edge-runtime.ts';
import { defineSuite, type CommonFlags } from '../suite.ts';
import { joinReports, QualityError, type MeasuredQuality, type QualityFigures } from './figures.ts';
import { renderPlot } from './plot.ts';
import { COUNTS, getPlottedMs, type QualityPoint, type QualityReport } from './points.ts';
import { summariseRequests, timeRequest, type TimedRequest } from './request-times.ts';
import { renderPage } from './table.ts';

interface Flags extends CommonFlags {
  readonly model: readonly string[];
  readonly figures: readonly string[];
  readonly data?: string;
  readonly split: Split;
  readonly n?: number;
  readonly seed: string;
  readonly out: string;
}

interface FoundModel extends ArtifactFolder {
  readonly folder: string;
}

type Times = QualityPoint['times'];

/** Models take turns, a block of requests each, so that heat and other programs hit all alike. */
const BLOCKS = 4;
const REPEATS_A_BLOCK = 10;
/** Before each block: the worker may have freed the model meanwhile. */
const WARM_UP_REQUESTS = 6;
/** Means are over the fastest half: they make up for a coarse clock, not for other programs. */
const AVERAGED_PART = 0.5;

export const suite = defineSuite<Flags>({
  about: 'quality of models against their milliseconds, for docs/quality.md',
  addFlags: (command) =>
    command
      .requiredOption('--model <folder...>', 'models: folders with a manifest.json; a point each')
      .option(
        '--figures <file...>',
        'output of `npm run --silent evaluate -- --json`; models in none are evaluated now',
        [],
      )
      .option('--out <path>', 'where to, without extension', 'docs/quality')
      .option('--data <folder>', "to evaluate: all of MNIST's training digits")
      .addOption(
        new Option('--split <digits>', 'to evaluate: the digits to compare samples with')
          .choices(SPLITS)
          .default('test'),
      )
      .option(
        '--n <count>',
        'to evaluate: how many samples',
        parseWhole(SAMPLES_LIMITS.min, SAMPLES_LIMITS.max),
      )
      .option('--seed <text>', 'to evaluate: its seed', parseSeed, '1'),
  measure: async (flags) => {
    const models = await readModels(flags.model);
    const quality = await collectFigures(models, flags);
    const times = await timeModels(models, flags.quick ? 1 : BLOCKS);
    const labels = labelModels(models);
    const points = models.map((model, i): QualityPoint => {
      const { manifest, plan } = model;
      return {
        label: labels[i] as string,
        name: manifest.name,
        version: manifest.version,
        weightsType: manifest.weights.dtype,
        weightsBytes: plan.parameters * WEIGHT_BYTES[manifest.weights.dtype],
        parameters: plan.parameters,
        multiplyAccumulates: plan.macs,
        figures: quality.models.get(identify(model)) as QualityFigures,
        times: times[i] as Times,
      };
    });
    const report: QualityReport = {
      schema: 1,
      terms: quality.terms,
      floorFigures: quality.floorFigures,
      machine: {
        processor: cpus()[0]?.model.trim() ?? 'unknown',
        cores: cpus().length,
        node: process.versions.node,
        platform: `${process.platform}-${process.arch}`,
      },
      repeats: (flags.quick ? 1 : BLOCKS) * REPEATS_A_BLOCK,
      points: points.toSorted((a, b) => getPlottedMs(a) - getPlottedMs(b)),
    };
    const page = renderPage(report, `${basename(flags.out)}.svg`);
    await mkdir(dirname(resolve(flags.out)), { recursive: true });
    await writeAtomically(`${flags.out}.json`, `${JSON.stringify(report, null, 2)}\n`);
    await writeAtomically(`${flags.out}.svg`, await renderPlot(report));
    await writeAtomically(`${flags.out}.md`, page);
    console.log(page);
    return { tables: [], versions: {} };
  },
});

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

/** Chooses names as short as tell the models apart. */
function labelModels(models: readonly FoundModel[]): string[] {
  const names = nameColumns(models).map(({ heading, label }) => ({
    short: heading[0] ?? label,
    label,
  }));
  const isUnique = (name: string): boolean =>
    names.filter(({ short }) => short === name).length === 1;
  return names.map(({ short, label }) => (isUnique(short) ? short : label));
}

/** @throws ExpectedError  When files cannot be read, or figures have different terms. */
async function collectFigures(
  models: readonly FoundModel[],
  { figures, data, split, n, seed, quick }: Flags,
): Promise<MeasuredQuality> {
  const reports: { source: string; report: unknown }[] = [];
  for (const file of figures) {
    reports.push({ source: `--figures ${file}`, report: await readJson(file) });
  }
  const known = reports.length === 0 ? undefined : joinReports(reports);
  const missing = models
    .filter((model) => known?.models.has(identify(model)) !== true)
    .map(({ folder }) => folder);
  if (missing.length > 0) {
    const request = {
      models: missing,
      split,
      seed,
      ...(data === undefined ? {} : { data }),
      ...(n === undefined ? {} : { n }),
      ...(quick ? { quick } : {}),
    };
    const showStage = (stage: string): void => console.error(`${stage}…`);
    const report = await evaluate(request, showStage, () => performance.now());
    reports.push({ source: `the evaluation of ${missing.join(', ')}`, report });
  }
  return joinReports(reports);
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new QualityError(
      `--figures ${file}: cannot be read as JSON: ${(cause as Error).message}; ` +
        'write it by `npm run --silent evaluate -- … --json > FILE`',
      { cause },
    );
  }
}

/** Times all models in one worker. */
function timeModels(models: readonly FoundModel[], blocks: number): Promise<Times[]> {
  return withEdge(
    async ({ url }) => {
      const samples = models.map(
        () => ({ 1: [], 16: [], 256: [] }) as Record<(typeof COUNTS)[number], TimedRequest[]>,
      );
      for (let block = 0; block < blocks; block++) {
        console.error(`timing the worker, block ${block + 1} of ${blocks}…`);
        for (const [i, model] of models.entries()) {
          for (const count of COUNTS) {
            const target = new URL(`/digit.png?n=${count}&model=${identify(model)}`, url);
            for (let request = -WARM_UP_REQUESTS; request < REPEATS_A_BLOCK; request++) {
              const sample = await timeRequest(target);
              if (request >= 0) {
                samples[i]?.[count].push(sample);
              }
            }
          }
        }
      }
      return samples.map((own) => ({
        1: summariseRequests(own[1], AVERAGED_PART),
        16: summariseRequests(own[16], AVERAGED_PART),
        256: summariseRequests(own[256], AVERAGED_PART),
      }));
    },
    async (bucket) => {
      for (const model of models) {
        await putArtifact(bucket, toFixture(model));
      }
    },
  );
}
