/**
 * `GET /morph`, `/morph.png`, `/morph.gif`: a loop in which digits turn into one another.
 */
import type { ApiError } from '../../shared/contract/errors.ts';
import { MORPH_FORMATS, type MorphFormat } from '../../shared/contract/formats.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { ROUTES, type Parameter } from '../../shared/contract/parameters.ts';
import {
  buildUrl,
  parseQuery,
  pinQuery,
  settleQuery,
  type Pinned,
  type Query,
  type Settled,
} from '../../shared/contract/query.ts';
import { measureSheet } from '../../shared/picture/sheet.ts';
import { admit } from '../http/admit.ts';
import type { App, AppContext, AppDependencies } from '../context.ts';
import { chooseFormat } from '../formats/digit-format.ts';
import {
  describePinned,
  describeTiming,
  listWarnings,
  nameFile,
} from '../formats/digit-headers.ts';
import { hasCurrent, HEADERS } from '../http/headers.ts';
import { checkColours, findAsked } from '../models/match-model.ts';
import { QUERY_ERRORS, WORK_ERRORS, type Operation } from '../http/operation.ts';
import { renderMorph } from '../formats/morph.ts';
import { respondError } from '../http/respond-error.ts';
import { answerCurrent, withModel } from '../models/with-model.ts';

const FORMATS = Object.keys(MORPH_FORMATS) as MorphFormat[];

const SHARED = {
  kind: 'api',
  query: ROUTES.morph,
  answers: { [MORPH_FORMATS.png]: 'bytes', [MORPH_FORMATS.gif]: 'bytes' },
  conditional: true,
  errors: [
    ...QUERY_ERRORS,
    'label_not_supported',
    'parameter_not_supported',
    'picture_too_large',
    'model_not_found',
    'not_acceptable',
    ...WORK_ERRORS,
  ],
} as const satisfies Partial<Operation>;

const EXTENSION: Parameter = {
  ...ROUTES.morph.format,
  about: 'The answer’s format; png is animated',
  without: '',
};

export const MORPH_OPERATIONS: readonly Operation[] = [
  {
    ...SHARED,
    id: 'drawMorph',
    path: '/morph',
    routes: ['/morph'],
    summary: 'A loop in which digits turn into one another, in the format of format= or Accept',
    examples: ['/morph?seed=Ada&scale=4'],
  },
  {
    ...SHARED,
    id: 'drawMorphAs',
    path: '/morph.{extension}',
    routes: FORMATS.map((format) => `/morph.${format}`),
    summary: 'The same in the extension’s format',
    pathParameters: { extension: EXTENSION },
    examples: [
      '/morph.png?scale=4',
      '/morph.gif?digits=9876543210&seed=Ada&scale=4&hold=600',
      '/morph.png?label=7&seed=Ada&scale=4&smooth=1&fg=1d2430&bg=transparent&hold=0',
    ],
  },
];

export function addMorphRoutes(app: App, dependencies: AppDependencies): void {
  app.get('/morph', (c) => answerMorph(c, dependencies, undefined));
  for (const format of FORMATS) {
    app.get(`/morph.${format}`, (c) => answerMorph(c, dependencies, format));
  }
}

async function answerMorph(
  c: AppContext,
  dependencies: AppDependencies,
  extension: MorphFormat | undefined,
): Promise<Response> {
  const { drawSeed, clock } = dependencies;
  const { origin, searchParams } = new URL(c.req.url);
  const parsed = parseQuery('morph', searchParams);
  if (!parsed.ok) {
    return respondError(c, parsed.error);
  }
  const format = chooseFormat(
    MORPH_FORMATS,
    extension,
    parsed.query.format,
    c.req.header('accept'),
  );
  if (typeof format !== 'string') {
    return respondError(c, format);
  }
  const settled = settleQuery('morph', parsed.query, format);
  if (!settled.ok) {
    return respondError(c, settled.error);
  }
  const { query } = settled;
  const negotiated = extension === undefined && query.format === undefined;

  const current = answerCurrent(c, query, (model, seed) =>
    describeMorph(pinQuery('morph', query, format, model, seed), query, origin, negotiated),
  );
  if (current !== undefined) {
    return current;
  }

  const began = clock();
  return withModel(c, dependencies, query.model, (generator) => {
    const { classes, image } = generator.sampler.manifest;
    const labels = findAsked(query.label, query.digits, generator);
    if ('code' in labels) {
      return respondError(c, labels);
    }
    const label = query.digits === undefined ? labels[0] : undefined;
    const named = { ...query, label: label === undefined ? undefined : classes[label] };
    const morph = pinQuery('morph', named, format, generator, query.seed ?? drawSeed());
    const error = checkColours(query, generator) ?? checkSize(morph, image);
    if (error !== undefined) {
      return respondError(c, error);
    }
    const headers: Record<string, string> = {
      ...describeMorph(morph, query, origin, negotiated),
      [HEADERS.modelSource]: generator.origin,
    };
    if (hasCurrent(c, headers['ETag'])) {
      return c.body(null, 304, headers);
    }
    const { seed, start, n: count, frames } = morph;
    const content = {
      ...headers,
      'Content-Type': MORPH_FORMATS[format],
      'Content-Disposition': `inline; filename="${nameFile('morph-', seed, start, query.digits === undefined ? count : 1, format)}"`,
    };
    if (c.req.method === 'HEAD') {
      return c.body(null, 200, content);
    }
    return admit(
      c,
      dependencies,
      { digits: count * frames, pixels: countPixels(morph, image) },
      () => {
        const loaded = clock();
        const drawn = generator.sampler.drawMorph({
          seed,
          start,
          frames,
          ...(query.digits === undefined
            ? { count, ...(label !== undefined && { label }) }
            : { labels }),
        });
        const generated = clock();
        const body = renderMorph(c.get('png'), morph, drawn);
        return c.body(body, 200, {
          ...content,
          'Content-Length': String(body.length),
          'Server-Timing': describeTiming({
            load: loaded - began,
            generate: generated - loaded,
            encode: clock() - generated,
          }),
        });
      },
    );
  });
}

/** The headers that a 200 and a 304 share. */
function describeMorph(
  morph: Pinned<'morph'>,
  query: Settled<Query<'morph'>>,
  origin: string,
  negotiated: boolean,
): Record<string, string> {
  const { seed, model } = morph;
  const warnings = listWarnings(query.unknown, query.withoutEffect, morph.format);
  return {
    ...describePinned(
      { permalink: buildUrl('morph', morph), holdsUrls: false, seed, model },
      query,
      origin,
      warnings,
    ),
    ...(negotiated && { Vary: 'Accept' }),
  };
}

/** Of all frames. */
function countPixels(morph: Pinned<'morph'>, image: { width: number; height: number }): number {
  const { width, height } = measureSheet(image, 1, { ...morph, cols: 1 });
  return width * height * morph.n * morph.frames;
}

function checkSize(
  morph: Pinned<'morph'>,
  image: { width: number; height: number },
): ApiError | undefined {
  const { width, height } = measureSheet(image, 1, { ...morph, cols: 1 });
  const frames = morph.n * morph.frames;
  return countPixels(morph, image) > LIMITS.maxMorphPixels
    ? { code: 'picture_too_large', width, height, frames, maxPixels: LIMITS.maxMorphPixels }
    : undefined;
}
