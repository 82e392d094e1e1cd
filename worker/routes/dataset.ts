/**
 * `GET /dataset.idx`, `.npy`, `.csv`, `.ndjson`: labelled digits, streamed as they are read.
 */
import { concatBytes } from '@noble/hashes/utils.js';
import * as z from 'zod';
import { digitSchema, packedDigitSchema } from '../../shared/contract/answers.ts';
import {
  buildDatasetUrl,
  DATASET_FORMATS,
  DATASET_PARAMETERS,
  findWithoutEffect,
  isInParts,
  pinDataset,
  type DatasetFormat,
  type PinnedDataset,
} from '../../shared/contract/dataset-query.ts';
import { parseParameters } from '../../shared/contract/parameters.ts';
import { deriveSeedKey, drawLabels } from '../../shared/model/random.ts';
import type { App, AppContext } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { answerDrawing, nameSeed, refuse, streamDrawing } from '../drawing.ts';
import { renderDatasetHead, renderDatasetPart } from '../formats/dataset.ts';
import { QUERY_ERRORS, WORK_ERRORS, type Operation } from '../http/operation.ts';
import { respondError } from '../http/respond-error.ts';

const FORMATS = Object.keys(DATASET_FORMATS) as DatasetFormat[];

export const DATASET_OPERATION: Operation = {
  id: 'drawDataset',
  path: '/dataset.{extension}',
  routes: FORMATS.map((format) => `/dataset.${format}`),
  kind: 'api',
  summary: 'Labelled digits to train and to test on, streamed, any range of a seed’s endless row',
  pathParameters: {
    extension: {
      schema: z.enum(FORMATS).meta({ description: FORMATS.join(', ') }),
      about: 'The answer’s format',
      without: '',
      example: 'npy',
    },
  },
  query: DATASET_PARAMETERS,
  answers: {
    [DATASET_FORMATS.idx]: 'bytes',
    [DATASET_FORMATS.npy]: 'bytes',
    [DATASET_FORMATS.csv]: 'text',
    [DATASET_FORMATS.ndjson]: z.union([digitSchema, packedDigitSchema]),
  },
  conditional: true,
  errors: [
    ...QUERY_ERRORS,
    'label_not_supported',
    'parameter_not_supported',
    'parameter_without_effect',
    'model_not_found',
    ...WORK_ERRORS,
  ],
  examples: [
    '/dataset.npy?seed=Ada&n=100',
    '/dataset.idx?seed=Ada&n=100&part=labels',
    '/dataset.csv?seed=Ada&n=100',
  ],
};

export function addDatasetRoutes(app: App, dependencies: AppDependencies): void {
  for (const format of FORMATS) {
    app.get(`/dataset.${format}`, (c) => answerDataset(c, dependencies, format));
  }
}

async function answerDataset(
  c: AppContext,
  dependencies: AppDependencies,
  format: DatasetFormat,
): Promise<Response> {
  const { origin, searchParams } = c.get('url');
  const parsed = parseParameters(DATASET_PARAMETERS, searchParams);
  if (!parsed.ok) {
    return respondError(c, parsed.error);
  }
  const { values: query, unknown } = parsed;
  return answerDrawing<PinnedDataset>(c, dependencies, {
    query,
    format,
    isNegotiated: false,
    unknown,
    withoutEffect: findWithoutEffect(query, format),
    hand: undefined,
    holdsUrls: format === 'ndjson',
    pin: (model, seed, label) => pinDataset(query, format, model, seed, label),
    buildUrl: buildDatasetUrl,
    check: (_, { name, sampler }) =>
      query.part === 'labels' && sampler.manifest.classes.length === 0
        ? refuse('part', 'labels', name, 'it was trained without labels')
        : undefined,
    describeContent: (dataset) => ({
      'Content-Type':
        format === 'csv'
          ? `${DATASET_FORMATS.csv}; charset=utf-8; header=present`
          : DATASET_FORMATS[format],
      'Content-Disposition': `attachment; filename="${nameDataset(dataset)}"`,
    }),
    measureWork: ({ n }) => ({ digits: n, pixels: 0 }),
    render(dataset, { sampler }, labels) {
      const { classes, image } = sampler.manifest;
      const context = { dataset, image, classes, origin };
      const head = renderDatasetHead(context);
      const [label] = labels;
      if (dataset.part === 'labels' && isInParts(format)) {
        return concatBytes(
          head,
          listLabels(dataset, label, classes.length),
        ) as Uint8Array<ArrayBuffer>;
      }
      return streamDrawing(c, dependencies, dataset, label, head, (samples, first) =>
        renderDatasetPart(context, samples, first),
      );
    },
  });
}

/** Draws the labels alone, which needs no network. */
function listLabels(
  { seed, start, n }: PinnedDataset,
  label: number | undefined,
  classes: number,
): Uint8Array {
  return label === undefined
    ? drawLabels(deriveSeedKey(seed), start, n, classes)
    : new Uint8Array(n).fill(label);
}

function nameDataset({ format, seed, start, n, part }: PinnedDataset): string {
  const suffix = isInParts(format) ? `-${part}` : '';
  return `digitmint-${nameSeed(seed)}-${start}-${start + n - 1}${suffix}.${format}`;
}
