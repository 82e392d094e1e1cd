/** `GET /oembed`: how a pasted link becomes a picture (oembed.com, version 1.0, type photo). */
import { tryDecode } from 'hono/utils/url';
import type * as v from 'valibot';
import type { oembedSchema } from '../../shared/contract/answers.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import {
  type DigitQuery,
  encodeNumber,
  fillDefaults,
  type ParameterSet,
  parseDigitQuery,
  parseParameters,
  parseQuery,
  settleQuery,
} from '../../shared/contract/query.ts';
import { ROUTES } from '../../shared/contract/parameters.ts';
import { orRefuse, Refusal, refuseValue } from '../../shared/contract/refusal.ts';
import { HANDWRITTEN_DIGITS, nameOne, type Subject } from '../../shared/model/subject.ts';
import { writeNumber } from '../../shared/picture/number.ts';
import { chooseCols, measureSheet, type Size } from '../../shared/picture/sheet-layout.ts';
import { capitalize } from '../../shared/text.ts';
import type { App, AppContext } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { checkColours, findLabels, fitInto } from '../drawing.ts';
import { checkHand, readHand, settleHand } from '../hand.ts';
import { DOCUMENT_HEADERS } from '../http/headers.ts';
import { DRAWING_ERRORS, type OperationEntry } from '../http/operation.ts';
import { countRequest, doWork, LIGHT_WORK, measureSamples } from '../http/admission.ts';
import { refuseLargePicture } from '../http/fitting-work.ts';
import { respondJson } from '../http/range.ts';
import { useModel } from '../models/model-source.ts';
import type { LoadedModel } from '../models/model-cache.ts';

/** The embedded form of the page at `/`. */
const HOME_PICTURE = '/digit.png?n=16&seed=Ada&width=512';
const MAX_SIDE = 100_000;

const MAX_PIXELS = {
  kind: 'whole',
  min: 1,
  max: MAX_SIDE,
  about: 'Pixels; scale is lowered to fit',
  without: 'as the URL says',
  example: '400',
} as const;

const OEMBED_PARAMETERS = {
  url: {
    kind: 'text',
    maxLength: LIMITS.maxUrlLength,
    expected: 'a URL of this service',
    about: 'The pasted URL: the home page, or a picture of samples, a number or a loop',
    required: true,
    example: 'https://YOUR-WORKER/digit.png?seed=Ada',
  },
  maxwidth: MAX_PIXELS,
  maxheight: MAX_PIXELS,
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

export const OEMBED_OPERATION: OperationEntry = {
  id: 'getOembed',
  path: '/oembed',
  tag: 'service',
  summary: 'The oEmbed answer for a link to this service',
  query: OEMBED_PARAMETERS,
  answers: { 'application/json': 'oembedSchema' },
  errors: [
    ...DRAWING_ERRORS,
    'missing_parameter',
    'picture_too_large',
    'not_found',
    'format_not_implemented',
  ],
};

export function addOembedRoute(app: App, dependencies: AppDependencies): void {
  app.get('/oembed', async (c) => {
    const query = parseParameters(OEMBED_PARAMETERS, c.get('url').searchParams);
    const {
      url,
      format = 'json',
      maxwidth: width = Infinity,
      maxheight: height = Infinity,
    } = query;
    if (format !== 'json') {
      const available = ['json'];
      throw new Refusal({ code: 'format_not_implemented', received: format, available });
    }
    const answer = await describePhoto(c, dependencies, url, { width, height });
    return respondJson(answer, DOCUMENT_HEADERS);
  });
}

/** The picture that a URL stands for. */
interface Pasted {
  readonly kind: keyof typeof EXTENSIONS;
  readonly extension: string;
  /** The number of `/number`. */
  readonly number: string | undefined;
  /** The parameters that the kind takes. */
  readonly search: URLSearchParams;
}

async function describePhoto(
  c: AppContext,
  dependencies: AppDependencies,
  url: string,
  max: Size,
): Promise<v.InferOutput<typeof oembedSchema>> {
  const { modelSource, drawSeed, rateLimits } = dependencies;
  const base = c.get('base');
  const pasted = findPicture(url, base);
  if (pasted === undefined) {
    throw new Refusal({ code: 'not_found', path: url });
  }
  const { kind, number, extension, search } = pasted;
  const query = settleHand(parsePicture(pasted));
  let subject = HANDWRITTEN_DIGITS;
  const measureSample = (loaded: LoadedModel): Size | Promise<Size> => {
    const { name, version, sampler } = loaded;
    subject = sampler.manifest.subject ?? subject;
    const written = query.labels?.split(',') ?? query.digits ?? number;
    const labels = findLabels(query.label, written, loaded);
    checkColours(query, search, loaded);
    checkHand(query, loaded);
    if (number === undefined) {
      return doWork(c, dependencies, LIGHT_WORK, () => sampler.manifest.image);
    }
    // The drawn digits decide its width, so the URL pins the seed and the version.
    const { seed = drawSeed(), hand: text } = query;
    const { start, truncation, vary } = fillDefaults('number', query);
    const hand = text === undefined ? undefined : readHand(text, vary);
    search.set('seed', seed);
    search.set('model', `${name}@${version}`);
    // A sign takes about as long as a digit.
    return doWork(c, dependencies, measureSamples(sampler.plan, number.length), () =>
      writeNumber(number, sampler.drawHand({ seed, start, truncation, labels, hand }), {
        seed,
        start,
      }),
    );
  };
  const admitLoad = () => countRequest(c, rateLimits, true);
  const defer = c.get('defer');
  const sample = orRefuse(
    await useModel(modelSource, query.model, defer, measureSample, admitLoad),
  );
  const n = kind === 'digit' ? (query.n ?? 1) : 1;
  const { scale, width, height } = fitScale(query, n, sample, max);
  const { frames, gap, margin } = query;
  const maxPixels = frames === undefined ? LIMITS.maxPicturePixels : LIMITS.maxMorphPixels;
  if (extension !== 'svg' && width * height * (frames ?? 1) > maxPixels) {
    const size = { width, height, ...(frames !== undefined && { frames }) };
    refuseLargePicture(size, maxPixels, { ...query, number });
  }
  // The chosen scale and the products with dpr are in the URL: dpr would multiply them again.
  ['dpr', 'width', 'height'].forEach((name) => search.delete(name));
  for (const [name, value] of Object.entries({ scale, gap, margin })) {
    if (value !== undefined) {
      search.set(name, String(value));
    }
  }
  const path = number === undefined ? `/${kind}` : `/number/${encodeNumber(number)}`;
  return {
    version: '1.0',
    type: 'photo',
    title: describePicture(pasted, query, subject),
    provider_name: 'digitmint',
    provider_url: `${base}/`,
    url: `${base}${path}.${extension}?${search.toString()}`,
    width,
    height,
  };
}

/** Finds the largest scale up to the asked one at which the picture fits. @throws Refusal */
function fitScale(
  query: PictureQuery,
  n: number,
  sample: Size,
  max: Size,
): Size & { readonly scale: number } {
  const { cols = chooseCols(n), gap = 0, margin = 0 } = query;
  const { scale: asked = 1, width, height, dpr } = query;
  const measure = (scale: number) => measureSheet(sample, n, { cols, scale, gap, margin });
  for (let { scale } = fitInto({ scale: asked, width, height }, dpr, measure); ; scale--) {
    const size = measure(scale);
    if (size.width <= max.width && size.height <= max.height) {
      return { ...size, scale };
    }
    if (scale === 1) {
      const side = size.width > max.width ? 'width' : 'height';
      refuseValue(`max${side}`, String(max[side]), `at least ${size[side]} for this URL`);
    }
  }
}

/** Describes a picture for screen readers. */
function describePicture(
  { kind, number }: Pasted,
  { n = 1, digits, labels }: PictureQuery,
  subject: Subject,
): string {
  if (number !== undefined) {
    return `The handwritten number ${number}, which nobody wrote`;
  }
  const { many } = subject;
  const origin =
    subject === HANDWRITTEN_DIGITS ? ' that nobody wrote' : ' drawn by a neural network';
  if (kind === 'morph') {
    const names = labels?.split(',') ?? [...(digits ?? '')];
    const listed = names.length === 0 ? '' : `: ${names.join(', ')}`;
    return `${capitalize(many)}${origin}, turning into one another${listed}`;
  }
  return n === 1 ? `${nameOne(subject)}${origin}` : `${n} ${many}${origin}`;
}

/** The used parameters of all kinds of pictures. */
type PictureQuery = Partial<Omit<DigitQuery, 'format'>> &
  Pick<DigitQuery, 'fg' | 'bg'> & {
    readonly digits?: string | undefined;
    readonly labels?: string | undefined;
    /** All frames of a loop. */
    readonly frames?: number;
  };

/** @throws Refusal */
function parsePicture({ kind, extension, number, search }: Pasted): PictureQuery {
  if (kind !== 'morph') {
    return settleQuery(kind, parseDigitQuery(search, number), extension);
  }
  const query = parseQuery('morph', search);
  const { n, frames } = fillDefaults('morph', query);
  return settleQuery('morph', { ...query, frames: n * frames }, extension);
}

/** The formats of each kind that are pictures. */
const EXTENSIONS = {
  digit: ['png', 'svg'],
  number: ['png', 'svg'],
  morph: ['png', 'gif'],
} as const;

/** Finds the picture that a URL of this service stands for. */
function findPicture(pasted: string, base: string): Pasted | undefined {
  const given = URL.canParse(pasted) ? new URL(pasted) : null; // Node 20 has no URL.parse.
  const home = new URL(`${base}/`);
  if (given?.origin !== home.origin || !`${given.pathname}/`.startsWith(home.pathname)) {
    return undefined;
  }
  const isHome = given.pathname.length <= home.pathname.length;
  const url = isHome ? new URL(base + HOME_PICTURE) : given;
  const path = /^(digit|sample|number|morph)(?:\/([^/]+?))?(?:\.(png|svg|gif))?$/.exec(
    url.pathname.slice(home.pathname.length),
  );
  if (path === null) {
    return undefined;
  }
  const kind = path[1] === 'sample' ? 'digit' : (path[1] as Pasted['kind']);
  const name = path[2]; // A label, which is optional, or a number, which is not.
  const extensions: readonly string[] = EXTENSIONS[kind];
  const extension = path[3] ?? url.searchParams.get('format') ?? 'png';
  if (
    !extensions.includes(extension) ||
    (kind === 'number' && name === undefined) ||
    (kind === 'morph' && name !== undefined)
  ) {
    return undefined;
  }
  const search = new URLSearchParams(
    [...url.searchParams].filter(([key]) => Object.hasOwn(ROUTES[kind], key) && key !== 'format'),
  );
  const text = tryDecode(name ?? '', decodeURIComponent);
  if (kind === 'digit' && name !== undefined) {
    search.append('label', text);
  }
  return { kind, extension, number: kind === 'number' ? text : undefined, search };
}
