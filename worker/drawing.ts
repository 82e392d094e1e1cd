/**
 * Answers that a model draws from a seed: digits, loops and data sets. All take the same steps: a
 * 304 where a pinned URL determines the ETag, the lease of the model, the check of what the model
 * can draw, a 304 by the model's version, HEAD, and the drawing itself.
 */
import { concatBytes } from '@noble/hashes/utils.js';
import type { Manifest } from '../shared/model/artifact.ts';
import { findClass, listClasses } from '../shared/model/classes.ts';
import { formatColour, type Colour } from '../shared/picture/colour.ts';
import type { RouteName } from '../shared/contract/formats.ts';
import { LIMITS } from '../shared/contract/limits.ts';
import type { ModelChoice } from '../shared/contract/parameters.ts';
import { pickDigits, settleQuery, type UnknownName } from '../shared/contract/query.ts';
import { Refusal, refuseValue } from '../shared/contract/refusal.ts';
import { findOwnColours, resolveColours, type AskedColours } from '../shared/picture/paper.ts';
import type { Size } from '../shared/picture/sheet-layout.ts';
import type { AppContext } from './context.ts';
import type { AppDependencies } from './dependencies.ts';
import {
  countValues,
  doWork,
  LIGHT_WORK,
  measureSamples,
  withModel,
  type Work,
} from './http/admission.ts';
import { describeFit } from './http/fitting-work.ts';
import {
  buildPinnedHeaders,
  describeLength,
  hasCurrent,
  HEADERS,
  listWarnings,
  readHeader,
  type PinnedSource,
} from './http/headers.ts';
import { holdBytes, type Content } from './http/content.ts';
import { acceptsGzip, negotiateFormat } from './http/negotiation.ts';
import { checkHand, settleHand } from './hand.ts';
import { chooseRange, respondBytes, respondRange, respondPieces } from './http/range.ts';
import type { LoadedModel } from './models/model-cache.ts';

/** A request for something drawn. `P` has all defaults filled in. */
export interface Drawing<P extends PinnedSource> {
  readonly query: {
    readonly seed: string | undefined;
    readonly label: string | undefined;
    readonly model: ModelChoice | undefined;
    readonly hand: string | undefined;
    readonly to?: string | undefined;
    /** Names of unknown parameters, and of those without effect in the format. */
    readonly unknown: readonly UnknownName[];
    readonly withoutEffect: readonly string[];
  };
  readonly format: string;
  /** Whether Accept decided the format. */
  readonly isNegotiated: boolean;
  /** The text to draw in one hand: see `findLabels`. */
  readonly written: string | readonly string[] | undefined;
  /** Whether the answer holds absolute URLs. */
  readonly holdsUrls: boolean;
  /**
   * @param label     The class's name.
   * @param manifest  Null before the model is known.
   */
  pin(
    model: PinnedSource['model'],
    seed: string,
    label: string | undefined,
    manifest: Manifest | null,
  ): P;
  /** Builds path and query of the canonical URL. */
  buildUrl(pinned: P): string;
  /** @throws Refusal  When the model cannot draw this. */
  check(pinned: P, loaded: LoadedModel): void;
  /** Builds the headers of a 200 that a 304 does not have. */
  describeContent(pinned: P): Record<string, string>;
  /** Measures the work of an answer without a plan. */
  measureWork(pinned: P, loaded: LoadedModel): Work;
  /** Whether gzip is part of the format, or a coding for clients that accept it. */
  readonly gzip?: 'format' | 'coding';
  /** Plans an answer in a format whose length is known before a digit is drawn. */
  plan?(pinned: P, loaded: LoadedModel, labels: Uint8Array): Content | undefined;
  /** Whether drawing decides if the answer is an error, so that HEAD always draws. */
  mustDraw?(pinned: P, loaded: LoadedModel): boolean;
  /**
   * Draws and encodes an answer without a plan. HEAD draws too if GET has the same bytes, because
   * only drawing tells the length.
   * @param labels     The label that was asked for, or those of the digits to write.
   * @param markDrawn  Called between drawing and encoding, for Server-Timing.
   * @returns  Pieces if there can be many.
   * @throws Refusal
   */
  render(pinned: P, loaded: LoadedModel, labels: Uint8Array, markDrawn: () => void): Rendered;
  /** Whether pieces are sent as they are drawn, so that the answer has no length. */
  isLong?(pinned: P, loaded: LoadedModel): boolean;
}

type Rendered = Uint8Array<ArrayBuffer> | Pieces;
type Pieces = AsyncIterable<Uint8Array>;

export async function answerDrawing<P extends PinnedSource>(
  c: AppContext,
  dependencies: AppDependencies,
  drawing: Drawing<P>,
): Promise<Response> {
  const { drawSeed, clock } = dependencies;
  const { format, isNegotiated, gzip } = drawing;
  const query = settleHand(drawing.query);
  const warnings = listWarnings(query.unknown, query.withoutEffect, format);
  const isCoded = gzip === 'coding' && wantsGzip(c);
  const isCompressed = isCoded || gzip === 'format';
  const vary = [isNegotiated && 'Accept', gzip === 'coding' && 'Accept-Encoding'].filter(Boolean);
  const describe = (pinned: P): Record<string, string> => {
    const [url, { origin }] = [c.get('basePath') + drawing.buildUrl(pinned), c.get('url')];
    const headers = buildPinnedHeaders(pinned, url, drawing.holdsUrls, query, origin, warnings);
    if (vary.length > 0) {
      headers['Vary'] = vary.join(', ');
    }
    const etag = headers['ETag'];
    if (etag !== undefined && isCompressed) {
      // Weak, since another zlib may compress to other bytes.
      headers['ETag'] = `W/${etag.slice(0, -1)}-gzip"`;
    }
    return headers;
  };

  // A pinned URL determines its ETag, so a 304 needs no model.
  const { seed, model: { name: asked, version: fixed } = {} } = query;
  const isPinned = seed !== undefined && asked !== undefined && fixed !== undefined;
  if (isPinned && readHeader(c, 'if-none-match') !== undefined) {
    const model = { name: asked, version: fixed };
    const known = describe(drawing.pin(model, seed, query.label, null));
    if (hasCurrent(c, known['ETag'])) {
      return new Response(null, { status: 304, headers: known });
    }
  }

  const askedAt = clock();
  return withModel(c, dependencies, query.model, (loaded) => {
    const labels = findLabels(query.label, drawing.written, loaded);
    const { name, version, sampler, origin } = loaded;
    const [label] = query.label === undefined ? [] : labels;
    const className = label === undefined ? undefined : sampler.manifest.classes[label];
    const { manifest } = sampler;
    const pinned = drawing.pin({ name, version }, query.seed ?? drawSeed(), className, manifest);
    checkHand(query, loaded);
    drawing.check(pinned, loaded);
    const headers = describe(pinned);
    headers[HEADERS.modelSource] = origin;
    const mustDraw = drawing.mustDraw?.(pinned, loaded) === true;
    if (hasCurrent(c, headers['ETag'], !mustDraw)) {
      return new Response(null, { status: 304, headers });
    }
    const content = { ...headers, ...drawing.describeContent(pinned) };
    const request = { c, dependencies, drawing, loaded, labels, pinned, headers, content };
    const planned = drawing.plan?.(pinned, loaded, labels);
    return planned === undefined
      ? answerRendered({ ...request, isCoded, isCompressed }, mustDraw, askedAt)
      : answerPlanned(request, planned);
  });
}

/** A request whose model, seed and parameters are known. */
interface Settled<P extends PinnedSource> {
  readonly c: AppContext;
  readonly dependencies: AppDependencies;
  readonly drawing: Drawing<P>;
  readonly loaded: LoadedModel;
  readonly labels: Uint8Array;
  readonly pinned: P;
  /** Those of a 304, which a 200 has too. */
  readonly headers: Readonly<Record<string, string>>;
  /** Those of a 200. */
  readonly content: Record<string, string>;
}

/** Answers with a set or the part of one that is asked for: the length is known before. */
function answerPlanned<P extends PinnedSource>(
  { c, dependencies, drawing, loaded, labels, pinned, headers, content }: Settled<P>,
  planned: Content,
): Promise<Response> | Response {
  const part = chooseRange(c, headers['ETag'], planned.length);
  const measurePart = (whole: Content, first: number, end: number): Work => {
    const { sample, label } = whole.count(first, end);
    return { ...measureSamples(loaded.sampler.plan, sample), label };
  };
  const measure = (each: P): Work => {
    // Its format has a plan, whatever the other parameters are.
    const whole = drawing.plan?.(each, loaded, labels) as Content;
    return measurePart(whole, 0, whole.length);
  };
  return doWork(
    c,
    dependencies,
    c.req.method === 'HEAD' ? LIGHT_WORK : measurePart(planned, part.first, part.end),
    () => respondRange(c, content, planned, part),
    (maxMs) => (part.status === 206 ? 'a shorter range' : describeFit(pinned, measure, maxMs)),
  );
}

/** Answers with what `render` draws. `askedAt` is when the model was asked for. */
function answerRendered<P extends PinnedSource>(
  {
    isCoded,
    isCompressed,
    ...request
  }: Settled<P> & { readonly isCoded: boolean; readonly isCompressed: boolean },
  mustDraw: boolean,
  askedAt: number,
): Promise<Response> | Response {
  const { c, dependencies, drawing, loaded, labels, pinned, headers, content } = request;
  const { clock } = dependencies;
  const isStreamed = isCompressed || drawing.isLong?.(pinned, loaded) === true;
  const isFresh = headers['ETag'] === undefined;
  if (isStreamed || isFresh) {
    content['Accept-Ranges'] = 'none';
  }
  if (isCoded) {
    content['Content-Encoding'] = 'gzip';
  }
  if (c.req.method === 'HEAD' && (isStreamed || isFresh) && !mustDraw) {
    return new Response(null, { headers: content });
  }
  const measure = (each: P): Work => {
    const work = drawing.measureWork(each, loaded);
    return isCompressed ? { ...work, gzip: countValues(work.sample ?? 0, loaded) } : work;
  };
  const draw = (): Promise<Response> | Response => {
    const loadedAt = clock();
    let drawnAt = loadedAt;
    const body = drawing.render(pinned, loaded, labels, () => {
      drawnAt = clock();
    });
    if (mustDraw && hasCurrent(c, headers['ETag'], true)) {
      return new Response(null, { status: 304, headers });
    }
    const isWhole = body instanceof Uint8Array;
    if (isStreamed) {
      const pieces = isWhole ? holdBytes(body).read(0, body.length) : body;
      return respondPieces(c, 200, content, pieces, { isCompressed });
    }
    const send = (bytes: Uint8Array<ArrayBuffer>) => {
      content['Server-Timing'] = [
        `load;dur=${(loadedAt - askedAt).toFixed(1)}`,
        `generate;dur=${(drawnAt - loadedAt).toFixed(1)}`,
        `encode;dur=${(clock() - drawnAt).toFixed(1)}`,
      ].join(', ');
      if (readHeader(c, 'range') === undefined) {
        Object.assign(content, describeLength(headers['ETag'], bytes.length));
        return new Response(bytes, { headers: content });
      }
      return respondBytes(c, content, bytes);
    };
    return isWhole ? send(body) : collectPieces(body).then(send);
  };
  return doWork(c, dependencies, measure(pinned), draw, (maxMs) =>
    describeFit(pinned, measure, maxMs),
  );
}

/** Ranges count uncompressed bytes, so a request with Range gets no gzip. */
function wantsGzip(c: AppContext): boolean {
  const accepted = c.env?.readAcceptEncoding?.() ?? readHeader(c, 'accept-encoding');
  return readHeader(c, 'range') === undefined && acceptsGzip(accepted);
}

/** Joins pieces. `createDraw` lets other requests run between two of them. */
async function collectPieces(pieces: Pieces): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) {
    parts.push(piece);
  }
  return concatBytes(...parts) as Uint8Array<ArrayBuffer>;
}

/**
 * Chooses the format and settles the query.
 * @param formats  By the server's preference.
 * @throws Refusal
 */
export function settleFormat<F extends string, Q extends { readonly format: F | undefined }>(
  c: AppContext,
  route: RouteName,
  formats: Readonly<Record<F, string>>,
  extension: F | undefined,
  query: Q,
) {
  const chosen = chooseFormat(c, formats, extension, query.format);
  return { ...chosen, query: settleQuery(route, query, chosen.format) };
}

/** Chooses the path's extension, then `format=`, then Accept. */
function chooseFormat<F extends string>(
  c: AppContext,
  formats: Readonly<Record<F, string>>,
  extension: F | undefined,
  asked: F | undefined,
): { readonly format: F; readonly isNegotiated: boolean } {
  if (extension !== undefined && asked !== undefined && asked !== extension) {
    refuseValue('format', asked, `${extension}, as the path says, or no format at all`);
  }
  const format = extension ?? asked;
  if (format !== undefined) {
    return { format, isNegotiated: false };
  }
  const accept = readHeader(c, 'accept');
  const negotiated = negotiateFormat(accept, formats);
  if (negotiated === undefined) {
    const available = Object.values<string>(formats);
    throw new Refusal({ code: 'not_acceptable', accept: accept ?? '', available });
  }
  return { format: negotiated, isNegotiated: true };
}

/**
 * Finds the labels that a caller asked for: those of one hand, or the one of a class.
 * @param label    A class's name or number.
 * @param written  Names or numbers of classes; or a number with its signs, whose digits must be
 *                 names of classes. Overrides `label`.
 * @throws Refusal
 */
export function findLabels(
  label: string | undefined,
  written: string | readonly string[] | undefined,
  loaded: LoadedModel,
): Uint8Array {
  const { name, sampler } = loaded;
  const { classes } = sampler.manifest;
  const isNumber = typeof written === 'string';
  if (isNumber) {
    checkNumber(written, loaded);
  }
  const texts = isNumber ? pickDigits(written) : (written ?? (label === undefined ? [] : [label]));
  const labels: number[] = [];
  for (const text of texts) {
    const found = isNumber ? classes.indexOf(text) : findClass(classes, text);
    if (found === undefined || found < 0) {
      throw new Refusal({ code: 'label_not_supported', model: name, received: text, classes });
    }
    labels.push(found);
  }
  return Uint8Array.from(labels);
}

/** Refuses numbers where a model draws no digits, and signs where it draws in colours. */
function checkNumber(number: string, { name, sampler }: LoadedModel): void {
  const { classes, image } = sampler.manifest;
  const isDigit = (each: string) => /^[0-9]$/.test(each);
  if (!classes.some(isDigit)) {
    const reason =
      classes.length === 0
        ? 'it was trained without labels'
        : `its classes are no digits but ${listClasses(classes)}; /sample/CLASS draws one of them, and labels= of /morph goes from one to another`;
    refuse('digits', number, name, reason);
  }
  if (pickDigits(number) !== number && image.channels !== 1) {
    refuse('digits', number, name, 'it draws in colours of its own, and signs are of ink');
  }
}

/**
 * Refuses colours of ink and paper where a model draws in its own.
 * @param search  The colours as the caller wrote them.
 * @throws Refusal
 */
export function checkColours(
  query: { readonly fg: Colour | undefined; readonly bg: Colour | undefined },
  search: URLSearchParams,
  { name, sampler }: LoadedModel,
): void {
  const parameter = query.fg === undefined ? 'bg' : 'fg';
  if (query[parameter] !== undefined && sampler.manifest.image.channels !== 1) {
    refuse(parameter, search.get(parameter) ?? '', name, 'it draws in colours of its own');
  }
}

/**
 * Leaves out the colours that a model's pictures have anyway, so that equal pictures have one URL.
 * @param manifest  Null before the model is known: then the colours stay.
 */
export function omitOwnColours<
  P extends AskedColours & { readonly [K in 'dark_fg' | 'dark_bg']?: Colour | undefined },
>(look: P, manifest: Manifest | null): P {
  const { fg: ink, bg: ground, dark_fg: darkInk, dark_bg: darkGround } = look;
  if (manifest === null || (ink ?? ground ?? darkInk ?? darkGround) === undefined) {
    return look;
  }
  const { paper } = manifest.image;
  const own = findOwnColours(paper);
  const { fg, bg } = resolveColours(look, paper);
  const omit = (colour: Colour | undefined, same: Colour) =>
    colour !== undefined && formatColour(colour) === formatColour(same) ? undefined : colour;
  return {
    ...look,
    fg: omit(look.fg, own.fg),
    bg: omit(look.bg, own.bg),
    dark_fg: omit(look.dark_fg, fg),
    dark_bg: omit(look.dark_bg, bg),
  };
}

/** The size that a picture must fit into, or its scale. */
interface Fit {
  readonly scale: number;
  readonly width: number | undefined;
  readonly height: number | undefined;
}

/**
 * Chooses the largest scale at which a picture fits into `width` and `height`, if one is given.
 * @param dpr      The factor of both.
 * @param measure  Measures the picture with a scale.
 * @throws Refusal  When no scale is right.
 */
export function fitInto<P extends Fit>(
  picture: P,
  dpr: number | undefined,
  measure: (scale: number) => Size,
): P {
  const { width = Infinity, height = Infinity } = picture;
  if (width === Infinity && height === Infinity) {
    return picture;
  }
  const fits = (size: Size) => size.width <= width && size.height <= height;
  const refuseSide = (side: 'width' | 'height', bound: string) => {
    const [product, times = 1] = [picture[side] as number, dpr];
    const given = Math.round(product / times); // Exact, since `dpr` is at least 1.
    const expected = `${bound} for this picture`;
    refuseValue(
      side,
      String(given),
      given === product
        ? expected
        : `${side} times dpr to be ${expected}, not ${given} x ${times} = ${product}`,
    );
  };
  const smallest = measure(1);
  if (!fits(smallest)) {
    const side = smallest.width > width ? 'width' : 'height';
    refuseSide(side, `at least ${smallest[side]}`);
  }
  const beyond = measure(LIMITS.maxScale + 1);
  if (fits(beyond)) {
    const side = width === Infinity ? 'height' : 'width';
    refuseSide(side, `at most ${beyond[side] - 1}`);
  }
  let scale = LIMITS.maxScale;
  while (!fits(measure(scale))) {
    scale--;
  }
  return { ...picture, scale };
}

/** Finds the start of absolute URLs; undefined where no service answers. */
export function findBase(c: AppContext, { isOffline }: AppDependencies): string | undefined {
  return isOffline === true ? undefined : c.get('base');
}

/** Says that a model does not support a parameter. */
export function refuse(parameter: string, received: string, model: string, reason: string): never {
  throw new Refusal({ code: 'parameter_not_supported', parameter, received, model, reason });
}

/**
 * Names the file that a browser saves: in ASCII and, for names beyond it, in UTF-8 too (RFC 6266).
 * @param name  A name of characters that `encodeURIComponent` and RFC 8187 treat alike: no ' ( ) *.
 */
export function describeFile(disposition: 'inline' | 'attachment', name: string): string {
  const ascii = name.replace(/[^\x21-\x7e]+/g, '_');
  const whole = ascii === name ? '' : `; filename*=UTF-8''${encodeURIComponent(name)}`;
  return `${disposition}; filename="${ascii}"${whole}`;
}

/** Names a file of pictures. */
export function nameFile(
  prefix: string,
  { seed, start, n, format }: { seed: string; start: number; n: number; format: string },
): string {
  const last = n === 1 ? '' : `-${start + n - 1}`;
  return `digitmint-${prefix}${nameSeed(seed)}-${start}${last}.${format}`;
}

/** Writes a seed as part of a file's name: letters, digits and pictographs of any language. */
export function nameSeed(seed: string): string {
  const name = seed.replace(/[^\p{L}\p{M}\p{N}\p{So}_-]+/gu, '_');
  return [...name].slice(0, 40).join('');
}
