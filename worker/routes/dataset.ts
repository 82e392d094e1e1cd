/** `GET /dataset.idx`, `.npy`, `.csv`, `.ndjson`: labelled digits, streamed as they are read. */
import { concatBytes } from '@noble/hashes/utils.js';
import {
  DATASET_FORMATS,
  FORMATS,
  isInParts,
  type DatasetFormat,
} from '../../shared/contract/formats.ts';
import { ROUTES } from '../../shared/contract/parameters.ts';
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
import { answerDrawing, describeFile, nameSeed, refuse, streamDrawing } from '../drawing.ts';
import { renderDatasetHead, renderDatasetPart } from '../formats/dataset.ts';
import { DRAWING_ERRORS, type OperationEntry } from '../http/operation.ts';
import { respondError } from '../http/respond-error.ts';

export const DATASET_OPERATION: OperationEntry = {
  id: 'drawDataset',
  path: '/dataset.{extension}',
  tag: 'datasets',
  routes: FORMATS.dataset.map((format) => `/dataset.${format}`),
  summary: 'Labelled digits to train and to test on: a streamed range of a seed’s endless sequence',
  pathParameters: {
    extension: {
      kind: 'choice',
      choices: FORMATS.dataset,
      about: 'The answer’s format',
      example: 'npy',
    },
  },
  query: ROUTES.dataset,
  answers: {
    [DATASET_FORMATS.idx]: 'bytes',
    [DATASET_FORMATS.npy]: 'bytes',
    [DATASET_FORMATS.csv]: 'text',
    [DATASET_FORMATS.ndjson]: 'bytes',
  },
  variants: {
    parameter: 'extension',
    types: DATASET_FORMATS,
    id: 'drawDataset',
    summary: 'A range of a seed’s endless sequence of labelled digits',
  },
  conditional: true,
  errors: [...DRAWING_ERRORS, 'parameter_without_effect'],
  examples: [
    '/dataset.npy?seed=Ada&n=100',
    '/dataset.idx?seed=Ada&n=100&part=labels',
    '/dataset.csv?seed=Ada&n=100',
  ],
};

export function addDatasetRoutes(app: App, dependencies: AppDependencies): void {
  for (const format of FORMATS.dataset) {
    app.get(`/dataset.${format}`, (c) => answerDataset(c, dependencies, format));
  }
}

async function answerDataset(
  c: AppContext,
  dependencies: AppDependencies,
  format: DatasetFormat,
): Promise<Response> {
  const { searchParams } = c.get('url');
  const parsed = parseQuery('dataset', searchParams);
  const settled = parsed.ok ? settleQuery('dataset', parsed.query, format) : parsed;
  if (!settled.ok) {
    return respondError(c, settled.error);
  }
  const { query } = settled;
  return answerDrawing<Pinned<'dataset'>>(c, dependencies, {
    query,
    format,
    isNegotiated: false,
    hand: undefined,
    holdsUrls: format === 'ndjson',
    pin: (model, seed, label) => pinQuery('dataset', { ...query, label }, format, model, seed),
    buildUrl: (dataset) => buildUrl('dataset', dataset),
    check: (_, { name, sampler }) =>
      query.part === 'labels' && sampler.manifest.classes.length === 0
        ? refuse('part', 'labels', name, 'it was trained without labels')
        : undefined,
    describeContent: (dataset) => ({
      'Content-Type':
        format === 'csv'
          ? `${DATASET_FORMATS.csv}; charset=utf-8; header=present`
          : DATASET_FORMATS[format],
      'Content-Disposition': describeFile('attachment', nameDataset(dataset)),
    }),
    measureWork: ({ n }) => ({ digits: n, pixels: 0 }),
    render(dataset, { sampler }, labels) {
      const { classes, image, latent } = sampler.manifest;
      const latentSize = latent.size;
      const base = dependencies.isOffline === true ? undefined : c.get('base');
      const context = { dataset, image, classes, latentSize, base };
      const head = renderDatasetHead(context);
      const [label] = labels;
      if (dataset.part === 'labels' && isInParts(format)) {
        const { seed, start, n } = dataset;
        const drawn =
          label === undefined
            ? drawLabels(deriveSeedKey(seed), start, n, classes.length)
            : new Uint8Array(n).fill(label);
        return concatBytes(head, drawn) as Uint8Array<ArrayBuffer>;
      }
      return streamDrawing(c, dependencies, dataset, label, head, (samples, first) =>
        renderDatasetPart(context, samples, first),
      );
    },
  });
}

function nameDataset({ format, seed, start, n, part }: Pinned<'dataset'>): string {
  const suffix = isInParts(format) ? `-${part}` : '';
  return `digitmint-${nameSeed(seed)}-${start}-${start + n - 1}${suffix}.${format}`;
}
