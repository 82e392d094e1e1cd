/**
 * Quality of models beside their cost at the edge. The operand is a file of
 * `npm run evaluate -- --json`, whose models are still in the same folders.
 */
import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { numberSchema, parseAs } from '../../shared/schema.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import { WEIGHT_BYTES } from '../../shared/model/weight-encoding.ts';
import { putArtifact } from '../../test/support/hosts/workerd.ts';
import { REPORT_SCHEMA } from '../../trainer/evaluation/evaluation.ts';
import { readArtifactFolder } from '../../trainer/publish/artifact-folder.ts';
import { toFixture, withEdge } from '../edge-runtime.ts';
import { makeRow, makeTable, measureRows, type Suite } from '../harness.ts';

const COUNTS = [1, 16, 256];

const figuresSchema = v.object({
  frechetDistance: numberSchema,
  precision: numberSchema,
  recall: numberSchema,
  coverage: numberSchema,
  classAccuracy: v.nullable(v.object({ accuracy: numberSchema })),
});

const reportSchema = v.object({
  schema: v.literal(REPORT_SCHEMA),
  protocol: v.looseObject({ quick: v.boolean() }),
  seed: v.string(),
  n: numberSchema,
  reference: v.object({ source: v.string() }),
  floorFigures: figuresSchema,
  columns: v.array(
    v.object({
      samples: v.object({
        folder: v.string(),
        version: v.string(),
        truncation: v.optional(v.undefined()),
      }),
      figures: figuresSchema,
    }),
  ),
});

type QualityFigures = v.InferOutput<typeof figuresSchema>;

const PARTS: Readonly<Record<string, (figures: QualityFigures) => number | undefined>> = {
  precision: ({ precision }) => precision,
  recall: ({ recall }) => recall,
  coverage: ({ coverage }) => coverage,
  'class accuracy': ({ classAccuracy }) => classAccuracy?.accuracy,
};

export const measure: Suite = async (quick, [file = '']) => {
  const { protocol, seed, n, reference, floorFigures, columns } = await readReport(file);
  const models = await Promise.all(
    columns.map(async ({ samples: { folder, version }, figures }) => {
      const artifact = await readArtifactFolder(folder);
      const { manifest } = artifact;
      if (manifest.version !== version) {
        throw new ExpectedError(
          `${folder} holds ${manifest.version}, ${file} has figures of ${version}: evaluate again`,
        );
      }
      return { ...artifact, figures, id: `${manifest.name}@${version}` };
    }),
  );
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
      const pickParts = (figures: QualityFigures) =>
        Object.values(PARTS).map((pick) => pick(figures));
      const what = 'real digits';
      const notes = [
        `${n.toLocaleString('en')} samples as they are served against ${reference.source}, ` +
          `evaluation seed ${JSON.stringify(seed)}${protocol.quick ? ', the quick protocol' : ''}.`,
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
            rows: models.map(({ id, figures }) => makeRow(id, [figures.frechetDistance])),
            limit: { what, values: [floorFigures.frechetDistance] },
          }),
          makeTable({
            id: 'quality-parts',
            title: 'Samples like real digits',
            unit: 'of 1',
            better: 'higher',
            notes,
            cases: Object.keys(PARTS),
            rows: models.map(({ id, figures }) => makeRow(id, pickParts(figures))),
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
            rows: models.map(({ id, plan, manifest: { weights } }) =>
              makeRow(id, [
                (plan.parameters * WEIGHT_BYTES[weights.dtype]) / 1000,
                plan.macs / 1e6,
              ]),
            ),
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

/** @throws ExpectedError  When the file is no report of models as they are served. */
async function readReport(file: string) {
  try {
    return parseAs(reportSchema, JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    throw new ExpectedError(
      `quality ${file}: expected the file that this writes: ` +
        `npm run --silent evaluate -- --model A --model B --json > FILE (${(cause as Error).message})`,
      { cause },
    );
  }
}
