/**
 * Quality of models beside their cost at the edge. Operands are folders of models, and files of
 * `npm run evaluate -- --json`; models in none of these are evaluated now.
 */
import { readFile } from 'node:fs/promises';
import canonicalize from 'canonicalize';
import * as z from 'zod';
import { ExpectedError } from '../../shared/expected-error.ts';
import { WEIGHT_BYTES } from '../../shared/model/weight-encoding.ts';
import { putArtifact } from '../../test/support/hosts/workerd.ts';
import { evaluate, REPORT_SCHEMA } from '../../trainer/evaluation/evaluation.ts';
import { readArtifactFolder } from '../../trainer/publish/artifact-folder.ts';
import { toFixture, withEdge } from '../edge-runtime.ts';
import { makeRow, makeTable, measureRows, SHIPPED_MODEL_FOLDER, type Suite } from '../harness.ts';

const COUNTS = [1, 16, 256];

const text = z.string();
const figuresSchema = z.object({
  frechetDistance: z.number(),
  precision: z.number(),
  recall: z.number(),
  coverage: z.number(),
  classAccuracy: z.object({ accuracy: z.number() }).nullable(),
});

/** Whatever figures depend on beside the model. */
const termsSchema = z.object({
  protocol: z.record(text, z.union([z.number(), z.boolean()])),
  seed: text,
  n: z.number(),
  reference: z.object({ split: text, source: text, count: z.number(), sha256: text }),
  floor: z.object({ trainingDigits: z.number(), sha256: text }),
  classifier: z.object({ sha256: text }),
});

const namesSchema = z.object({
  name: text.optional(),
  version: text.optional(),
  truncation: z.number().optional(),
});
const reportSchema = termsSchema.extend({
  schema: z.literal(REPORT_SCHEMA),
  floorFigures: figuresSchema,
  columns: z.array(z.object({ samples: namesSchema, figures: figuresSchema })),
});

type QualityFigures = z.infer<typeof figuresSchema>;

const PARTS: Readonly<Record<string, (figures: QualityFigures) => number | undefined>> = {
  precision: ({ precision }) => precision,
  recall: ({ recall }) => recall,
  coverage: ({ coverage }) => coverage,
  'class accuracy': ({ classAccuracy }) => classAccuracy?.accuracy,
};

export const measure: Suite = async (quick, operands) => {
  const files = operands.filter((each) => each.endsWith('.json'));
  const folders = operands.filter((each) => !each.endsWith('.json'));
  const models = await Promise.all(
    (folders.length > 0 ? folders : [SHIPPED_MODEL_FOLDER]).map(async (folder) => {
      const artifact = await readArtifactFolder(folder);
      const { name, version } = artifact.manifest;
      return { ...artifact, folder, id: `${name}@${version}` };
    }),
  );
  const reports: { source: string; report: unknown }[] = [];
  for (const source of files) {
    reports.push({ source, report: await readReport(source) });
  }
  const known = reports.length === 0 ? undefined : joinReports(reports).models;
  const missing = models.filter(({ id }) => known?.has(id) !== true).map(({ folder }) => folder);
  if (missing.length > 0) {
    const say = (stage: string): void => console.error(`${stage}…`);
    const now = () => performance.now();
    const report = await evaluate({ models: missing, seed: '1', quick }, say, now);
    reports.push({ source: `the evaluation of ${missing.join(', ')}`, report });
  }
  const quality = joinReports(reports);
  const { terms, floorFigures } = quality;
  const requests = quick ? 1 : 10;
  return withEdge(
    async ({ versions, measure: measureRequest }) => {
      const times = await measureRows(
        quick ? 1 : 4,
        models.map(({ id }) => ({
          subject: id,
          cells: COUNTS.map((count) => async () => {
            const path = `/digit.png?n=${count}&model=${id}`;
            return (await measureRequest(path, requests)).elapsedMs;
          }),
        })),
        1,
      );
      const list = (pick: (figures: QualityFigures) => (number | undefined)[]) =>
        models.map(({ id }) => makeRow(id, pick(quality.models.get(id) as QualityFigures)));
      const pickParts = (figures: QualityFigures) =>
        Object.values(PARTS).map((pick) => pick(figures));
      const what = 'real digits';
      const sizes = models.map(({ id, plan, manifest: { weights } }) =>
        makeRow(id, [(plan.parameters * WEIGHT_BYTES[weights.dtype]) / 1000, plan.macs / 1e6]),
      );
      const notes = [
        `${terms.n.toLocaleString('en')} samples as they are served against ` +
          `${terms.reference.source}, evaluation seed ${JSON.stringify(terms.seed)}` +
          `${terms.protocol['quick'] === true ? ', the quick protocol' : ''}.`,
      ];
      return {
        versions,
        tables: [
          makeTable({
            id: 'quality-distance',
            title: 'Distance to real digits',
            unit: 'of features',
            notes,
            cases: ['Fréchet distance'],
            rows: list(({ frechetDistance }) => [frechetDistance]),
            limit: { what, values: [floorFigures.frechetDistance] },
          }),
          makeTable({
            id: 'quality-parts',
            title: 'Samples like real digits',
            unit: 'of 1',
            better: 'higher',
            notes,
            cases: Object.keys(PARTS),
            rows: list(pickParts),
            limit: { what, values: pickParts(floorFigures).map((value) => value ?? null) },
          }),
          makeTable({
            id: 'quality-ms',
            title: 'A request for digits as PNG',
            notes: [`In the local edge runtime, warmed up; means of ${requests} requests.`],
            cases: COUNTS.map((count) => (count === 1 ? '1 digit' : `${count} digits`)),
            rows: times,
          }),
          makeTable({
            id: 'quality-size',
            title: 'Size of the models',
            unit: 'as the columns say',
            better: 'none',
            cases: ['kB of weights', 'million multiply-accumulates a digit'],
            rows: sizes,
          }),
        ],
      };
    },
    async (bucket) => {
      for (const model of models) {
        await putArtifact(bucket, toFixture(model));
      }
    },
  );
};

async function readReport(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new ExpectedError(
      `${file}: cannot be read as JSON: ${(cause as Error).message}; ` +
        'write it by `npm run --silent evaluate -- … --json > FILE`',
      { cause },
    );
  }
}

/**
 * Joins reports of `npm run evaluate`. @returns  The terms of all, and figures by name@version.
 * @throws ExpectedError  When one is no such report, or has other terms than the first: figures can
 *                       be compared under the same terms only.
 */
export function joinReports(reports: readonly { source: string; report: unknown }[]) {
  const [first, ...others] = reports.map(({ source, report }) => {
    const parsed = reportSchema.safeParse(report);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new ExpectedError(
        `${source}: expected what \`npm run --silent evaluate -- --model DIR --json\` prints, ` +
          `schema ${REPORT_SCHEMA}; ${issue?.path.join('.')}: ${issue?.message}`,
      );
    }
    return { source, ...parsed.data, terms: termsSchema.parse(parsed.data) };
  });
  if (first === undefined) {
    throw new ExpectedError('no figures: expected at least one report');
  }
  for (const other of others) {
    const names = Object.keys(first.terms) as (keyof typeof first.terms)[];
    const different = names.filter(
      (name) => canonicalize(first.terms[name]) !== canonicalize(other.terms[name]),
    );
    if (different.length > 0) {
      throw new ExpectedError(
        `${other.source}: its ${different.join(', ')} differs from that of ${first.source}; ` +
          'figures can be compared under the same terms only',
      );
    }
  }
  const models = [first, ...others].flatMap(({ columns }) =>
    columns
      .filter(({ samples }) => samples.truncation === undefined)
      .map(({ samples, figures }) => [`${samples.name}@${samples.version}`, figures] as const),
  );
  return { ...first, models: new Map<string, QualityFigures>(models) };
}
