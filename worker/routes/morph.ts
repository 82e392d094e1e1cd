/** `GET /morph`, `/morph.png`, `/morph.gif`: digits that turn into one another, as a loop. */
import { FORMATS, MORPH_FORMATS, type MorphFormat } from '../../shared/contract/formats.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { ROUTES } from '../../shared/contract/parameters.ts';
import {
  buildUrl,
  parseQuery,
  pinQuery,
  type Pinned,
  type Query,
} from '../../shared/contract/query.ts';
import type { Manifest } from '../../shared/model/artifact.ts';
import { findClass } from '../../shared/model/classes.ts';
import type { Samples } from '../../shared/model/sampler.ts';
import { resolveColours } from '../../shared/picture/paper.ts';
import type { PngEncoder } from '../../shared/picture/png.ts';
import { buildSheet } from '../../shared/picture/sheet.ts';
import { measureSheet } from '../../shared/picture/sheet-layout.ts';
import type { App, AppContext } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import {
  answerDrawing,
  checkColours,
  describeFile,
  fitInto,
  nameFile,
  omitOwnColours,
  settleFormat,
} from '../drawing.ts';
import { readHand } from '../hand.ts';
import { encodeApng } from '../formats/apng.ts';
import { encodeGif, MAX_PALETTE_PIXELS } from '../../shared/animation/gif.ts';
import { countValues, measureSamples } from '../http/admission.ts';
import { refuseLargePicture } from '../http/fitting-work.ts';
import {
  DRAWING_ERRORS,
  listBodies,
  PARTIAL,
  PICTURE_ERRORS,
  type OperationEntry,
} from '../http/operation.ts';
import type { LoadedModel } from '../models/model-cache.ts';

const SHARED = {
  tag: 'morphs',
  query: ROUTES.morph,
  answers: listBodies(MORPH_FORMATS),
  conditional: true,
  errors: [...DRAWING_ERRORS, ...PICTURE_ERRORS],
  otherStatuses: PARTIAL,
} as const satisfies Partial<OperationEntry>;

export const MORPH_OPERATIONS: readonly OperationEntry[] = [
  {
    ...SHARED,
    id: 'drawMorph',
    path: '/morph',
    summary: 'A loop in which samples turn into one another, in the format of format= or Accept',
    examples: ['/morph?seed=Ada&scale=4'],
  },
  {
    ...SHARED,
    id: 'drawMorphAs',
    path: '/morph.{extension}',
    routes: FORMATS.morph.map((format) => `/morph.${format}`),
    summary: 'A loop in which samples turn into one another, in the extension’s format',
    variants: {
      parameter: 'extension',
      types: MORPH_FORMATS,
      id: 'drawMorph',
      summary: 'A loop in which samples turn into one another',
    },
    pathParameters: {
      extension: {
        ...ROUTES.morph.format,
        about: 'The answer’s format; png is animated',
        without: '',
      },
    },
    examples: [
      '/morph.png?scale=4',
      '/morph.gif?digits=9876543210&seed=Ada&scale=4&hold=600',
      '/morph.gif?labels=0,1&seed=Ada&scale=4',
      '/morph.png?label=7&seed=Ada&scale=4&smooth=1&fg=1d2430&bg=transparent&hold=0',
    ],
  },
];

export function addMorphRoutes(app: App, dependencies: AppDependencies): void {
  app.get('/morph', (c) => answerMorph(c, dependencies));
  for (const format of FORMATS.morph) {
    app.get(`/morph.${format}`, (c) => answerMorph(c, dependencies, format));
  }
}

function answerMorph(
  c: AppContext,
  dependencies: AppDependencies,
  extension?: MorphFormat,
): Promise<Response> {
  const asked = parseQuery('morph', c.get('url').searchParams);
  const settled = settleFormat(c, 'morph', MORPH_FORMATS, extension, asked);
  const { query, format } = settled;
  return answerDrawing<Pinned<'morph'>>(c, dependencies, {
    ...settled,
    written: query.labels?.split(',') ?? query.digits,
    holdsUrls: false,
    pin: (model, seed, label, manifest) => {
      const labels = query.labels && nameLabels(query.labels, manifest);
      const pinned = pinQuery('morph', { ...query, label, labels }, format, model, seed);
      return omitOwnColours(pinned, manifest);
    },
    buildUrl: (morph) => buildUrl('morph', morph),
    check(morph, loaded) {
      checkColours(query, c.get('url').searchParams, loaded);
      checkSize(fitLoop(morph, query, loaded), loaded);
    },
    describeContent(morph) {
      const n = (morph.digits ?? morph.labels) === undefined ? morph.n : 1;
      return {
        'Content-Type': MORPH_FORMATS[format],
        'Content-Disposition': describeFile('inline', nameFile('morph-', { ...morph, n })),
      };
    },
    measureWork(morph, loaded) {
      const fitted = fitLoop(morph, query, loaded);
      const { frames, pixels } = measureLoop(fitted, loaded);
      const { plan, manifest } = loaded.sampler;
      const { channels } = manifest.image;
      const hasPalette = format === 'gif' && channels > 1;
      return {
        ...measureSamples(plan, frames),
        [format]: pixels * channels,
        smooth: fitted.smooth ? countValues(frames, loaded) * fitted.scale ** 2 : 0,
        frame: format === 'png' ? frames : 0,
        palette: hasPalette ? Math.min(pixels, MAX_PALETTE_PIXELS) : 0,
      };
    },
    render(morph, loaded, labels, markDrawn) {
      const { sampler } = loaded;
      const { seed, start, truncation, frames, n: count } = morph;
      const [label] = labels;
      const { hand: text, vary, to } = morph;
      const hand = text === undefined ? undefined : readHand(text, vary, to);
      const isWritten = (query.digits ?? query.labels) !== undefined;
      const samples = isWritten ? { labels } : { count, label };
      const drawn = sampler.drawMorph({ seed, start, truncation, frames, hand, ...samples });
      markDrawn();
      return encodeLoop(c.get('png'), fitLoop(morph, query, loaded), drawn);
    },
  });
}

/** Writes classes by their names, or by their numbers where a name holds a comma. */
function nameLabels(labels: string, manifest: Manifest | null): string {
  const classes = manifest?.classes ?? [];
  const nameLabel = (text: string) => {
    const label = findClass(classes, text);
    const name = label === undefined ? text : (classes[label] as string);
    return name.includes(',') ? String(label) : name;
  };
  return labels.split(',').map(nameLabel).join(',');
}

/** Encodes drawn frames as an animated picture. */
function encodeLoop(
  png: PngEncoder,
  morph: Pinned<'morph'>,
  frames: Samples,
): Uint8Array<ArrayBuffer> {
  const size = frames.height * frames.width * frames.channels;
  const pictures = Array.from({ length: frames.count }, (_, i) => {
    const pixels = frames.pixels.subarray(i * size, (i + 1) * size);
    return buildSheet({ ...frames, count: 1, pixels }, { ...morph, cols: 1 });
  });
  const colours = resolveColours(morph, frames.paper);
  return morph.format === 'gif'
    ? encodeGif(pictures, colours, listDelays(morph, 100))
    : encodeApng(png, pictures, colours, listDelays(morph, 1000));
}

/** Lists how long each frame is shown, in 1/`ticks` s. Rounds each end, so errors do not add up. */
function listDelays({ n, frames, fps, hold }: Pinned<'morph'>, ticks: number): number[] {
  const end = (frame: number) =>
    Math.round(ticks * (frame / fps + (Math.ceil(frame / frames) * hold) / 1000));
  return Array.from({ length: n * frames }, (_, frame) => end(frame + 1) - end(frame));
}

function fitLoop(
  morph: Pinned<'morph'>,
  { dpr }: Query<'morph'>,
  { sampler }: LoadedModel,
): Pinned<'morph'> {
  const { image } = sampler.manifest;
  return fitInto(morph, dpr, (scale) => measureSheet(image, 1, { ...morph, scale, cols: 1 }));
}

/** Measures a frame, and counts the pixels of all frames. */
function measureLoop(morph: Pinned<'morph'>, { sampler }: LoadedModel) {
  const { width, height } = measureSheet(sampler.manifest.image, 1, { ...morph, cols: 1 });
  const frames = morph.n * morph.frames;
  return { width, height, frames, pixels: width * height * frames };
}

function checkSize(fitted: Pinned<'morph'>, loaded: LoadedModel): void {
  const { pixels, ...size } = measureLoop(fitted, loaded);
  if (pixels > LIMITS.maxMorphPixels) {
    refuseLargePicture(size, LIMITS.maxMorphPixels, fitted);
  }
}
