/**
 * `GET /oembed`: how a pasted link becomes a picture (oembed.com, version 1.0, type photo).
 */
import * as z from 'zod';
import { oembedSchema } from '../../shared/contract/answers.ts';
import { DIGIT_PARAMETERS, parseDigitQuery } from '../../shared/contract/digit-query.ts';
import type { ApiError } from '../../shared/contract/errors.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { parseParameters, wholeNumber, type ParameterSet } from '../../shared/contract/parameters.ts';
import { chooseCols, measureSheet } from '../../shared/sheet.ts';
import { getDefer, type App, type AppContext, type AppDependencies } from '../context.ts';
import { API_HEADERS } from '../headers.ts';
import { QUERY_ERRORS, type Operation } from '../operation.ts';
import { respondError } from '../respond-error.ts';

/** What the page at `/` is embedded as. */
const HOME_PICTURE = '/digit.png?n=16&scale=4';

const MAX_SIDE = 100_000;

const OEMBED_PARAMETERS = {
  url: {
    schema: z.string().min(1).max(LIMITS.maxUrlLength).meta({ description: 'a URL of this service' }),
    about: 'What was pasted: the home page, or digits as a picture',
    without: 'a 404',
    example: 'https://YOUR-WORKER/digit.png?seed=Ada',
  },
  maxwidth: {
    schema: wholeNumber(1, MAX_SIDE),
    about: 'Pixels; scale is lowered to fit',
    without: 'as the URL says',
    example: '400',
  },
  maxheight: {
    schema: wholeNumber(1, MAX_SIDE),
    about: 'Pixels; scale is lowered to fit',
    without: 'as the URL says',
    example: '400',
  },
  format: {
    schema: z.string().max(16).meta({ description: 'json' }),
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
  summary: 'How a link to this service is embedded, as oEmbed has it',
  query: OEMBED_PARAMETERS,
  answers: { 'application/json': oembedSchema },
  errors: [...QUERY_ERRORS, 'not_found', 'model_not_found', 'format_not_implemented', 'model_unavailable'],
  examples: [],
};

export function addOembedRoute(app: App, dependencies: AppDependencies): void {
  app.get('/oembed', async (c) => {
    const parsed = parseParameters(OEMBED_PARAMETERS, new URL(c.req.url).searchParams);
    if (!parsed.ok) {
      return respondError(c, parsed.error);
    }
    const { url = '', format = 'json', maxwidth = MAX_SIDE, maxheight = MAX_SIDE } = parsed.values;
    if (format !== 'json') {
      return respondError(c, { code: 'format_not_implemented', received: format, available: ['json'] });
    }
    const answer = await describePhoto(c, dependencies, url, { width: maxwidth, height: maxheight });
    return 'code' in answer
      ? respondError(c, answer)
      : c.json(answer, 200, { ...API_HEADERS, 'Cache-Control': 'public, max-age=300' });
  });
}

type Size = { readonly width: number; readonly height: number };

async function describePhoto(
  c: AppContext,
  { generators }: AppDependencies,
  pasted: string,
  most: Size,
): Promise<z.output<typeof oembedSchema> | ApiError> {
  const { origin } = new URL(c.req.url);
  const search = findPicture(pasted, origin);
  if (search === undefined) {
    return { code: 'not_found', path: pasted };
  }
  const parsed = parseDigitQuery(search);
  if (!parsed.ok) {
    return parsed.error;
  }
  const { query } = parsed;
  const acquired = await generators.acquire(query.model, getDefer(c));
  if (!acquired.ok) {
    return acquired.error;
  }
  const { image } = acquired.lease.generator.sampler.manifest;
  acquired.lease.release();
  const n = query.n ?? 1;
  const measure = (scale: number) =>
    measureSheet(image, n, { cols: query.cols ?? chooseCols(n), scale, gap: query.gap ?? 0, margin: query.margin ?? 0 });
  const fits = ({ width, height }: Size) => width <= most.width && height <= most.height;
  let scale = query.scale ?? 1;
  while (scale > 1 && !fits(measure(scale))) {
    scale--;
  }
  const size = measure(scale);
  if (!fits(size)) {
    const parameter = size.width > most.width ? 'maxwidth' : 'maxheight';
    const [received, needed] = parameter === 'maxwidth' ? [most.width, size.width] : [most.height, size.height];
    return { code: 'invalid_parameter', parameter, received: String(received), expected: `at least ${needed} for this URL` };
  }
  search.set('scale', String(scale));
  return {
    version: '1.0',
    type: 'photo',
    title: n === 1 ? 'A handwritten digit that nobody wrote' : `${n} handwritten digits that nobody wrote`,
    provider_name: 'digitmint',
    provider_url: `${origin}/`,
    url: `${origin}/digit.png?${search.toString()}`,
    ...size,
  };
}

/** The parameters of the picture that a URL of this service stands for; undefined when it stands for none. */
function findPicture(pasted: string, origin: string): URLSearchParams | undefined {
  const url = URL.parse(pasted);
  if (url?.origin !== origin) {
    return undefined;
  }
  if (url.pathname === '/') {
    return new URL(HOME_PICTURE, origin).searchParams;
  }
  const path = /^\/digit(?:\/([^/]+?))?(?:\.png)?$/.exec(url.pathname);
  if (path === null) {
    return undefined;
  }
  const known = [...url.searchParams].filter(([name]) => Object.hasOwn(DIGIT_PARAMETERS, name) && name !== 'format');
  const search = new URLSearchParams(known);
  if (path[1] !== undefined) {
    search.append('label', decodeOrKeep(path[1]));
  }
  return search;
}

function decodeOrKeep(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // Then no class has that name.
  }
}
