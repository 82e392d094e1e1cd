/** `GET /dataset.npy` and others: labelled digits, drawn as they are read. */
import {
  DATASET_FORMATS,
  FORMATS,
  isInParts,
  type DatasetFormat,
} from '../../shared/contract/formats.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { ROUTES } from '../../shared/contract/parameters.ts';
import { Refusal } from '../../shared/contract/refusal.ts';
import {
  buildUrl,
  parseQuery,
  pinQuery,
  settleQuery,
  type Pinned,
} from '../../shared/contract/query.ts';
import { deriveSeedKey, drawLabels } from '../../shared/model/random.ts';
import type { App, AppContext } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { createDraw } from '../draw-stream.ts';
import { answerDrawing, describeFile, findBase, nameSeed, refuse } from '../drawing.ts';
import { planDataset, renderRows, type DatasetContext } from '../formats/dataset.ts';
import { countValues, measureSamples } from '../http/admission.ts';
import { DRAWING_ERRORS, listBodies, PARTIAL, type OperationEntry } from '../http/operation.ts';
import type { LoadedModel } from '../models/model-cache.ts';

export const DATASET_OPERATION: OperationEntry = {
  id: 'drawDataset',
  path: '/dataset.{extension}',
  tag: 'datasets',
  routes: FORMATS.dataset.map((format) => `/dataset.${format}`),
  summary: 'Labelled samples to train and to test on: a range of a seed’s endless sequence',
  pathParameters: {
    extension: {
      kind: 'choice',
      choices: FORMATS.dataset,
      about: 'The answer’s format',
      example: 'npy',
    },
  },
  query: ROUTES.dataset,
  answers: listBodies(DATASET_FORMATS),
  variants: {
    parameter: 'extension',
    types: DATASET_FORMATS,
    id: 'drawDataset',
    summary: 'A range of a seed’s endless sequence of labelled samples',
    withoutRanges: ['idx.gz'],
  },
  conditional: true,
  errors: [...DRAWING_ERRORS, 'answer_too_large', 'range_not_satisfiable'],
  otherStatuses: PARTIAL,
  examples: [
    '/dataset.npy?seed=Ada&n=100',
    '/dataset.npz?seed=Ada&n=100',
    '/dataset.parquet?seed=Ada&n=100',
    '/dataset.idx.gz?seed=Ada&n=100&part=labels',
    '/dataset.csv?seed=Ada&n=100',
  ],
};

export function addDatasetRoutes(app: App, dependencies: AppDependencies): void {
  for (const format of FORMATS.dataset) {
    app.get(`/dataset.${format}`, (c) => answerDataset(c, dependencies, format));
  }
}

function answerDataset(
  c: AppContext,
  dependencies: AppDependencies,
  format: DatasetFormat,
): Promise<Response> {
  const asked = parseQuery('dataset', c.get('url').searchParams);
  const query = settleQuery('dataset', asked, format);
  const isText = format === 'csv' || format === 'ndjson';
  return answerDrawing<Pinned<'dataset'>>(c, dependencies, {
    query,
    format,
    isNegotiated: false,
    written: undefined,
    holdsUrls: format === 'ndjson',
    pin: (model, seed, label) => pinQuery('dataset', { ...query, label }, format, model, seed),
    buildUrl: (dataset) => buildUrl('dataset', dataset),
    check({ n, part }, loaded) {
      const { name, sampler } = loaded;
      const values = countValues(n, loaded);
      const maxValues = LIMITS.maxDatasetNumbers;
      if (part === 'labels' && isInParts(format)) {
        if (sampler.manifest.classes.length === 0) {
          refuse('part', 'labels', name, 'it was trained without labels');
        }
      } else if (values > maxValues) {
        throw new Refusal({ code: 'answer_too_large', values, maxValues });
      }
    },
    describeContent: (dataset) => ({
      'Content-Type':
        format === 'csv'
          ? `${DATASET_FORMATS.csv}; charset=utf-8; header=present`
          : DATASET_FORMATS[format],
      'Content-Disposition': describeFile('attachment', nameDataset(dataset)),
    }),
    measureWork({ n, part, latent }, loaded) {
      if (part === 'labels' && isInParts(format)) {
        return { label: n };
      }
      const { plan, manifest } = loaded.sampler;
      return {
        ...measureSamples(plan, n),
        text: isText ? countValues(n, loaded) : 0,
        item: format === 'ndjson' ? n : 0,
        latent: latent ? n * manifest.latent.size : 0,
        hashed: format === 'parquet' ? countValues(n, loaded) : 0, // Checksums of each PNG.
      };
    },
    plan: (dataset, loaded, labels) =>
      format === 'idx.gz' ? undefined : planDataset(describe(dataset, loaded, labels)),
    render(dataset, loaded, labels) {
      const context = describe(dataset, loaded, labels);
      const content = planDataset(context);
      return content?.read(0, content.length) ?? renderRows(context);
    },
    isLong: ({ n }, loaded) => countValues(n, loaded) > LIMITS.maxMeasuredPixels,
    ...(isText && { gzip: 'coding' }),
    ...(format === 'idx.gz' && { gzip: 'format' }),
  });

  function describe(
    dataset: Pinned<'dataset'>,
    { sampler }: LoadedModel,
    [label]: Uint8Array,
  ): DatasetContext {
    const { classes, image, latent } = sampler.manifest;
    const { seed, start } = dataset;
    return {
      dataset,
      image,
      classes,
      latentSize: latent.size,
      base: findBase(c, dependencies),
      draw: createDraw(c, dependencies, dataset, label),
      drawLabels: (first, count) =>
        label === undefined
          ? drawLabels(deriveSeedKey(seed), start + first, count, classes.length)
          : new Uint8Array(count).fill(label),
    };
  }
}

function nameDataset({ format, seed, start, n, part }: Pinned<'dataset'>): string {
  const suffix = isInParts(format) ? `-${part}` : '';
  return `digitmint-${nameSeed(seed)}-${start}-${start + n - 1}${suffix}.${format}`;
}
