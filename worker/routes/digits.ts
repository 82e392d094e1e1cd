/**
 * `GET /digit`, `/digit.png`, `/digit/7.png`, the same as `/sample`, and `/number/2026.png` in one
 * handwriting.
 */
import { DIGIT_FORMATS, FORMATS, type DigitFormat } from '../../shared/contract/formats.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { NUMBER, ROUTES, type Parameter } from '../../shared/contract/parameters.ts';
import { Refusal } from '../../shared/contract/refusal.ts';
import {
  buildDigitUrl,
  parseDigitQuery,
  pinQuery,
  type DigitQuery,
  type PinnedDigits,
} from '../../shared/contract/query.ts';
import { measureWidestJoined, writeNumber } from '../../shared/picture/number.ts';
import { measureSheet, type Size } from '../../shared/picture/sheet-layout.ts';
import { capitalize } from '../../shared/text.ts';
import type { App, AppContext } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import {
  answerDrawing,
  checkColours,
  describeFile,
  findBase,
  fitInto,
  nameFile,
  omitOwnColours,
  refuse,
  settleFormat,
} from '../drawing.ts';
import { readHand } from '../hand.ts';
import { renderDigits } from '../formats/digits.ts';
import { countValues, measureSamples, type Work } from '../http/admission.ts';
import { refuseLargePicture } from '../http/fitting-work.ts';
import {
  DRAWING_ERRORS,
  listBodies,
  PARTIAL,
  PICTURE_ERRORS,
  WORK_ERRORS,
  type OperationEntry,
} from '../http/operation.ts';
import type { LoadedModel } from '../models/model-cache.ts';

const DIGITS = {
  tag: 'digits',
  query: ROUTES.digit,
  answers: { ...listBodies(DIGIT_FORMATS), [DIGIT_FORMATS.json]: 'anyDigitsSchema' },
  conditional: true,
  errors: [...DRAWING_ERRORS, 'answer_too_large', ...PICTURE_ERRORS],
  otherStatuses: PARTIAL,
} as const satisfies Partial<OperationEntry>;
const { label: LABEL, ...BESIDE_LABEL } = ROUTES.digit;
const PATH_LABEL: Parameter = { ...LABEL, without: '' };
const OF_CLASS = { ...DIGITS, query: BESIDE_LABEL } as const;
const OF_NUMBER = {
  ...DIGITS,
  tag: 'numbers',
  routes: ['/number/:digits'],
  query: ROUTES.number,
} as const;
const EXTENSION = { ...ROUTES.digit.format, about: 'The answer’s format', without: '' } as const;
const BY_EXTENSION = { parameter: 'extension', types: DIGIT_FORMATS } as const;

/** A route of samples: `/digit` and `/sample` are names of the same answers. */
type Root = 'digit' | 'sample';
const ROOTS: readonly Root[] = ['digit', 'sample'];

/** The differences between the documentations of the two names. */
const WORDS = {
  digit: { id: 'drawDigits', many: 'digits', label: '7' },
  sample: { id: 'drawSamples', many: 'samples of any model', label: '0' },
} as const satisfies Record<Root, object>;

function describeSamples(root: Root): OperationEntry[] {
  const { id, many, label } = WORDS[root];
  const summary = `New ${many}, or those of a seed`;
  const ofClass = `${capitalize(many)}, all of one class`;
  return [
    {
      ...DIGITS,
      id,
      path: `/${root}`,
      summary: `${summary}, in the format of format= or Accept`,
      examples: [`/${root}?n=16`, `/${root}?seed=Ada&format=json`],
    },
    {
      ...DIGITS,
      id: `${id}As`,
      path: `/${root}.{extension}`,
      routes: FORMATS.digit.map((format) => `/${root}.${format}`),
      summary: `${summary}, in the extension’s format`,
      pathParameters: { extension: EXTENSION },
      variants: { ...BY_EXTENSION, id, summary },
      examples: [
        `/${root}.png?n=16&scale=4`,
        `/${root}.svg?seed=Ada&scale=8`,
        `/${root}.json?n=16`,
        `/${root}.png?n=9&scale=3&smooth=1&gap=4&margin=8&fg=1d2430&bg=transparent`,
        `/${root}.txt`,
        `/${root}.npy?n=256`,
      ],
    },
    {
      ...OF_CLASS,
      id: `${id}OfClass`,
      path: `/${root}/{label}`,
      routes: [`/${root}/:label`],
      summary: `${ofClass}, in the format of format= or Accept`,
      pathParameters: { label: PATH_LABEL },
      examples: [`/${root}/${label}`],
    },
    {
      ...OF_CLASS,
      id: `${id}OfClassAs`,
      path: `/${root}/{label}.{extension}`,
      routes: [`/${root}/:label`],
      summary: `${ofClass}, in the extension’s format`,
      pathParameters: { label: PATH_LABEL, extension: EXTENSION },
      variants: { ...BY_EXTENSION, id: `${id}OfClass`, summary: ofClass },
      examples: [`/${root}/${label}.png?scale=4`, `/${root}/${label}.json?n=16`],
    },
  ];
}

export const DIGIT_OPERATIONS: readonly OperationEntry[] = [
  ...ROOTS.flatMap(describeSamples),
  {
    ...OF_NUMBER,
    id: 'drawNumber',
    path: '/number/{digits}',
    summary:
      'A number in one handwriting, in the format of format= or Accept; /number/3.14 is the number 3.14, since 14 is no format',
    pathParameters: { digits: NUMBER },
    examples: ['/number/2026'],
  },
  {
    ...OF_NUMBER,
    id: 'drawNumberAs',
    path: '/number/{digits}.{extension}',
    summary: 'A number in one handwriting, in the extension’s format',
    pathParameters: { digits: NUMBER, extension: EXTENSION },
    variants: { ...BY_EXTENSION, id: 'drawNumber', summary: 'A number in one handwriting' },
    examples: [
      '/number/2026.png?scale=4',
      '/number/-3.14.png?seed=ink&scale=4&smooth=1',
      '/number/31415.svg?seed=Ada&scale=4',
    ],
  },
  {
    id: 'getFavicon',
    path: '/favicon.ico',
    tag: 'service',
    summary: 'The icon of this site, a digit as PNG',
    answers: { [DIGIT_FORMATS.png]: 'bytes' },
    otherStatuses: PARTIAL,
    conditional: true,
    errors: ['range_not_satisfiable', 'too_expensive', ...WORK_ERRORS],
    examples: ['/favicon.ico'],
  },
];

/** Extensions that people ask for and neither /digit nor /number has. */
const FOREIGN_FORMATS = 'webp avif gif jpg jpeg jxl heic bmp tiff pdf'.split(' ');

/** The query of /favicon.ico, which browsers request for answers that are no pages. */
const FAVICON = new URLSearchParams('seed=digitmint');

export function addDigitRoutes(app: App, dependencies: AppDependencies): void {
  app.get('/favicon.ico', (c) => answerDigits(c, dependencies, 'png', parseDigitQuery(FAVICON)));
  for (const root of ROOTS) {
    for (const extension of [undefined, ...FORMATS.digit]) {
      app.get(extension === undefined ? `/${root}` : `/${root}.${extension}`, (c) =>
        answerDigits(c, dependencies, extension, parseDigitQuery(c.get('url').searchParams)),
      );
    }
    app.get(`/${root}/:label`, (c) => {
      const { text, extension } = splitExtension(c.req.param('label'));
      // The path's label counts as a parameter, so a second one in the query is a repetition.
      const search = new URLSearchParams(c.get('url').searchParams);
      search.append('label', text);
      return answerDigits(c, dependencies, extension, parseDigitQuery(search));
    });
  }
  app.get('/number/:digits', (c) => {
    const { text, extension } = splitExtension(c.req.param('digits'));
    const query = parseDigitQuery(c.get('url').searchParams, text);
    return answerDigits(c, dependencies, extension, query);
  });
}

/**
 * Splits the last segment of a path. Its text may hold dots: only known extensions count, in lower
 * case.
 * @throws Refusal  For the extension of another format.
 */
function splitExtension(segment: string): { text: string; extension: DigitFormat | undefined } {
  const dot = segment.lastIndexOf('.');
  const received = segment.slice(dot + 1);
  const extension = FORMATS.digit.find((format) => format === received);
  if (dot >= 0 && extension !== undefined) {
    return { text: segment.slice(0, dot), extension };
  }
  const near = received.toLowerCase();
  if (dot >= 0 && [...FOREIGN_FORMATS, ...FORMATS.digit].includes(near)) {
    throw new Refusal({ code: 'format_not_found', received, available: FORMATS.digit });
  }
  return { text: segment, extension: undefined };
}

/** @param extension  The path's extension, which decides the format. */
function answerDigits(
  c: AppContext,
  dependencies: AppDependencies,
  extension: DigitFormat | undefined,
  asked: DigitQuery,
): Promise<Response> {
  const settled = settleFormat(c, 'digit', DIGIT_FORMATS, extension, asked);
  const { query, format } = settled;
  return answerDrawing<PinnedDigits>(c, dependencies, {
    written: query.number,
    holdsUrls: format === 'json' || format === 'ndjson',
    pin: (model, seed, label, manifest) => {
      const pinned = pinQuery('digit', { ...query, label }, format, model, seed);
      return { ...omitOwnColours(pinned, manifest), number: query.number };
    },
    buildUrl: buildDigitUrl,
    check(digits, loaded) {
      checkColours(query, c.get('url').searchParams, loaded);
      check(digits, query, loaded);
    },
    describeContent,
    measureWork(digits, loaded) {
      const samples = digits.number?.length ?? digits.n;
      const { plan, manifest } = loaded.sampler;
      const drawn = measureSamples(plan, samples);
      const values = countValues(samples, loaded);
      switch (format) {
        case 'png':
          return { ...drawn, ...measurePicture(digits, loaded) };
        case 'svg':
          return { ...drawn, outlined: values };
        case 'npy':
          return drawn;
        case 'json':
        case 'ndjson': {
          const latent = digits.latent ? samples * manifest.latent.size : 0;
          return { ...drawn, text: values, item: samples, latent };
        }
        case 'txt':
          return { ...drawn, outlined: values / manifest.image.channels / 2 };
      }
    },
    mustDraw: (digits, loaded) =>
      digits.number !== undefined &&
      ((digits.width ?? digits.height) !== undefined ||
        isTooLarge(digits, measureWidest(digits, loaded))),
    render(digits, loaded, labels, markDrawn) {
      const { sampler } = loaded;
      const { seed, start, n: count, number, truncation } = digits;
      const { classes, latent, subject } = sampler.manifest;
      const hand = digits.hand === undefined ? undefined : readHand(digits.hand, digits.vary);
      const [base, png] = [findBase(c, dependencies), c.get('png')];
      const context = { digits, classes, subject, latentSize: latent.size, base, png };
      if (number !== undefined) {
        const drawn = sampler.drawHand({ seed, start, truncation, labels, hand });
        const samples = writeNumber(number, drawn, digits);
        markDrawn();
        const fitted = fitSheet(digits, query, samples);
        checkSize(digits, measureSheet(samples, 1, fitted));
        return renderDigits({ ...context, scale: fitted.scale }, samples, start);
      }
      const [label] = labels;
      const { scale } = fitSheet(digits, query, sampler.manifest.image);
      const samples = sampler.draw({ seed, start, count, truncation, label, hand });
      markDrawn();
      return renderDigits({ ...context, scale }, samples, start);
    },
    ...settled,
    ...(format === 'ndjson' && { gzip: 'coding' }),
  });
}

/** Formats whose text is held whole. */
const HELD: readonly DigitFormat[] = ['json', 'txt', 'svg'];

/** Measures the work of encoding a sheet as PNG. */
function measurePicture(digits: PinnedDigits, loaded: LoadedModel): Work {
  const { width, height } = measureWidest(digits, loaded);
  const { channels } = loaded.sampler.manifest.image;
  const png = width * height * channels;
  const isFitted = (digits.width ?? digits.height) !== undefined;
  const scale = isFitted ? LIMITS.maxScale : digits.scale;
  const enlarged = countValues(digits.number?.length ?? digits.n, loaded) * scale ** 2;
  return { png, smooth: digits.smooth ? Math.min(png, enlarged) : 0 };
}

/** Fits the sheet into the asked size. JSON's digits are pictures of their own. */
function fitSheet(digits: PinnedDigits, { dpr }: DigitQuery, sample: Size) {
  const isSheet = digits.format !== 'json' && digits.format !== 'ndjson';
  const [n, cols] = isSheet ? [digits.n, digits.cols] : [1, 1];
  return fitInto(digits, dpr, (scale) => measureSheet(sample, n, { ...digits, cols, scale }));
}

/** Measures the picture. A number's digits decide its width, so this is the largest it can be. */
function measureWidest(digits: PinnedDigits, { sampler }: LoadedModel): Size {
  const { image } = sampler.manifest;
  const { number, n, width = Infinity, height = Infinity } = digits;
  const sample = number === undefined ? image : measureWidestJoined(image, number.length);
  const scale = Math.min(width, height) === Infinity ? digits.scale : LIMITS.maxScale;
  const size = measureSheet(sample, n, { ...digits, scale });
  return { width: Math.min(size.width, width), height: Math.min(size.height, height) };
}

const isTooLarge = ({ format }: PinnedDigits, { width, height }: Size): boolean =>
  format === 'png' && width * height > LIMITS.maxPicturePixels;

function checkSize(digits: PinnedDigits, { width, height }: Size): void {
  if (isTooLarge(digits, { width, height })) {
    refuseLargePicture({ width, height }, LIMITS.maxPicturePixels, digits);
  }
}

/** Checks that a model can draw digits in this look and size. @throws Refusal */
function check(digits: PinnedDigits, query: DigitQuery, loaded: LoadedModel): void {
  const { image } = loaded.sampler.manifest;
  if (digits.format === 'svg' && image.channels !== 1) {
    refuse('format', 'svg', loaded.name, 'it draws in colour, and outlines are of ink');
  }
  const values = countValues(digits.number?.length ?? digits.n, loaded);
  if (HELD.includes(digits.format) && values > LIMITS.maxNumbers) {
    throw new Refusal({ code: 'answer_too_large', values, maxValues: LIMITS.maxNumbers });
  }
  // The size of a number is known when its digits are drawn.
  if (digits.number === undefined) {
    checkSize(digits, measureSheet(image, digits.n, fitSheet(digits, query, image)));
  }
}

/** For a picture that is opened as a document: its style element serves the dark scheme. */
const SVG_POLICY = "default-src 'none'; style-src 'unsafe-inline'";

function describeContent(digits: PinnedDigits): Record<string, string> {
  const { format, number } = digits;
  const mediaType = DIGIT_FORMATS[format];
  const prefix = number === undefined ? '' : `${number.replaceAll(/[ :']/g, '_')}-`;
  return {
    'Content-Type': mediaType === 'text/plain' ? `${mediaType}; charset=utf-8` : mediaType,
    'Content-Disposition': describeFile('inline', nameFile(prefix, digits)),
    ...(format === 'svg' && { 'Content-Security-Policy': SVG_POLICY }),
  };
}
