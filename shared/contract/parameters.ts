/**
 * Every parameter of the drawing routes, once. Parsing, OpenAPI, `/docs`, the playground's
 * controls, the client's options and URLs, the element's attributes and the command line's flags
 * are all derived from this table. To add a parameter: an entry here, then use its value where
 * digits are drawn. Without dependencies: the client imports it.
 */
import { CLASS_LIMITS } from '../model/classes.ts';
import { HAND_PATTERN, MAX_HAND_LENGTH } from '../hand/hand-text.ts';
import type { Colour } from '../picture/colour.ts';
import { chooseCols } from '../picture/sheet-layout.ts';
import { FORMATS, SET_PARTS, type RouteName } from './formats.ts';
import { LIMITS } from './limits.ts';

/** Canonical texts of a URL's parameters by name; undefined where a parameter is absent. */
export type Texts = Readonly<Record<string, string | undefined>>;

/** Which texts a parameter accepts, and the type of its value. */
export type Kind =
  | { readonly kind: 'whole' | 'decimal'; readonly min: number; readonly max: number }
  | { readonly kind: 'flag' | 'colour' | 'model' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | {
      readonly kind: 'text';
      /** Default 1. */
      readonly minLength?: number;
      readonly maxLength?: number;
      readonly pattern?: RegExp;
      /** The expected values, in the words of error messages. */
      readonly expected: string;
    };

/** How a parameter is documented, in sentences without a full stop. */
interface Words {
  readonly about: string;
  /** The effect of leaving the parameter out, if `default` does not say it. */
  readonly without?: string;
  /** A text that the parameter accepts. */
  readonly example: string;
}

/** Says what a URL may omit, and in which formats a parameter has an effect. */
interface Effect {
  /** The text that means the same as no parameter. */
  readonly default?: string | ((texts: Texts) => string);
  /** Whether canonical URLs state the default too. */
  readonly stated?: boolean;
  /** Whether canonical URLs never have the parameter. */
  readonly transient?: boolean;
  readonly required?: boolean;
  /** Formats in which the parameter has an effect; absent for all. */
  readonly formats?: readonly string[];
  /** Formats in which the parameter is ignored without a warning. */
  readonly unwarned?: readonly string[];
  /** Parameters that must not stand beside this one. */
  readonly replaces?: readonly string[];
  /** The parameter without which this one has no effect. */
  readonly needs?: string;
  /** Whether the parameter changes nothing beside these others. */
  readonly isIdle?: (texts: Texts, format: string) => boolean;
}

/** A parameter of a route. */
export type Parameter = Kind & Words & Effect;

/** Groups of the playground's controls, in their order. */
export const CONTROL_GROUPS = ['Which samples', 'Layout', 'Colours', 'Answer', 'More'] as const;

/** The playground's control: its title, its group, and a place there other than the table's. */
export interface Control {
  readonly title: string;
  readonly group: (typeof CONTROL_GROUPS)[number];
  readonly place?: number;
}

/** An entry: the parameter, the routes that have it, and what differs in some of them. */
type Entry = Partial<Parameter> & {
  readonly control?: Control;
  readonly routes: readonly RouteName[];
  readonly in?: { readonly [R in RouteName]?: Partial<Parameter> };
};

function whole(min: number, max: number) {
  return { kind: 'whole', min, max } as const;
}

const DIGITS = ['digit', 'number'] as const;
const PICTURES = ['digit', 'number', 'morph'] as const;
const HANDS = ['digit', 'number', 'dataset', 'morph', 'jobs'] as const;
const SAMPLES = ['digit', 'dataset', 'morph', 'jobs'] as const;
const ALL = ['digit', 'number', 'dataset', 'morph', 'jobs'] as const;

/** How JSON writes pixels. */
const PIXEL_FORMS = ['array', 'base64'] as const;
export type PixelForm = (typeof PIXEL_FORMS)[number];

/** GIF viewers slow down frames that are shorter than 20 ms. */
const MAX_FPS = 50;

/** Formats in which the look of a picture has an effect; JSON's digits link to their pictures. */
const LOOK_FORMATS = ['png', 'json', 'svg', 'ndjson', 'gif'] as const;

/** Zeros in the place of the latents of the shipped model. */
const EXAMPLE_HAND = `1.digits.3423e331368875c9.${'A'.repeat(86)}`;

const HAND = {
  kind: 'text',
  minLength: 20,
  maxLength: MAX_HAND_LENGTH,
  pattern: HAND_PATTERN,
  expected: 'a hand, FORM.MODEL.VERSION.LATENTS, as POST /hand and the page /hand write it',
  example: EXAMPLE_HAND,
} as const;

const MORPH_PIXELS = `all frames together have at most ${LIMITS.maxMorphPixels} pixels`;

/** The seed of a URL with a hand and without a seed: such a URL always gives the same digits. */
export const HAND_SEED = 'hand';

/** The table. Its order is that of canonical URLs and of the documentation. */
export const PARAMETERS = {
  seed: {
    kind: 'text',
    maxLength: LIMITS.maxSeedLength,
    expected: `1 to ${LIMITS.maxSeedLength} characters`,
    about: 'Any text: the same seed always gives the same samples',
    without: 'new samples at every call; the answer names the seed that it used',
    example: 'Ada',
    control: { title: 'Seed', group: 'Which samples', place: 2 },
    isIdle: ({ seed, hand }: Texts) => hand !== undefined && seed === HAND_SEED,
    routes: ALL,
    in: {
      dataset: { without: 'a new one; the answer names it, and the labels need the same' },
      morph: { about: 'Any text: the same seed always gives the same walk' },
      jobs: {
        about: 'Any text: seed and model decide every sample, so the same job is the same set',
        required: true,
      },
    },
  },
  start: {
    ...whole(0, LIMITS.maxStart),
    default: '0',
    about:
      'Index of the first sample in the seed’s endless sequence; sample i of a batch equals start=i alone',
    example: '16',
    control: { title: 'Start at', group: 'Which samples', place: 4 },
    routes: ALL,
    in: {
      dataset: {
        about:
          'Index of the first sample in the seed’s endless sequence: a sample never depends on the range',
      },
      morph: { about: 'Index of the first digit in the seed’s endless sequence' },
    },
  },
  n: {
    kind: 'whole',
    min: 1,
    about: 'How many samples',
    control: { title: 'How many', group: 'Which samples', place: 3 },
    routes: SAMPLES,
    in: {
      digit: { max: LIMITS.maxDigits, default: '1', example: '16' },
      dataset: {
        max: LIMITS.maxDatasetDigits,
        default: '1000',
        stated: true,
        about: 'How many samples; the next range begins at start + n',
        example: '1000',
      },
      morph: {
        min: 2,
        max: LIMITS.maxMorphDigits,
        default: ({ digits, labels }: Texts) =>
          String(labels?.split(',').length ?? digits?.length ?? 5),
        without: '5',
        about: 'How many samples to walk through from start; the last turns into the first again',
        example: '8',
      },
      jobs: { max: LIMITS.maxJobDigits, required: true, example: '1000000' },
    },
  },
  /** `findClass` checks it against the model's classes. */
  label: {
    kind: 'text',
    maxLength: CLASS_LIMITS.nameLength,
    expected: `a class of the model by its name or its number, 1 to ${CLASS_LIMITS.nameLength} characters`,
    about: 'The class of every sample',
    without: 'drawn from the seed',
    example: '7',
    control: { title: 'Class', group: 'Which samples', place: 1 },
    routes: SAMPLES,
    in: { morph: { about: 'The class of every digit: then only the handwriting changes' } },
  },
  /** Latent vectors are multiplied by it. */
  truncation: {
    kind: 'decimal',
    min: 0,
    max: 1,
    default: '1',
    about:
      'How far latent vectors reach from the centre of the latent space: less gives plainer samples that are more alike',
    example: '0.7',
    control: { title: 'Truncation', group: 'Which samples', place: 5 },
    routes: ALL,
  },
  hand: {
    ...HAND,
    about:
      'A handwriting from POST /hand or the page /hand: the samples are written so, by the version of the model that the hand names',
    without: 'the seed decides the handwriting',
    control: { title: 'Hand', group: 'Which samples' },
    routes: HANDS,
    in: { morph: { about: 'The handwriting of the first digit, and of all of them without to' } },
  },
  to: {
    ...HAND,
    about: 'The handwriting of the last sample: the walk goes from one hand to the other',
    without: 'all samples are in one hand',
    needs: 'hand',
    routes: ['morph'],
  },
  vary: {
    kind: 'decimal',
    min: 0,
    max: 1,
    default: '0',
    needs: 'hand',
    about:
      'How far each sample leaves the hand, as the seed decides: 0 is always the same, 1 any hand',
    example: '0.2',
    control: { title: 'Variation', group: 'Which samples' },
    routes: HANDS,
    in: {
      dataset: { default: '0.2', stated: false },
      jobs: { default: '0.2', stated: false },
    },
  },
  digits: {
    kind: 'text',
    maxLength: LIMITS.maxMorphDigits,
    pattern: /^[0-9]{2,}$/,
    expected: `2 to ${LIMITS.maxMorphDigits} digits from 0 to 9`,
    replaces: ['n', 'label'],
    about:
      'The digits to walk through, where the classes are digits, all in the handwriting of start. Replaces n and label',
    without: 'n samples of the seed’s sequence',
    example: '9876543210',
    routes: ['morph'],
  },
  labels: {
    kind: 'text',
    maxLength: 999,
    pattern: /^[^,]+(,[^,]+){1,15}$/,
    expected: '2 to 16 classes, separated by commas',
    replaces: ['n', 'label', 'digits'],
    about: 'The classes to walk through: their names or numbers, separated by commas',
    without: 'n samples of the seed’s sequence',
    example: '0,1',
    routes: ['morph'],
  },
  frames: {
    ...whole(1, LIMITS.maxMorphFrames),
    default: '16',
    about: `Frames from one sample to the next; ${MORPH_PIXELS}`,
    example: '24',
    routes: ['morph'],
  },
  fps: {
    ...whole(1, MAX_FPS),
    default: '25',
    about: 'Frames a second',
    example: '30',
    routes: ['morph'],
  },
  hold: {
    ...whole(0, LIMITS.maxMorphHoldMs),
    default: '400',
    about: 'How long each sample rests, in milliseconds',
    example: '0',
    routes: ['morph'],
  },
  cols: {
    ...whole(1, LIMITS.maxCols),
    default: ({ n = '1' }: Texts) => String(chooseCols(Number(n))),
    formats: ['png', 'svg', 'txt'],
    // Early callers of JSON may send it along with `strict=1`.
    unwarned: ['json'],
    about: 'Samples in a row of the sheet',
    without: 'a square',
    example: '4',
    control: { title: 'Columns', group: 'Layout' },
    routes: ['digit'],
  },
  scale: {
    ...whole(1, LIMITS.maxScale),
    default: '1',
    formats: LOOK_FORMATS,
    about: `Side in output pixels of the square that one pixel of a sample becomes; a picture has at most ${LIMITS.maxPicturePixels} pixels`,
    example: '4',
    control: { title: 'Scale', group: 'Layout' },
    routes: PICTURES,
    in: {
      morph: {
        about: `Side in output pixels of the square that one pixel of a sample becomes; ${MORPH_PIXELS}`,
      },
    },
  },
  gap: {
    ...whole(0, LIMITS.maxGap),
    default: '0',
    formats: ['png', 'svg'],
    isIdle: ({ n = '1' }: Texts) => n === '1',
    about: 'Output pixels of paper between samples',
    example: '4',
    control: { title: 'Gap', group: 'Layout' },
    routes: ['digit'],
  },
  margin: {
    ...whole(0, LIMITS.maxGap),
    default: '0',
    formats: LOOK_FORMATS,
    about: 'Output pixels of paper around the whole picture',
    example: '8',
    control: { title: 'Margin', group: 'Layout' },
    routes: PICTURES,
  },
  /** `fitInto` in worker/drawing.ts turns width and height into a scale. */
  width: {
    ...whole(1, LIMITS.maxSide),
    formats: LOOK_FORMATS,
    replaces: ['scale'],
    about: 'Output pixels that the picture fits into: the largest scale of so wide a picture',
    without: 'as scale says',
    example: '300',
    control: { title: 'Width', group: 'Layout' },
    routes: PICTURES,
  },
  height: {
    ...whole(1, LIMITS.maxSide),
    formats: LOOK_FORMATS,
    replaces: ['scale'],
    about: 'Output pixels that the picture fits into: the largest scale of so high a picture',
    without: 'as scale says',
    example: '300',
    control: { title: 'Height', group: 'Layout' },
    routes: PICTURES,
  },
  /** `multiplyPixels` turns it into a larger `scale`, `gap` and `margin`. */
  dpr: {
    kind: 'decimal',
    min: 1,
    max: LIMITS.maxDpr,
    default: '1',
    transient: true,
    formats: ['png', 'gif'],
    about:
      'Device pixels for each CSS pixel: multiplies scale, gap and margin, to whole pixels. PNG and loops only, since SVG is sharp on any screen',
    example: '2.625',
    control: { title: 'Device pixels', group: 'Layout' },
    routes: PICTURES,
    in: { morph: { about: 'Device pixels for each CSS pixel: multiplies scale and margin' } },
  },
  fg: {
    kind: 'colour',
    formats: LOOK_FORMATS,
    about: 'The ink’s colour',
    without: 'ffffff, or 000000 for a model with light paper',
    example: '1d2430',
    control: { title: 'Ink', group: 'Colours' },
    routes: PICTURES,
  },
  bg: {
    kind: 'colour',
    formats: LOOK_FORMATS,
    about: 'The paper’s colour',
    without: '000000, or the colour of the model’s paper',
    example: 'transparent',
    control: { title: 'Paper', group: 'Colours' },
    routes: PICTURES,
    in: {
      morph: {
        about:
          'The paper’s colour; GIF has no partial transparency, so edges on transparent paper are hard',
      },
    },
  },
  smooth: {
    kind: 'flag',
    default: '0',
    formats: LOOK_FORMATS,
    isIdle: ({ scale = '1', width, height }: Texts, format: string) =>
      format !== 'svg' && scale === '1' && (width ?? height) === undefined,
    about:
      'Enlarges with smooth edges instead of squares; in SVG with curves instead of straight lines',
    example: '1',
    control: { title: 'Smooth', group: 'Layout' },
    routes: PICTURES,
    in: { morph: { about: 'Enlarges with smooth edges instead of squares' } },
  },
  dark_fg: {
    kind: 'colour',
    formats: ['svg'],
    isIdle: ({ dark_fg, fg }: Texts) => dark_fg === fg,
    about: 'SVG only: the ink’s colour for viewers with a dark colour scheme',
    without: 'as fg',
    example: 'e8eaee',
    control: { title: 'Ink in the dark', group: 'Colours' },
    routes: DIGITS,
  },
  dark_bg: {
    kind: 'colour',
    formats: ['svg'],
    isIdle: ({ dark_bg, bg }: Texts) => dark_bg === bg,
    about: 'SVG only: the paper’s colour for viewers with a dark colour scheme',
    without: 'as bg',
    example: '14161a',
    control: { title: 'Paper in the dark', group: 'Colours' },
    routes: DIGITS,
  },
  part: {
    kind: 'choice',
    choices: SET_PARTS,
    default: 'images',
    formats: ['idx', 'idx.gz', 'npy'],
    about: 'idx, idx.gz and npy hold either images or labels; the other formats hold both',
    example: 'labels',
    routes: ['dataset'],
  },
  pixels: {
    kind: 'choice',
    choices: PIXEL_FORMS,
    default: 'array',
    formats: ['json', 'ndjson'],
    about: 'JSON only: pixels as an array of numbers, or as base64 of their bytes, half as long',
    example: 'base64',
    control: { title: 'Pixels', group: 'Answer', place: 2 },
    routes: ['digit', 'number', 'dataset'],
    in: {
      dataset: {
        about:
          'ndjson only: pixels as an array of numbers, or as base64 of their bytes, half as long',
      },
    },
  },
  latent: {
    kind: 'flag',
    default: '0',
    formats: ['json', 'ndjson'],
    about:
      'JSON only: adds each sample’s latent vector, the numbers that the network draws it from',
    example: '1',
    control: { title: 'Latent vector', group: 'Answer', place: 5 },
    routes: ['digit', 'number', 'dataset'],
    in: {
      dataset: {
        about:
          'ndjson only: adds each sample’s latent vector, the numbers that the network draws it from',
      },
    },
  },
  format: {
    kind: 'choice',
    choices: FORMATS.digit,
    transient: true,
    about: 'The answer’s format; the path’s extension decides first, Accept last',
    without: 'png',
    example: 'json',
    control: { title: 'Format', group: 'Answer', place: 1 },
    routes: ['digit', 'number', 'morph', 'jobs'],
    in: {
      morph: {
        choices: FORMATS.morph,
        about:
          'The answer’s format, where png is an animated PNG; the path’s extension decides first, Accept last',
        example: 'gif',
      },
      jobs: {
        choices: FORMATS.jobs,
        default: 'npy',
        stated: true,
        transient: false,
        about: 'The format of each shard: images and labels are two files',
        without: 'npy',
        example: 'idx',
      },
    },
  },
  model: {
    kind: 'model',
    about:
      'Which model draws; with seed and version the answer never changes and is cached permanently',
    without: 'the service’s default model',
    example: 'digits',
    control: { title: 'Model', group: 'Answer', place: 3 },
    routes: ALL,
    in: {
      jobs: {
        about: 'Which model draws: the job is pinned to the version that serves when it starts',
      },
    },
  },
  strict: {
    kind: 'flag',
    default: '0',
    transient: true,
    about:
      'Refuses parameters that are unknown or without effect, instead of naming them in the header Digitmint-Warning',
    example: '1',
    control: { title: 'Strict', group: 'Answer', place: 4 },
    routes: ['digit', 'number', 'dataset', 'morph'],
  },
} as const satisfies Readonly<Record<string, Entry>>;

/** The number of `/number`, which stands in the path. */
export const NUMBER = {
  kind: 'text',
  maxLength: LIMITS.maxNumberLength,
  pattern: /^(?:[-+.,:'] ?)*[0-9](?: ?[-+.,:'0-9])*$/,
  expected: `1 to ${LIMITS.maxNumberLength} characters: at least one digit, among them - + . , : ' and single spaces, but no %, € or $`,
  about: 'The number, with its signs',
  example: '2026',
} as const satisfies Parameter;

type ParameterName = keyof typeof PARAMETERS;

/** The differences of a route. */
type Difference<R, E> = E extends { readonly in: infer I }
  ? R extends keyof I
    ? I[R]
    : unknown
  : unknown;
type Row<R, E> = Omit<E, 'routes' | 'in' | keyof Difference<R, E>> & Difference<R, E>;

/** The parameters of a route by name. */
export type ParametersOf<R extends RouteName> = {
  readonly [
    K in ParameterName as R extends (typeof PARAMETERS)[K]['routes'][number] ? K : never
  ]: Row<R, (typeof PARAMETERS)[K]>;
};

/** A model as callers name it; without a version the one that serves. */
export interface ModelChoice {
  readonly name: string;
  readonly version: string | undefined;
  /** The hand that names it, `hand` or `to`. Default: the parameter `model`. */
  readonly parameter?: string;
}

/** The type of a parameter's parsed value. */
export type ValueOf<P> = P extends { readonly kind: infer K }
  ? K extends 'whole' | 'decimal'
    ? number
    : K extends 'flag'
      ? boolean
      : K extends 'colour'
        ? Colour
        : K extends 'model'
          ? ModelChoice
          : P extends { readonly choices: readonly (infer C)[] }
            ? C
            : string
  : never;

/** The parameters of each route, in the table's order. */
export const ROUTES = Object.fromEntries(
  (Object.keys(FORMATS) as RouteName[]).map((route) => {
    const entries = Object.entries<Entry>(PARAMETERS)
      .filter(([, { routes }]) => routes.includes(route))
      .map(([name, entry]) => [name, { ...entry, ...entry.in?.[route] }]);
    return [route, Object.fromEntries(entries)];
  }),
) as unknown as { readonly [R in RouteName]: ParametersOf<R> };
