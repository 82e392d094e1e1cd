/**
 * `GET /oembed`: how a pasted link becomes a picture (oembed.com, version 1.0, type photo).
 */
import type * as z from 'zod';
import { oembedSchema } from '../../shared/contract/answers.ts';
import type { ApiError } from '../../shared/contract/errors.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { encodeNumber } from '../../shared/contract/number-text.ts';
import { ROUTES } from '../../shared/contract/parameters.ts';
import {
  fillDefaults,
  parseDigitQuery,
  parseParameters,
  parseQuery,
  settleQuery,
  type DigitQuery,
  type Parsed,
  type ParameterSet,
} from '../../shared/contract/query.ts';
import { writeNumber } from '../../shared/picture/number.ts';
import { chooseCols, measureSheet } from '../../shared/picture/sheet.ts';
import { getDefer, type App, type AppContext, type AppDependencies } from '../context.ts';
import { API_HEADERS } from '../http/headers.ts';
import { checkColours, findAsked } from '../models/match-model.ts';
import { QUERY_ERRORS, WORK_ERRORS, type Operation } from '../http/operation.ts';
import { countRequest } from '../http/rate-limit.ts';
import { respondError } from '../http/respond-error.ts';

/** What the page at `/` is embedded as. */
const HOME_PICTURE = '/digit.png?n=16&scale=4';

const MAX_SIDE = 100_000;

const OEMBED_PARAMETERS = {
  url: {
    kind: 'text',
    maxLength: LIMITS.maxUrlLength,
    expected: 'a URL of this service',
    about: 'The pasted URL: the home page, or a picture of digits, a number or a loop',
    without: 'a 404',
    example: 'https://YOUR-WORKER/digit.png?seed=Ada',
  },
  maxwidth: {
    kind: 'whole',
    min: 1,
    max: MAX_SIDE,
    about: 'Pixels; scale is lowered to fit',
    without: 'as the URL says',
    example: '400',
  },
  maxheight: {
    kind: 'whole',
    min: 1,
    max: MAX_SIDE,
    about: 'Pixels; scale is lowered to fit',
    without: 'as the URL says',
    example: '400',
  },
  format: {
    kind: 'text',
    minLength: 0,
    maxLength: 16,
    expected: 'json',
    about: 'The answer’s format; oEmbed’s other one, xml, is a 501',
    without: 'json',
    example: 'json',
  },
} as const satisfies ParameterSet;

export const OEMBED_OPERATION: Operation = {
  id: 'getOembed',
  path: '/oembed',
  routes: ['/oembed'],
  kind: 'api',
  summary: 'The oEmbed answer for a link to this service',
  query: OEMBED_PARAMETERS,
  answers: { 'application/json': oembedSchema },
  errors: [
    ...QUERY_ERRORS,
    'label_not_supported',
    'parameter_not_supported',
    'picture_too_large',
    'not_found',
    'model_not_found',
    'format_not_implemented',
    ...WORK_ERRORS,
  ],
  examples: [],
};

export function addOembedRoute(app: App, dependencies: AppDependencies): void {
  app.get('/oembed', async (c) => {
    const parsed = parseParameters(OEMBED_PARAMETERS, new URL(c.req.url).searchParams);
    if (!parsed.ok) {
      return respondError(c, parsed.error);
    }
    const { url = '', format = 'json', maxwidth = MAX_SIDE, maxheight = MAX_SIDE } = parsed.query;
    if (format !== 'json') {
      return respondError(c, {
        code: 'format_not_implemented',
        received: format,
        available: ['json'],
      });
    }
    const answer = await describePhoto(c, dependencies, url, {
      width: maxwidth,
      height: maxheight,
    });
    return 'code' in answer
      ? respondError(c, answer)
      : c.json(answer, 200, { ...API_HEADERS, 'Cache-Control': 'public, max-age=300' });
  });
}

type Size = { readonly width: number; readonly height: number };

/** A picture that a URL stands for. */
interface Pasted {
  readonly kind: 'digit' | 'number' | 'morph';
  readonly extension: string;
  /** Of `/number`. */
  readonly number: string;
  /** What of its parameters counts. */
  readonly search: URLSearchParams;
}

async function describePhoto(
  c: AppContext,
  { generators, drawSeed, rateLimits }: AppDependencies,
  pasted: string,
  most: Size,
): Promise<z.output<typeof oembedSchema> | ApiError> {
  const { origin } = new URL(c.req.url);
  const found = findPicture(pasted, origin);
  if (found === undefined) {
    return { code: 'not_found', path: pasted };
  }
  const parsed = parsePicture(found);
  if (!parsed.ok) {
    return parsed.error;
  }
  const { query } = parsed;
  const limited = await countRequest(c, rateLimits, false);
  if (limited !== undefined) {
    return limited;
  }
  const acquired = await generators.acquire(query.model, getDefer(c));
  if (!acquired.ok) {
    return acquired.error;
  }
  const { search } = found;
  const { generator, release } = acquired.lease;
  let sample: Size;
  try {
    const { digits = found.number } = query;
    const labels = findAsked(query.label, digits === '' ? undefined : digits, generator);
    if ('code' in labels) {
      return labels;
    }
    const refused = checkColours(query, generator);
    if (refused !== undefined) {
      return refused;
    }
    sample = generator.sampler.manifest.image;
    if (found.kind === 'number') {
      // Its digits tell how wide it is: so the picture must be of this seed and this version.
      const { seed = drawSeed(), start = 0 } = query;
      sample = writeNumber(found.number, generator.sampler.drawHand({ seed, start, labels }), {
        seed,
        start,
      });
      search.set('seed', seed);
      search.set('model', `${generator.name}@${generator.version}`);
    }
  } finally {
    release();
  }
  const n = found.kind === 'digit' ? (query.n ?? 1) : 1;
  const { cols = chooseCols(n), gap = 0, margin = 0 } = query;
  const measure = (scale: number) => measureSheet(sample, n, { cols, scale, gap, margin });
  const fits = ({ width, height }: Size) => width <= most.width && height <= most.height;
  let scale = query.scale ?? 1;
  while (scale > 1 && !fits(measure(scale))) {
    scale--;
  }
  const size = measure(scale);
  if (!fits(size)) {
    const parameter = size.width > most.width ? 'maxwidth' : 'maxheight';
    const [received, needed] =
      parameter === 'maxwidth' ? [most.width, size.width] : [most.height, size.height];
    return {
      code: 'invalid_parameter',
      parameter,
      received: String(received),
      expected: `at least ${needed} for this URL`,
    };
  }
  const maxPixels = found.kind === 'morph' ? LIMITS.maxMorphPixels : LIMITS.maxPicturePixels;
  if (found.extension !== 'svg' && size.width * size.height * query.frames > maxPixels) {
    return {
      code: 'picture_too_large',
      ...size,
      ...(found.kind === 'morph' && { frames: query.frames }),
      maxPixels,
    };
  }
  // All that dpr multiplies is told as its product; it would multiply that again.
  search.delete('dpr');
  for (const [name, value] of Object.entries({ scale, gap: query.gap, margin: query.margin })) {
    if (value !== undefined) {
      search.set(name, String(value));
    }
  }
  const path = found.kind === 'number' ? `/number/${encodeNumber(found.number)}` : `/${found.kind}`;
  return {
    version: '1.0',
    type: 'photo',
    title: nameDigits(found, query),
    provider_name: 'digitmint',
    provider_url: `${origin}/`,
    url: `${origin}${path}.${found.extension}?${search.toString()}`,
    ...size,
  };
}

/** What a screen reader says. */
function nameDigits({ kind, number }: Pasted, { n = 1, digits }: PictureQuery): string {
  switch (kind) {
    case 'digit':
      return n === 1
        ? 'A handwritten digit that nobody wrote'
        : `${n} handwritten digits that nobody wrote`;
    case 'number':
      return `The handwritten number ${number}, which nobody wrote`;
    case 'morph':
      return `Handwritten digits that nobody wrote, turning into one another${digits === undefined ? '' : `: ${[...digits].join(', ')}`}`;
  }
}

/** What counts of a picture's query: some of it is of one kind of picture alone. */
type PictureQuery = Partial<Omit<DigitQuery, 'format'>> &
  Pick<DigitQuery, 'fg' | 'bg'> & {
    readonly digits?: string | undefined;
    /** All frames of a loop; 1 for other pictures. */
    readonly frames: number;
  };

function parsePicture({ kind, extension, number, search }: Pasted): Parsed<PictureQuery> {
  if (kind === 'morph') {
    const parsed = parseQuery('morph', search);
    if (!parsed.ok) {
      return parsed;
    }
    const { n, frames } = fillDefaults('morph', parsed.query);
    return settleQuery('morph', { ...parsed.query, frames: n * frames }, extension);
  }
  const parsed = parseDigitQuery(search, kind === 'number' ? number : undefined);
  return parsed.ok ? settleQuery(kind, { ...parsed.query, frames: 1 }, extension) : parsed;
}

/** The formats of each route that are pictures; the first is the default. */
const EXTENSIONS: Readonly<Record<Pasted['kind'], readonly string[]>> = {
  digit: ['png', 'svg'],
  number: ['png', 'svg'],
  morph: ['png', 'gif'],
};

/** The picture that a URL of this service stands for; undefined when it stands for none. */
function findPicture(pasted: string, origin: string): Pasted | undefined {
  // Not URL.parse: the server runs on Node 20 too.
  const given = URL.canParse(pasted) ? new URL(pasted) : null;
  if (given?.origin !== origin) {
    return undefined;
  }
  const url = given.pathname === '/' ? new URL(HOME_PICTURE, origin) : given;
  const path = /^\/(digit|number|morph)(?:\/([^/]+?))?(?:\.(png|svg|gif))?$/.exec(url.pathname);
  if (path === null) {
    return undefined;
  }
  const kind = path[1] as Pasted['kind'];
  const name = path[2];
  const extensions = EXTENSIONS[kind];
  const extension = path[3] ?? url.searchParams.get('format') ?? (extensions[0] as string);
  // By a label, which may be missing, or a number, which may not.
  const isNamed = name !== undefined;
  if (
    !extensions.includes(extension) ||
    (kind === 'number' && !isNamed) ||
    (kind === 'morph' && isNamed)
  ) {
    return undefined;
  }
  const search = new URLSearchParams(
    [...url.searchParams].filter(([key]) => Object.hasOwn(ROUTES[kind], key) && key !== 'format'),
  );
  if (kind === 'digit' && isNamed) {
    search.append('label', decodeOrKeep(name));
  }
  return { kind, extension, number: kind === 'number' ? decodeOrKeep(name ?? '') : '', search };
}

function decodeOrKeep(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // Then no class has that name, and it is no number.
  }
}
