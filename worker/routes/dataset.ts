/**
 * `GET /dataset.idx`, `.npy`, `.csv`, `.ndjson`: labelled synthetic sets, streamed as fast as they
 * are read.
 */
import { concatBytes } from '@noble/hashes/utils.js';
import * as z from 'zod';
import { digitSchema, packedDigitSchema } from '../../shared/contract/answers.ts';
import { DATASET_FORMATS, isInParts, type DatasetFormat } from '../../shared/contract/formats.ts';
import { ROUTES } from '../../shared/contract/parameters.ts';
import {
  buildUrl,
  parseQuery,
  pinQuery,
  settleQuery,
  type Pinned,
} from '../../shared/contract/query.ts';
import { deriveSeedKey, drawLabels } from '../../shared/model/latent.ts';
import { admit } from '../http/admit.ts';
import type { App, AppContext, AppDependencies } from '../context.ts';
import {
  describePinned,
  listWarnings,
  nameSeed,
  type Pinned as PinnedAnswer,
} from '../formats/digit-headers.ts';
import { createPartDrawer } from '../formats/draw-parts.ts';
import { hasCurrent, HEADERS } from '../http/headers.ts';
import { findAsked } from '../models/match-model.ts';
import { QUERY_ERRORS, WORK_ERRORS, type Operation } from '../http/operation.ts';
import { renderDatasetHead, renderDatasetPart } from '../formats/dataset.ts';
import { streamSamples } from '../formats/sample-stream.ts';
import { respondError } from '../http/respond-error.ts';
import { withModel } from '../models/with-model.ts';

const FORMATS = Object.keys(DATASET_FORMATS) as DatasetFormat[];

export const DATASET_OPERATION: Operation = {
  id: 'drawDataset',
  path: '/dataset.{extension}',
  routes: FORMATS.map((format) => `/dataset.${format}`),
  kind: 'api',
  summary: 'Labelled digits to train and to test on: a streamed range of a seed’s endless sequence',
  pathParameters: {
    extension: {
      kind: 'choice',
      choices: FORMATS,
      about: 'The answer’s format',
      example: 'npy',
    },
  },
  query: ROUTES.dataset,
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
  const { origin, searchParams } = new URL(c.req.url);
  const parsed = parseQuery('dataset', searchParams);
  if (!parsed.ok) {
    return respondError(c, parsed.error);
  }
  const settled = settleQuery('dataset', parsed.query, format);
  if (!settled.ok) {
    return respondError(c, settled.error);
  }
  const { query } = settled;
  const warnings = listWarnings(query.unknown, query.withoutEffect, format);
  // Each part takes hold of it anew.
  return withModel(c, dependencies, query.model, (generator) => {
    const { name, version, origin: source, sampler } = generator;
    const { classes, image } = sampler.manifest;
    const labels = findAsked(query.label, undefined, generator);
    if ('code' in labels) {
      return respondError(c, labels);
    }
    const [label] = labels;
    if (query.part === 'labels' && classes.length === 0) {
      const reason = 'it was trained without labels';
      return respondError(c, {
        code: 'parameter_not_supported',
        parameter: 'part',
        received: 'labels',
        model: name,
        reason,
      });
    }
    const seed = query.seed ?? dependencies.drawSeed();
    const named = { ...query, label: label === undefined ? undefined : classes[label] };
    const dataset = pinQuery('dataset', named, format, { name, version }, seed);
    const pinned: PinnedAnswer = {
      ...dataset,
      permalink: buildUrl('dataset', dataset),
      holdsUrls: format === 'ndjson',
    };
    const headers: Record<string, string> = {
      ...describePinned(pinned, query, origin, warnings),
      [HEADERS.modelSource]: source,
    };
    if (hasCurrent(c, headers['ETag'])) {
      return c.body(null, 304, headers);
    }
    const content = {
      ...headers,
      'Content-Type':
        format === 'csv'
          ? `${DATASET_FORMATS.csv}; charset=utf-8; header=present`
          : DATASET_FORMATS[format],
      'Content-Disposition': `attachment; filename="${nameFile(dataset)}"`,
    };
    if (c.req.method === 'HEAD') {
      return c.body(null, 200, content);
    }
    return admit(c, dependencies, { digits: dataset.n, pixels: 0 }, () => {
      const context = { dataset, image, classes, origin };
      const head = renderDatasetHead(context);
      if (dataset.part === 'labels' && isInParts(format)) {
        return c.body(concatBytes(head, listLabels(dataset, label, classes.length)), 200, content);
      }
      const draw = createPartDrawer(c, dependencies, { model: dataset.model, seed, label });
      const body = streamSamples(head, dataset.start, dataset.n, draw, (samples, first) =>
        renderDatasetPart(context, samples, first),
      );
      return c.body(body, 200, content);
    });
  });
}

/** The labels alone, which need no network. */
function listLabels(
  { seed, start, n }: Pinned<'dataset'>,
  label: number | undefined,
  classes: number,
): Uint8Array {
  return label === undefined
    ? drawLabels(deriveSeedKey(seed), start, n, classes)
    : new Uint8Array(n).fill(label);
}

function nameFile({ format, seed, start, n, part }: Pinned<'dataset'>): string {
  const what = isInParts(format) ? `-${part}` : '';
  return `digitmint-${nameSeed(seed)}-${start}-${start + n - 1}${what}.${format}`;
}
